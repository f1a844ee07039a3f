import type { Offset } from '../../core/numbers.ts'
import { toWholeNumber } from '../../core/numbers.ts'
import { Lane } from '../../core/turns.ts'
import { DeleteRecords } from '../wire/messages/delete-records.ts'
import type { Context } from './context.ts'
import { codeOf, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

/** What of a request is deleted at the same time. */
const DELETIONS_PARALLEL = 32
/** Everything that is there. */
const HIGH_WATERMARK = -1
const NO_OFFSET = -1

export const deleteRecords = handler(DeleteRecords, [0, 2], async ({ topics }, context) => {
  const lane = new Lane(DELETIONS_PARALLEL)
  return {
    topics: await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(({ partitionIndex, offset }) =>
            lane.run(() => deleteBefore(name, partitionIndex, offset, context)),
          ),
        ),
      })),
    ),
  }
})

async function deleteBefore(topic: string, partition: number, offset: number, { broker }: Context) {
  const partitionIndex = partition
  const failed = (errorCode: number) => ({ partitionIndex, lowWatermark: NO_OFFSET, errorCode })
  if (toWholeNumber(partition) === undefined) return failed(codeOf('UNKNOWN_TOPIC_OR_PARTITION'))
  try {
    const { offset: endOffset } = await broker.offsetFor({ topic, partition, at: 'latest' })
    const beforeOffset = offset === HIGH_WATERMARK ? endOffset! : offset
    if (toWholeNumber(beforeOffset) === undefined) return failed(codeOf('OFFSET_OUT_OF_RANGE'))
    const { startOffset } = await broker.deleteRecords({
      topic,
      partition,
      beforeOffset: beforeOffset as Offset,
    })
    return { partitionIndex, lowWatermark: startOffset, errorCode: NONE }
  } catch (error) {
    return failed(toApiError(error).errorCode)
  }
}
