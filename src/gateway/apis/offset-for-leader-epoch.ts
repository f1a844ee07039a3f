import type { KafkaErrorName } from '../../core/errors.ts'
import { toWholeNumber } from '../../core/numbers.ts'
import { Lane } from '../../core/turns.ts'
import type { RequestOf } from '../wire/api.ts'
import { OffsetForLeaderEpoch } from '../wire/messages/offset-for-leader-epoch.ts'
import { LEADER_EPOCH } from './cluster.ts'
import type { Context } from './context.ts'
import { codeOf, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

type AskedPartition = RequestOf<typeof OffsetForLeaderEpoch>['topics'][number]['partitions'][number]

const LOOKS_PARALLEL = 32

/** Where an epoch ends. There is one, so that it ends where the log does. */
export const offsetForLeaderEpoch = handler(OffsetForLeaderEpoch, [2, 4], async ({ topics }, context) => {
  const lane = new Lane(LOOKS_PARALLEL)
  return {
    topics: await Promise.all(
      topics.map(async ({ topic, partitions }) => ({
        topic,
        partitions: await Promise.all(partitions.map(asked => lane.run(() => find(topic, asked, context)))),
      })),
    ),
  }
})

async function find(
  topic: string,
  { partition, currentLeaderEpoch, leaderEpoch }: AskedPartition,
  { broker }: Context,
) {
  const failed = (name: KafkaErrorName) => ({ partition, errorCode: codeOf(name) })
  if (toWholeNumber(partition) === undefined) return failed('UNKNOWN_TOPIC_OR_PARTITION')
  if (currentLeaderEpoch > LEADER_EPOCH) return failed('UNKNOWN_LEADER_EPOCH')
  try {
    const { offset } = await broker.offsetFor({ topic, partition, at: 'latest' })
    if (leaderEpoch !== LEADER_EPOCH) return { partition, errorCode: NONE }
    return { partition, errorCode: NONE, leaderEpoch, endOffset: offset! }
  } catch (error) {
    return { partition, errorCode: toApiError(error).errorCode }
  }
}
