import * as z from 'zod'
import { TOPIC_PARTITIONS_MAX } from '../../../core/limits.ts'
import {
  type Offset,
  type Position,
  type WholeNumberBounds,
  wholeNumberWords,
} from '../../../core/numbers.ts'

/**
 * The numbers in bodies of the HTTP form. zod's `int` takes safe integers only, which is what Offset and Position are,
 * so the casts below add the brand and nothing else.
 */
const wholeNumber = z.int(words({})).nonnegative(words({}))

export const OffsetSchema = wholeNumber as unknown as z.ZodType<Offset, number>
export const PositionSchema = wholeNumber as unknown as z.ZodType<Position, number>
export const CountSchema = wholeNumber
export const TimestampMsSchema = wholeNumber
export const PartitionSchema = z.int32(words({ max: 2 ** 31 - 1 })).nonnegative(words({ max: 2 ** 31 - 1 }))
/** How many a topic is to have: how many it can have, the broker tells. */
export const PartitionsSchema = z.int32(words({ min: 1, max: TOPIC_PARTITIONS_MAX }))

function words(bounds: WholeNumberBounds): { error: string } {
  return { error: `must be ${wholeNumberWords(bounds)}` }
}
