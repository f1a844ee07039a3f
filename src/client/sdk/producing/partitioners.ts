import { partitionForKey } from '../../../core/topic/partitioner.ts'
import type { Message } from '../messages.ts'

export interface PartitionerArguments {
  topic: string
  partitionMetadata: { partitionId: number }[]
  message: Message
}

/** Made once for a producer; chooses the partition of each message that names none. */
export type CreatePartitioner = () => (args: PartitionerArguments) => number

/** Kafka's own choice, by the key's hash. Without a key: any partition, another one for each message. */
const byKey: CreatePartitioner = () => {
  let next = Math.floor(Math.random() * 2 ** 31)
  return ({ partitionMetadata, message: { key } }) => {
    const chosen =
      key == null
        ? next++ % partitionMetadata.length
        : partitionForKey(Buffer.from(key), partitionMetadata.length)
    return partitionMetadata[chosen]?.partitionId ?? chosen
  }
}

/**
 * Under KafkaJS's names. A producer that is given none does the same, and gathers messages without a key: they stay
 * with one partition until its batch is full.
 */
export const Partitioners = { DefaultPartitioner: byKey, JavaCompatiblePartitioner: byKey }
