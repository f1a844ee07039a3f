import type { Broker } from '../../contract/broker.ts'
import type { GroupDescription as Group, GroupBroker, GroupState } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { API_TIMEOUT_MS } from '../../core/limits.ts'
import { toOffset } from '../../core/numbers.ts'
import { patientBroker } from '../patient-broker.ts'
import { type InstrumentationEvent, Listeners } from './listeners.ts'
import { refusedCommit } from './refused-commit.ts'
import { type RetryOptions, requestRetries } from './retry-options.ts'
import { isKafkaError } from './topic-facts.ts'

export interface AdminOptions {
  retry?: RetryOptions
  /** How long one request may take, in milliseconds; 30,000 by default. All tries of one: 60,000, or two at least. */
  requestTimeout?: number
}

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

export interface DescribedGroup {
  groupId: string
  protocolType: 'consumer'
  /** The assignor. */
  protocol: string
  state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'
  members: DescribedMember[]
}

export interface DescribedMember {
  memberId: string
  clientId: string
  /** What it owns. In place of KafkaJS's encoded memberAssignment. */
  assignment: { topic: string; partition: number }[]
}

const ADMIN_EVENTS = { CONNECT: 'admin.connect', DISCONNECT: 'admin.disconnect' } as const

export interface AdminEventPayloads {
  'admin.connect': null
  'admin.disconnect': null
}

const STATES = {
  Empty: 'Empty',
  Assigning: 'PreparingRebalance',
  Reconciling: 'CompletingRebalance',
  Stable: 'Stable',
} as const satisfies Record<GroupState, DescribedGroup['state']>

/** Topics, offsets and groups, in KafkaJS's shape. Every method rejects with a TidemarkError. */
export class Admin {
  readonly events = ADMIN_EVENTS
  readonly #broker: Broker & GroupBroker
  readonly #listeners = new Listeners()

  constructor(broker: Broker & GroupBroker, { retry = {}, requestTimeout }: AdminOptions = {}) {
    const forMs = Math.max(API_TIMEOUT_MS, (requestTimeout ?? 0) * 2)
    this.#broker = patientBroker(broker, requestRetries(retry, forMs, requestTimeout))
  }

  /** There is no connection to be made. */
  async connect(): Promise<void> {
    this.#listeners.emit(ADMIN_EVENTS.CONNECT, null)
  }

  async disconnect(): Promise<void> {
    this.#listeners.emit(ADMIN_EVENTS.DISCONNECT, null)
  }

  /** @returns what takes the listener away again */
  on<Name extends keyof AdminEventPayloads>(
    eventName: Name,
    listener: (event: InstrumentationEvent<AdminEventPayloads[Name]>) => void,
  ): () => void {
    return this.#listeners.on(eventName, listener)
  }

  async listTopics(): Promise<string[]> {
    const topics = await this.#broker.listTopics()
    return topics.map(({ topic }) => topic)
  }

  /**
   * Creates topics that are not there yet.
   * @returns whether all of them were made; false where at least one was there before
   */
  async createTopics({
    topics,
    validateOnly = false,
  }: {
    topics: TopicToCreate[]
    validateOnly?: boolean
    waitForLeaders?: boolean
    timeout?: number
  }): Promise<boolean> {
    if (validateOnly) throw notThere('validateOnly')
    let areNew = true
    for (const { topic, numPartitions = 1, configEntries = [] } of topics) {
      const request = {
        topic,
        // KafkaJS's way of saying: as the broker likes.
        partitions: numPartitions === -1 ? 1 : numPartitions,
        configs: Object.fromEntries(configEntries.map(({ name, value }) => [name, String(value)])),
      }
      try {
        await this.#broker.createTopic(request)
      } catch (error) {
        if (!isKafkaError(error, 'TOPIC_ALREADY_EXISTS')) throw error
        areNew = false
      }
    }
    return areNew
  }

  /** Deletes topics with their records. */
  async deleteTopics({ topics }: { topics: string[]; timeout?: number }): Promise<void> {
    for (const topic of topics) await this.#broker.deleteTopic(topic)
  }

  /** `count` is how many a topic has afterwards. */
  async createPartitions({
    topicPartitions,
    validateOnly = false,
  }: {
    topicPartitions: { topic: string; count: number }[]
    validateOnly?: boolean
    timeout?: number
  }): Promise<boolean> {
    if (validateOnly) throw notThere('validateOnly')
    for (const { topic, count } of topicPartitions) {
      await this.#broker.alterTopic({ topic, partitions: count })
    }
    return true
  }

  /** Of the topics that are named, or of all. */
  async fetchTopicMetadata({ topics }: { topics?: string[] } = {}): Promise<{
    topics: { name: string; topicId: string; partitions: { partitionId: number }[] }[]
  }> {
    const all = await this.#broker.listTopics()
    const missing = topics?.find(name => all.every(({ topic }) => topic !== name))
    if (missing !== undefined) {
      throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${missing}.`)
    }
    return {
      topics: all
        .filter(({ topic }) => topics?.includes(topic) ?? true)
        .map(({ topic, topicId, partitions }) => ({
          name: topic,
          topicId,
          partitions: Array.from({ length: partitions }, (_, partitionId) => ({ partitionId })),
        })),
    }
  }

  /** Where each partition begins and ends; `offset` is `high`, the offset that the next record gets. */
  async fetchTopicOffsets(topic: string): Promise<(PartitionOffset & { high: string; low: string })[]> {
    const { offsets } = await this.#broker.describeTopic(topic)
    return offsets.map(({ partition, startOffset, endOffset }) => ({
      partition,
      offset: String(endOffset),
      high: String(endOffset),
      low: String(startOffset),
    }))
  }

  /** For each partition the first record of that time or later; where there is none, its end. */
  async fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<PartitionOffset[]> {
    const ends = await this.fetchTopicOffsets(topic)
    if (timestamp === undefined) return ends.map(({ partition, offset }) => ({ partition, offset }))
    return Promise.all(
      ends.map(async ({ partition, high }) => {
        const found = await this.#broker.offsetFor({ topic, partition, at: { timestampMs: timestamp } })
        return { partition, offset: String(found.offset ?? high) }
      }),
    )
  }

  /** Moves the beginning of partitions: records before each `offset` go. -1: all that there are. */
  async deleteTopicRecords({
    topic,
    partitions,
  }: {
    topic: string
    partitions: PartitionOffset[]
  }): Promise<void> {
    const ends = await this.fetchTopicOffsets(topic)
    for (const { partition, offset } of partitions) {
      const end = ends.find(each => each.partition === partition)?.high
      const beforeOffset = toOffset(Number(offset === '-1' ? (end ?? offset) : offset))
      await this.#broker.deleteRecords({ topic, partition, beforeOffset })
    }
  }

  async describeConfigs({
    resources,
  }: {
    resources: (ConfigResource & { configNames?: string[] })[]
    includeSynonyms?: boolean
  }) {
    const described = await Promise.all(
      resources.map(async ({ type, name, configNames }) => {
        checkIsTopic(type)
        const { configs } = await this.#broker.describeTopic(name)
        const wanted = configs.filter(config => configNames?.includes(config.name) ?? true)
        return {
          resourceType: type,
          resourceName: name,
          errorCode: 0,
          configEntries: wanted.map(config => ({
            configName: config.name,
            configValue: config.value,
            isDefault: config.isDefault,
            isSensitive: false,
            readOnly: false,
          })),
        }
      }),
    )
    return { resources: described, throttleTime: 0 }
  }

  /** As Kafka's AlterConfigs: what is not named goes back to its default. */
  async alterConfigs({
    resources,
    validateOnly = false,
  }: {
    resources: (ConfigResource & { configEntries: { name: string; value: string }[] })[]
    validateOnly?: boolean
  }): Promise<void> {
    if (validateOnly) throw notThere('validateOnly')
    for (const { type, name, configEntries } of resources) {
      checkIsTopic(type)
      const set = Object.fromEntries(configEntries.map(each => [each.name, String(each.value)]))
      const { configs } = await this.#broker.describeTopic(name)
      const unset = configs.filter(config => !config.isDefault && !Object.hasOwn(set, config.name))
      const change = { topic: name, set, unset: unset.map(config => config.name) }
      await this.#broker.alterTopic(change)
    }
  }

  async listGroups(): Promise<{ groups: { groupId: string; protocolType: 'consumer'; state: string }[] }> {
    const groups = await this.#broker.listGroups()
    return {
      groups: groups.map(({ groupId, state }) => ({
        groupId,
        protocolType: 'consumer',
        state: STATES[state],
      })),
    }
  }

  /** A group that does not exist is described as dead, as Kafka does. */
  async describeGroups(groupIds: string[]): Promise<{ groups: DescribedGroup[] }> {
    const groups = await Promise.all(
      groupIds.map(async groupId => {
        try {
          return toDescribed(await this.#broker.describeGroup(groupId))
        } catch (error) {
          if (!isKafkaError(error, 'GROUP_ID_NOT_FOUND')) throw error
          return { groupId, protocolType: 'consumer', protocol: '', state: 'Dead', members: [] } as const
        }
      }),
    )
    return { groups: groups.map(group => ({ ...group, members: [...group.members] })) }
  }

  /** Deletes groups without members, with their offsets. */
  async deleteGroups(groupIds: string[]): Promise<{ groupId: string; errorCode: 0 }[]> {
    for (const groupId of groupIds) await this.#broker.deleteGroup(groupId)
    return groupIds.map(groupId => ({ groupId, errorCode: 0 }))
  }

  /** What a group has committed; of the topics that are named every partition, with -1 where nothing was. */
  async fetchOffsets({
    groupId,
    topics,
    resolveOffsets = false,
  }: {
    groupId: string
    topics?: string[]
    /** Whether -1 is replaced by where a consumer would begin: the end. */
    resolveOffsets?: boolean
  }): Promise<{ topic: string; partitions: (PartitionOffset & { metadata: string | null })[] }[]> {
    const committed = await this.#broker.fetchOffsets({ groupId, ...(topics && { topics }) })
    const names = topics ?? [...new Set(committed.map(({ topic }) => topic))]
    return Promise.all(
      names.map(async topic => {
        const ends = await this.fetchTopicOffsets(topic)
        const partitions = ends.map(({ partition, high }) => {
          const found = committed.find(each => each.topic === topic && each.partition === partition)
          const offset = found ? String(found.offset) : resolveOffsets ? high : '-1'
          return { partition, offset, metadata: found?.metadata ?? null }
        })
        return { topic, partitions: topics ? partitions : partitions.filter(({ offset }) => offset !== '-1') }
      }),
    )
  }

  /** Commits offsets in the name of a group; of partitions that nobody owns. -1 is the end, -2 the beginning. */
  async setOffsets({
    groupId,
    topic,
    partitions,
  }: {
    groupId: string
    topic: string
    partitions: PartitionOffset[]
  }): Promise<void> {
    const ends = await this.fetchTopicOffsets(topic)
    const offsets = partitions.map(({ partition, offset }) => {
      const { high, low } = ends.find(each => each.partition === partition) ?? { high: offset, low: offset }
      const resolved = offset === '-1' ? high : offset === '-2' ? low : offset
      return { topic, partition, offset: toOffset(Number(resolved)) }
    })
    const committed = await this.#broker.commitOffsets({ groupId, offsets })
    const refused = committed.find(({ error }) => error !== null)
    if (refused?.error) throw refusedCommit(refused.error)
  }

  /** Sets a group to the end of each partition, or to the beginning. */
  async resetOffsets({
    groupId,
    topic,
    earliest = false,
  }: {
    groupId: string
    topic: string
    earliest?: boolean
  }): Promise<void> {
    const ends = await this.fetchTopicOffsets(topic)
    const partitions = ends.map(({ partition, low, high }) => ({ partition, offset: earliest ? low : high }))
    await this.setOffsets({ groupId, topic, partitions })
  }
}

function toDescribed({ groupId, assignor, state, memberList }: Group): DescribedGroup {
  return {
    groupId,
    protocolType: 'consumer',
    protocol: assignor,
    state: STATES[state],
    members: memberList.map(({ memberId, clientId, owned }) => ({ memberId, clientId, assignment: owned })),
  }
}

function checkIsTopic(type: number): void {
  if (type === ConfigResourceTypes.TOPIC) return
  throw new TidemarkError('INVALID_REQUEST', 'Only topics have configs: give ConfigResourceTypes.TOPIC.')
}

function notThere(option: string): TidemarkError {
  return new TidemarkError('INVALID_REQUEST', `Tidemark cannot do ${option}: leave it out.`)
}
