import * as z from 'zod'
import type { Offset, Position } from '../../core/numbers.ts'

/**
 * The numbers of the HTTP form. zod's `int` takes safe integers only, which is what Offset and Position are,
 * so the casts below add the brand and nothing else.
 */
const wholeNumber = z.int().nonnegative()

export const OffsetSchema = wholeNumber as unknown as z.ZodType<Offset, number>
export const PositionSchema = wholeNumber as unknown as z.ZodType<Position, number>
export const CountSchema = wholeNumber
export const TimestampMsSchema = wholeNumber
export const PartitionSchema = z.int32().nonnegative()

/** A whole number in a path or a query, where everything is text. */
function numberInText(largest: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number from 0 on, in decimal digits')
    .transform(Number)
    .refine(value => value <= largest, `must be at most ${largest}`)
    .meta({ type: 'integer', minimum: 0 })
}

export const OffsetText = numberInText(Number.MAX_SAFE_INTEGER) as unknown as z.ZodType<Offset, string>
export const PositionText = numberInText(Number.MAX_SAFE_INTEGER) as unknown as z.ZodType<Position, string>
export const NumberText = numberInText(Number.MAX_SAFE_INTEGER)
export const PartitionText = numberInText(2 ** 31 - 1)
