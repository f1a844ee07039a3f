import { CLOCK_SKEW_MS_MAX } from './limits.ts'
import { toWholeNumber, wholeNumberWords } from './numbers.ts'

const TIME =
  /^(\d{4}-\d\d-\d\d)(?:T(?:[01]\d|2[0-3]):[0-5]\d(:[0-5]\d(?:\.\d+)?)?(Z|[+-](?:[01]\d|2[0-3])(:?)[0-5]\d)?)?$/

/**
 * Milliseconds since 1970 of a time of ISO 8601 that there is: of February 30th, there is none. undefined for all else.
 * @param form 'zoned': date, time with seconds, and zone, since one computer has another zone than the other. 'local': all
 *   behind the date may be left out, and without a zone it is local time
 */
export function parseTime(text: string, form: 'zoned' | 'local'): number | undefined {
  const [, day, seconds, zone, colon] = TIME.exec(text) ?? []
  if (day === undefined) return undefined
  if (form === 'zoned' && (seconds === undefined || zone === undefined || (zone !== 'Z' && colon === ''))) {
    return undefined
  }
  const midnight = new Date(`${day}T00:00:00Z`)
  // February 30th would be taken for a day in March.
  if (Number.isNaN(midnight.valueOf()) || !midnight.toISOString().startsWith(day)) return undefined
  // ECMAScript reads a bare date as UTC and a bare date with a time as local: one rule is enough here.
  return Date.parse(text.includes('T') ? text : `${text}T00:00:00`)
}

type Unit = 'milliseconds' | 'seconds'

/** Seconds from 1973 on, taken for milliseconds, are days of 1970 to 1973, which nobody means. */
const LOOKS_LIKE_SECONDS_MS_MIN = 100_000_000
const LOOKS_LIKE_SECONDS_MS_MAX = 100_000_000_000

/**
 * What is wrong with a time from which on records are to be read; undefined where nothing is. There are none of the future,
 * and whoever names such a time has mostly mistaken the unit.
 * @param since1970 as it was given
 */
export function startTimeProblem(
  since1970: unknown,
  nowMs: number,
  unit: Unit = 'milliseconds',
): string | undefined {
  const given = typeof since1970 === 'number' ? since1970 : Number.NaN
  // Of seconds, parts are taken, as AWS takes them.
  const ms = toWholeNumber(unit === 'seconds' ? Math.round(given * 1_000) : given)
  if (ms === undefined) return `is not ${wholeNumberWords({}, 'milliseconds')}, since 1970, in ${unit}`
  if (unit === 'milliseconds' && ms >= LOOKS_LIKE_SECONDS_MS_MIN && ms < LOOKS_LIKE_SECONDS_MS_MAX) {
    return `is ${showTime(ms)}, and looks like seconds: give ${unit} since 1970`
  }
  // Clocks differ a little.
  if (ms <= nowMs + CLOCK_SKEW_MS_MAX) return undefined
  const isFiner = ms / 1_000 >= LOOKS_LIKE_SECONDS_MS_MAX && ms / 1_000 <= nowMs + CLOCK_SKEW_MS_MAX
  const finer = unit === 'seconds' ? 'milliseconds' : 'microseconds'
  return `is ${showTime(ms)}, in the future${isFiner ? `, and looks like ${finer}: give ${unit} since 1970` : ''}`
}

function showTime(ms: number): string {
  const time = new Date(ms)
  return Number.isNaN(time.valueOf()) ? 'further away than any year that clocks have' : time.toISOString()
}
