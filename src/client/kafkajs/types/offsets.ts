export interface PartitionOffset {
  partition: number
  /** In digits. */
  offset: string
}

export type SeekEntry = PartitionOffset

export type FetchOffsetsPartition = PartitionOffset & { metadata: string | null }

export interface TopicOffsets {
  topic: string
  partitions: PartitionOffset[]
}

export interface Offsets {
  topics: TopicOffsets[]
}

export interface OffsetsByTopicPartition {
  topics: TopicOffsets[]
}

export type TopicPartition = { topic: string; partition: number }

export type TopicPartitions = { topic: string; partitions: number[] }

export type TopicPartitionOffset = TopicPartition & { offset: string }

export type TopicPartitionOffsetAndMetadata = TopicPartitionOffset & { metadata?: string | null }

/** Numbers of partitions by topic. */
export type Assignment = { [topic: string]: number[] }

/** What KafkaJS says of a partition. Here it has one replica, which is its leader: the store replicates. */
export type PartitionMetadata = {
  partitionErrorCode: number
  partitionId: number
  leader: number
  replicas: number[]
  isr: number[]
  offlineReplicas?: number[]
}
