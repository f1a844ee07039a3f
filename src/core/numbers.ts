/**
 * Numbers that could be taken for one another carry a brand, so that the compiler refuses the mix-up.
 * All are safe integers: Kafka's offsets are 64 bits wide, Tidemark's end at 2^53 - 1, which is
 * 285 years at a million records a second.
 */
declare const brand: unique symbol

/** The place of a record in its partition; the first is 0. */
export type Offset = number & { readonly [brand]: 'offset' }

/** The place of a byte in an object; the first is 0. */
export type Position = number & { readonly [brand]: 'position' }

/** The largest number of 32 bits with a sign: what Kafka's partitions and epochs end at. */
export const INT32_MAX = 2 ** 31 - 1

/** Both included. Left out: from 0 to the largest safe integer. */
export interface WholeNumberBounds {
  readonly min?: number
  readonly max?: number
}

/**
 * The whole number that a person or a program gave: as a number, or as a text of decimal digits. undefined for all else:
 * what is out of bounds, what doubles lose (beyond 2^53 - 1), and whole numbers that are written in other ways, such as 1e3,
 * 0x10, +5, 5.0, with blanks, or in digits of other scripts, since not all who read them agree on them.
 */
export function toWholeNumber(
  given: unknown,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: WholeNumberBounds = {},
): number | undefined {
  // Plus 0: what is left of -0 is 0.
  const value = typeof given === 'string' && /^-?\d+$/.test(given) ? Number(given) + 0 : given
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
    ? (value as number)
    : undefined
}

/** What `toWholeNumber` takes, in words: "a whole number from 1 to 10000". */
export function wholeNumberWords(
  { min = 0, max = Number.MAX_SAFE_INTEGER }: WholeNumberBounds = {},
  unit?: string,
): string {
  const to = max === Number.MAX_SAFE_INTEGER ? 'on, below 2^53' : `to ${max}`
  return `a whole number${unit === undefined ? '' : ` of ${unit}`} from ${min} ${to}`
}

/**
 * What keeps `given` from being a whole number within the bounds, and what it must be: "is larger than 10000; it must be a
 * whole number from 1 to 10000". For what `toWholeNumber` does not take.
 */
export function wholeNumberProblem(given: unknown, bounds: WholeNumberBounds = {}): string {
  return `${whyNoWholeNumber(given, bounds)}; it must be ${wholeNumberWords(bounds)}`
}

/** The first half of that, where there is more that it can be. */
export function whyNoWholeNumber(given: unknown, bounds: WholeNumberBounds = {}): string {
  return typeof given === 'string' ? textProblem(given, bounds) : valueProblem(given, bounds)
}

function textProblem(text: string, bounds: WholeNumberBounds): string {
  // Of any length: doubles tell well enough on which side of the bounds it lies.
  if (/^-?\d+$/.test(text)) return valueProblem(Number(text), bounds)
  if (text === '') return 'is empty'
  if (/^\+\d+$/.test(text)) return 'has a plus sign'
  if (/^\s|\s$/.test(text)) return 'has a blank before or behind it (a + in a query is one)'
  if (/^[+-]?\d*\.\d+$/.test(text)) return 'is written as a fraction'
  return 'is not in decimal digits'
}

function valueProblem(value: unknown, { min = 0, max = Number.MAX_SAFE_INTEGER }: WholeNumberBounds): string {
  if (typeof value !== 'number' || Number.isNaN(value)) return 'is no number'
  if (value > max) return `is larger than ${max}`
  if (value < min) return min === 0 ? 'is negative' : `is smaller than ${min}`
  return 'is a fraction'
}

/** @throws RangeError when `value` is no offset */
export function toOffset(value: number): Offset {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not an offset`)
  return value as Offset
}

/** @throws RangeError when `value` is no position */
export function toPosition(value: number): Position {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a position`)
  return value as Position
}

export function advance(offset: Offset, records: number): Offset {
  return (offset + records) as Offset
}

/** The later one of two; where there is none to compare it with, the one. */
export function later(one: Offset, other: Offset = one): Offset {
  return one > other ? one : other
}
