import type { StartPlace } from '../../client/sdk/consuming/start-place.ts'
import { UsageError } from '../output/failure.ts'

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/

/**
 * Whole numbers are offsets, `-N` counts back from the end (both as in kcat); a time is ISO 8601 or
 * `@` and milliseconds since 1970, so that neither can be taken for the other.
 */
export function parseStartPlace(text: string): StartPlace {
  if (text === 'earliest' || text === 'beginning') return 'earliest'
  if (text === 'latest' || text === 'end') return 'latest'
  if (/^\d+$/.test(text)) return { offset: safeInteger(text, text) }
  if (/^-\d+$/.test(text)) return { fromEnd: safeInteger(text.slice(1), text) }
  const timestampMs = parseTime(text)
  if (timestampMs !== null) return { timestampMs }
  throw new UsageError(
    `'${text}' is no place in a log: give earliest, latest, an offset, -N for the last N records, ` +
      'or a time as 2026-01-31T12:00:00Z or @<milliseconds since 1970>',
  )
}

/** Milliseconds since the epoch, or null where `text` is no time. A date without a zone is local time. */
export function parseTime(text: string): number | null {
  if (/^@\d+$/.test(text)) return safeInteger(text.slice(1), text)
  if (!ISO_TIME.test(text)) return null
  // ECMAScript reads a bare date as UTC and a bare date with a time as local: one rule is enough here.
  const ms = Date.parse(text.includes('T') ? text : `${text}T00:00:00`)
  return Number.isNaN(ms) ? null : ms
}

function safeInteger(digits: string, text: string): number {
  const value = Number(digits)
  if (!Number.isSafeInteger(value))
    throw new UsageError(`${text} is larger than any offset or time, 2^53 - 1`)
  return value
}
