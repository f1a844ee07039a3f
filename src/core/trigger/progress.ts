import { isObject, parseJson } from '../json.ts'
import { type Offset, toOffset } from '../numbers.ts'

/**
 * What is known of the records that fail at a group's committed offset. It is noted down with that offset, so that
 * whoever delivers next goes on where the last one died.
 */
export interface Progress {
  /** Calls that failed with the batch that stands first. Those that did not reach the function do not count. */
  readonly attempts: number
  /** Tries in a row that came to nothing, of whatever kind: what the pause between them grows with. */
  readonly failures: number
  /** When the first of them was: milliseconds since the epoch. */
  readonly sinceMs: number
  /** Where the batches end, each before this offset, that are to be called one after the other; ascending. */
  readonly ends: readonly Offset[]
  /** The first words of the last error. */
  readonly error: string
}

/** Halving the largest batch of 10,000 records leaves 15 ends. */
const ENDS_MAX = 64
/** With as many ends, and each character escaped, it stays below COMMIT_METADATA_BYTES_MAX. */
const ERROR_CHARACTERS_MAX = 300
const VERSION = 1

/** The text for a commit's metadata, never more than Kafka allows there; '' where nothing fails. */
export function encodeProgress(progress: Progress | null): string {
  if (progress === null) return ''
  const { attempts, failures, sinceMs } = progress
  const error = firstWords(progress.error)
  // Without the farthest ones more records share a batch later, and nothing else.
  const ends = progress.ends.slice(0, ENDS_MAX)
  return JSON.stringify({ trigger: VERSION, attempts, failures, sinceMs, ends, error })
}

/** What a commit's metadata says of failing records; null where it says nothing, or is somebody else's. */
export function decodeProgress(metadata: string): Progress | null {
  if (!metadata.startsWith('{"trigger":')) return null
  // Somebody else's metadata may begin as ours does.
  const fields = parseJson(metadata)
  if (!isObject(fields) || fields.trigger !== VERSION) return null
  const { attempts, failures, sinceMs, ends, error } = fields
  if (!isCount(attempts) || !isCount(failures) || !isCount(sinceMs) || typeof error !== 'string') return null
  if (!Array.isArray(ends) || ends.length > ENDS_MAX || !ends.every(isCount)) return null
  const isAscending = ends.every((end, index) => index === 0 || end > ends[index - 1]!)
  return isAscending ? { attempts, failures, sinceMs, ends: ends.map(toOffset), error } : null
}

/** Short enough to be noted down, and cut between characters. */
function firstWords(error: string): string {
  return [...error.slice(0, 2 * ERROR_CHARACTERS_MAX)].slice(0, ERROR_CHARACTERS_MAX).join('').toWellFormed()
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
