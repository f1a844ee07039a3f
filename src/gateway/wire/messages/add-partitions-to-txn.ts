import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, string } from '../schema.ts'

const topics = array({ name: string, partitions: array(int32) })

const topicResults = array({
  name: string,
  resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
})

export const AddPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: bool.orElse(false),
      topics,
    }).in('4+'),
    v3AndBelowTransactionalId: string.in('0-3'),
    v3AndBelowProducerId: int64.in('0-3'),
    v3AndBelowProducerEpoch: int16.in('0-3'),
    v3AndBelowTopics: topics.in('0-3'),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16.in('4+'),
    resultsByTransaction: array({ transactionalId: string, topicResults }).in('4+'),
    resultsByTopicV3AndBelow: topicResults.in('0-3'),
  },
})
