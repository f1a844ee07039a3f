import * as z from 'zod'
import type { Offset, Position } from '../../../core/numbers.ts'

/**
 * The numbers in bodies of the HTTP form. zod's `int` takes safe integers only, which is what Offset and Position are,
 * so the casts below add the brand and nothing else.
 */
const wholeNumber = z.int().nonnegative()

export const OffsetSchema = wholeNumber as unknown as z.ZodType<Offset, number>
export const PositionSchema = wholeNumber as unknown as z.ZodType<Position, number>
export const CountSchema = wholeNumber
export const TimestampMsSchema = wholeNumber
export const PartitionSchema = z.int32().nonnegative()
