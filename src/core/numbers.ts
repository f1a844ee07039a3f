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
