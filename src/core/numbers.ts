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
  const value = typeof given === 'string' && /^-?\d+$/.test(given) ? Number(given) : given
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
