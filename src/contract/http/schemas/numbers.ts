import * as z from 'zod'
import { TOPIC_PARTITIONS_MAX } from '../../../core/limits.ts'
import {
  INT32_MAX,
  type Offset,
  type Position,
  type WholeNumberBounds,
  wholeNumberProblem,
} from '../../../core/numbers.ts'

/**
 * The numbers in bodies of the HTTP form. zod's `int` takes safe integers only, which is what Offset and Position are,
 * so the casts below add the brand and nothing else.
 */
export function wholeNumber(bounds: WholeNumberBounds = {}) {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds
  const words = {
    error: ({ input }: { input?: unknown }) =>
      wholeNumberProblem(typeof input === 'string' ? undefined : input, bounds),
  }
  const number = z.int(words).min(min, words)
  if (max === Number.MAX_SAFE_INTEGER) return number.meta({ format: 'int64' })
  return number.max(max, words).meta({ format: max <= INT32_MAX ? 'int32' : 'int64' })
}

export const OffsetSchema = wholeNumber() as unknown as z.ZodType<Offset, number>
export const PositionSchema = wholeNumber() as unknown as z.ZodType<Position, number>
export const CountSchema = wholeNumber()
export const TimestampMsSchema = wholeNumber()
export const PartitionSchema = wholeNumber({ max: INT32_MAX })
/** How many a topic is to have: how many it can have, the broker tells. */
export const PartitionsSchema = z
  .int32({
    error: ({ input }) =>
      wholeNumberProblem(typeof input === 'string' ? undefined : input, {
        min: 1,
        max: TOPIC_PARTITIONS_MAX,
      }),
  })
  .meta({ minimum: 1, maximum: TOPIC_PARTITIONS_MAX, format: 'int32' })
