import { OffsetDelete } from '../../wire/messages/offset-delete.ts'
import { codeOf, NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { codeOfName, toGroupError } from './codes.ts'

export const offsetDelete = handler(OffsetDelete, [0, 0], async ({ groupId, topics }, { broker }) => {
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  )
  try {
    const deleted = await broker.deleteOffsets({ groupId, partitions })
    const codes = new Map(
      deleted.map(({ topic, partition, error }) => [`${topic}/${partition}`, codeOfName(error)]),
    )
    return {
      errorCode: NONE,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: codes.get(`${name}/${partitionIndex}`) ?? codeOf('UNKNOWN_TOPIC_OR_PARTITION'),
        })),
      })),
    }
  } catch (error) {
    return { errorCode: toGroupError(error).errorCode, topics: [] }
  }
})
