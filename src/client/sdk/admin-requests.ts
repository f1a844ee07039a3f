/** What an admin is asked for, in KafkaJS's shape. */

export interface TopicToCreate {
  topic: string
  /** 1 when it is left out. */
  numPartitions?: number
  configEntries?: { name: string; value: string }[]
  /** Taken for KafkaJS's sake: the store replicates. */
  replicationFactor?: number
}

export interface PartitionOffset {
  partition: number
  /** In digits. */
  offset: string
}

/** Of Kafka's resources with configs there is one kind here. */
export const ConfigResourceTypes = { TOPIC: 2 } as const

export interface ConfigResource {
  type: number
  name: string
}

export interface TopicsToCreate {
  topics: TopicToCreate[]
  /** Not there. */
  validateOnly?: boolean
  /** Taken for KafkaJS's sake, as `timeout` everywhere: what is made is there at once. */
  waitForLeaders?: boolean
  timeout?: number
}

export interface TopicsToDelete {
  topics: string[]
  timeout?: number
}

export interface PartitionsToCreate {
  /** `count` is how many a topic has afterwards. */
  topicPartitions: { topic: string; count: number }[]
  /** Not there. */
  validateOnly?: boolean
  timeout?: number
}

export interface RecordsToDelete {
  topic: string
  partitions: PartitionOffset[]
}

export interface ConfigsToDescribe {
  resources: (ConfigResource & { configNames?: string[] })[]
  includeSynonyms?: boolean
}

export interface ConfigsToAlter {
  resources: (ConfigResource & { configEntries: { name: string; value: string }[] })[]
  /** Not there. */
  validateOnly?: boolean
}

export interface OffsetsToFetch {
  groupId: string
  topics?: string[]
  /** Whether -1 is replaced by where a consumer would begin: the end. */
  resolveOffsets?: boolean
}

export interface OffsetsToSet {
  groupId: string
  topic: string
  partitions: PartitionOffset[]
}

export interface OffsetsToReset {
  groupId: string
  topic: string
  earliest?: boolean
}
