import type { RequestOf } from '../../wire/api.ts'
import { AddPartitionsToTxn } from '../../wire/messages/add-partitions-to-txn.ts'
import type { Context } from '../context.ts'
import { codeOf } from '../error-code.ts'
import { handler } from '../handler.ts'
import { failureCode, transactionCode } from './codes.ts'
import { nameOf } from './name-of.ts'

type Request = RequestOf<typeof AddPartitionsToTxn>

interface Place {
  readonly topic: string
  readonly partition: number
}

/** What brokers say to each other from version 4 on is not offered. */
export const addPartitionsToTxn = handler(AddPartitionsToTxn, [0, 3], async (request, context) => {
  const topics = request.v3AndBelowTopics
  const places = topics.flatMap(({ name, partitions }) =>
    partitions.map(partition => ({ topic: name, partition })),
  )
  const codeOfPlace = places.length === 0 ? () => 0 : await add(request, places, context)
  return {
    errorCode: 0,
    resultsByTransaction: [],
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map(partitionIndex => ({
        partitionIndex,
        partitionErrorCode: codeOfPlace({ topic: name, partition: partitionIndex }),
      })),
    })),
  }
})

/** All or none: where one partition cannot be added, clients are told that the others were not tried, and come again with all. */
async function add(
  request: Request,
  places: readonly Place[],
  { broker, version }: Context,
): Promise<(place: Place) => number> {
  const {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
  } = request
  try {
    const name = nameOf({ transactionalId, producerId, producerEpoch })
    const results = await broker.addPartitions({ ...name, partitions: places })
    const codes = new Map(results.map(result => [keyOf(result), failureCode(result.error, version)]))
    const codeOfPlace = (place: Place) => codes.get(keyOf(place)) ?? codeOf('UNKNOWN_TOPIC_OR_PARTITION')
    if (places.every(place => codeOfPlace(place) === 0)) return codeOfPlace
    return place => codeOfPlace(place) || codeOf('OPERATION_NOT_ATTEMPTED')
  } catch (error) {
    const code = transactionCode(error, version)
    return () => code
  }
}

function keyOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`
}
