import { Lane } from '../../core/turns.ts'
import type { ResponseOf } from '../wire/api.ts'
import { DescribeProducers } from '../wire/messages/describe-producers.ts'
import type { Context } from './context.ts'
import { NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

type PartitionAnswer = ResponseOf<typeof DescribeProducers>['topics'][number]['partitions'][number]

const LOOKS_PARALLEL = 32
/** Only producers with transactions have a coordinator. */
const NO_COORDINATOR = -1

export const describeProducers = handler(DescribeProducers, [0, 0], async ({ topics }, context) => {
  const lane = new Lane(LOOKS_PARALLEL)
  return {
    topics: await Promise.all(
      topics.map(async ({ name, partitionIndexes }) => ({
        name,
        partitions: await Promise.all(
          partitionIndexes.map(partition => lane.run(() => describe(name, partition, context))),
        ),
      })),
    ),
  }
})

async function describe(
  topic: string,
  partitionIndex: number,
  { broker }: Context,
): Promise<PartitionAnswer> {
  try {
    const active = await broker.describeProducers({ topic, partition: partitionIndex })
    return {
      partitionIndex,
      errorCode: NONE,
      activeProducers: active.map(({ producerId, epoch, lastSequence, lastWrittenMs }) => ({
        producerId: Number(producerId),
        producerEpoch: epoch,
        lastSequence,
        lastTimestamp: lastWrittenMs,
        coordinatorEpoch: NO_COORDINATOR,
      })),
    }
  } catch (error) {
    return { partitionIndex, ...toApiError(error), activeProducers: [] }
  }
}
