import type { ConfigResourceTypes, ConfigSource } from '../enumerations.ts'
import type { DeleteGroupsResult, GroupDescriptions, GroupOverview } from './groups.ts'
import type { FetchOffsetsPartition, PartitionMetadata, SeekEntry } from './offsets.ts'

export interface ReplicaAssignment {
  partition: number
  replicas: number[]
}

export interface IResourceConfigEntry {
  name: string
  value: string
}

export interface ITopicConfig {
  topic: string
  /** 1 when it is left out. */
  numPartitions?: number
  /** Without effect, as the one below: the store replicates. */
  replicationFactor?: number
  replicaAssignment?: ReplicaAssignment[]
  configEntries?: IResourceConfigEntry[]
}

export interface ITopicPartitionConfig {
  topic: string
  /** How many the topic has afterwards. */
  count: number
  /** Without effect: the store replicates. */
  assignments?: number[][]
}

export interface ITopicMetadata {
  name: string
  partitions: PartitionMetadata[]
}

export interface ResourceConfigQuery {
  type: ConfigResourceTypes
  name: string
  configNames?: string[]
}

export interface ConfigSynonyms {
  configName: string
  configValue: string
  configSource: ConfigSource
}

export interface ConfigEntries {
  configName: string
  configValue: string
  isDefault: boolean
  configSource: ConfigSource
  isSensitive: boolean
  readOnly: boolean
  /** Always empty: a config has one name. */
  configSynonyms: ConfigSynonyms[]
}

export interface DescribeConfigResponse {
  resources: {
    configEntries: ConfigEntries[]
    errorCode: number
    errorMessage: string
    resourceName: string
    resourceType: ConfigResourceTypes
  }[]
  throttleTime: number
}

export interface IResourceConfig {
  type: ConfigResourceTypes
  name: string
  configEntries: IResourceConfigEntry[]
}

/** What an admin does with topics, offsets and groups. */
export interface TopicsAdmin {
  listTopics(): Promise<string[]>
  createTopics(options: {
    /** Refused. */
    validateOnly?: boolean
    /** Without effect, as `timeout` everywhere: what is made is there at once. */
    waitForLeaders?: boolean
    timeout?: number
    topics: ITopicConfig[]
  }): Promise<boolean>
  deleteTopics(options: { topics: string[]; timeout?: number }): Promise<void>
  createPartitions(options: {
    /** Refused. */
    validateOnly?: boolean
    timeout?: number
    topicPartitions: ITopicPartitionConfig[]
  }): Promise<boolean>
  /** Of the topics that are named; of all where none is. */
  fetchTopicMetadata(options?: { topics: string[] }): Promise<{ topics: ITopicMetadata[] }>
  fetchOffsets(options: {
    groupId: string
    topics?: string[]
    resolveOffsets?: boolean
  }): Promise<{ topic: string; partitions: FetchOffsetsPartition[] }[]>
  fetchTopicOffsets(topic: string): Promise<(SeekEntry & { high: string; low: string })[]>
  fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<SeekEntry[]>
  /** One broker, with the number 0: what `brokers` named. */
  describeCluster(): Promise<{
    brokers: { nodeId: number; host: string; port: number }[]
    controller: number | null
    clusterId: string
  }>
  setOffsets(options: { groupId: string; topic: string; partitions: SeekEntry[] }): Promise<void>
  resetOffsets(options: { groupId: string; topic: string; earliest: boolean }): Promise<void>
  describeConfigs(configs: {
    resources: ResourceConfigQuery[]
    /** Without effect: a config has one name. */
    includeSynonyms: boolean
  }): Promise<DescribeConfigResponse>
  /** As Kafka's AlterConfigs: what is not named goes back to its default. */
  alterConfigs(configs: {
    /** Refused where it is true. */
    validateOnly: boolean
    resources: IResourceConfig[]
  }): Promise<{
    resources: { resourceType: number; resourceName: string; errorCode: number; errorMessage: null }[]
  }>
  listGroups(): Promise<{ groups: GroupOverview[] }>
  deleteGroups(groupIds: string[]): Promise<DeleteGroupsResult[]>
  describeGroups(groupIds: string[]): Promise<GroupDescriptions>
  deleteTopicRecords(options: { topic: string; partitions: SeekEntry[] }): Promise<void>
  /** Rejects, as the two below: who may do what, IAM or the server's token says. */
  describeAcls(filter: object): Promise<never>
  deleteAcls(options: object): Promise<never>
  createAcls(options: object): Promise<never>
  /** Rejects, as the one below: partitions are on no broker. */
  alterPartitionReassignments(request: object): Promise<never>
  listPartitionReassignments(request: object): Promise<never>
}
