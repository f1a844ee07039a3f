import type { StartPlace } from '../../client/sdk/consuming/start-place.ts'
import { toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'
import { parseTime, startTimeProblem } from '../../core/times.ts'
import { UsageError } from '../output/failure.ts'

/**
 * Whole numbers are offsets, `-N` counts back from the end (both as in kcat); a time is ISO 8601 or
 * `@` and milliseconds since 1970, so that neither can be taken for the other.
 */
export function parseStartPlace(text: string): StartPlace {
  if (text === 'earliest' || text === 'beginning') return 'earliest'
  if (text === 'latest' || text === 'end') return 'latest'
  if (/^\d+$/.test(text)) return { offset: offsetOf(text, text) }
  if (/^-\d+$/.test(text)) return { fromEnd: offsetOf(text.slice(1), text) }
  const timestampMs = parseStartTime(text)
  if (timestampMs !== null) return { timestampMs }
  throw new UsageError(
    `'${text}' is no place in a log: give earliest, latest, an offset, -N for the last N records, ` +
      'or a time as 2026-01-31T12:00:00Z or @<milliseconds since 1970>',
  )
}

/**
 * Milliseconds since the epoch, or null where `text` is no time. A date without a zone is local time.
 * @throws UsageError where the time cannot be meant
 */
export function parseStartTime(text: string): number | null {
  const timestampMs = text.startsWith('@') ? toWholeNumber(text.slice(1)) : parseTime(text, 'local')
  if (timestampMs === undefined) return null
  const problem = startTimeProblem(timestampMs, Date.now())
  if (problem !== undefined) throw new UsageError(`'${text}' ${problem}`)
  return timestampMs
}

function offsetOf(digits: string, text: string): number {
  const offset = toWholeNumber(digits)
  if (offset !== undefined) return offset
  throw new UsageError(`${text} is no offset: that is ${wholeNumberWords()}`)
}
