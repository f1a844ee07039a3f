import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { API_TIMEOUT_MS } from '../../core/limits.ts'
import { patientBroker } from '../patient-broker.ts'
import {
  type ConfigResource,
  ConfigResourceTypes,
  type ConfigsToAlter,
  type ConfigsToDescribe,
  type OffsetsToFetch,
  type OffsetsToReset,
  type OffsetsToSet,
  type PartitionOffset,
  type PartitionsToCreate,
  type RecordsToDelete,
  type TopicsToCreate,
  type TopicsToDelete,
} from './admin-requests.ts'
import { checkName, checkNames, given, givenEach, parseOffset } from './arguments.ts'
import { type DescribedGroup, STATES, toDescribed } from './described-group.ts'
import { eachNamed } from './each-named.ts'
import { type InstrumentationEvent, Listeners } from './listeners.ts'
import { refusedCommit } from './refused-commit.ts'
import { type RetryOptions, requestRetries } from './retry-options.ts'
import { isKafkaError } from './topic-facts.ts'

export interface AdminOptions {
  retry?: RetryOptions
  /** How long one request may take, in milliseconds; 30,000 by default. All tries of one: 60,000, or two at least. */
  requestTimeout?: number
}

const ADMIN_EVENTS = { CONNECT: 'admin.connect', DISCONNECT: 'admin.disconnect' } as const

export interface AdminEventPayloads {
  'admin.connect': null
  'admin.disconnect': null
}

/**
 * Topics, offsets and groups, in KafkaJS's shape. Every method rejects with a TidemarkError. One that changes several
 * things tries all of them, and rejects with NamedFailures, which say which of them failed.
 */
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
  async createTopics(wanted: TopicsToCreate): Promise<boolean> {
    const { topics, validateOnly = false } = given(wanted, 'topics')
    if (validateOnly) throw notThere('validateOnly')
    givenEach(topics, 'a topic', 'topics')
    let areNew = true
    await eachNamed(topics, topicOf, async ({ topic, numPartitions = 1, configEntries = [] }) => {
      checkName(topic, 'topic')
      givenEach(configEntries, 'a config', 'configs')
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
    })
    return areNew
  }

  /** Deletes topics with their records. */
  async deleteTopics(wanted: TopicsToDelete): Promise<void> {
    const { topics } = given(wanted, 'topics')
    checkNames(topics, 'topic')
    await eachNamed(topics, String, topic => this.#broker.deleteTopic(topic))
  }

  async createPartitions(wanted: PartitionsToCreate): Promise<boolean> {
    const { topicPartitions, validateOnly = false } = given(wanted, 'topics and counts')
    if (validateOnly) throw notThere('validateOnly')
    givenEach(topicPartitions, 'a topic and a count', 'topics and counts')
    await eachNamed(topicPartitions, topicOf, ({ topic, count }) => {
      checkName(topic, 'topic')
      return this.#broker.alterTopic({ topic, partitions: count })
    })
    return true
  }

  /** Of the topics that are named; of all where none is. */
  async fetchTopicMetadata(wanted: { topics?: string[] } = {}): Promise<{
    topics: { name: string; topicId: string; partitions: { partitionId: number }[] }[]
  }> {
    const { topics = [] } = given(wanted, 'topics')
    checkNames(topics, 'topic')
    const all = await this.#broker.listTopics()
    const missing = topics.find(name => all.every(({ topic }) => topic !== name))
    if (missing !== undefined) {
      throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${missing}.`)
    }
    return {
      topics: all
        .filter(({ topic }) => topics.length === 0 || topics.includes(topic))
        .map(({ topic, topicId, partitions }) => ({
          name: topic,
          topicId,
          partitions: Array.from({ length: partitions }, (_, partitionId) => ({ partitionId })),
        })),
    }
  }

  /** Where each partition begins and ends; `offset` is `high`, the offset that the next record gets. */
  async fetchTopicOffsets(topic: string): Promise<(PartitionOffset & { high: string; low: string })[]> {
    checkName(topic, 'topic')
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
  async deleteTopicRecords(wanted: RecordsToDelete): Promise<void> {
    const { topic, partitions } = given(wanted, 'a topic and partitions')
    givenEach(partitions, 'a partition and an offset', 'partitions')
    const ends = await this.fetchTopicOffsets(topic)
    await eachNamed(partitions, partitionOf, async ({ partition, offset }) => {
      const { high } = endOf(ends, topic, partition)
      const beforeOffset = parseOffset(offset === '-1' ? high : offset)
      await this.#broker.deleteRecords({ topic, partition, beforeOffset })
    })
  }

  async describeConfigs(wanted: ConfigsToDescribe) {
    const { resources } = given(wanted, 'resources')
    givenEach(resources, 'a resource', 'resources')
    const described = await Promise.all(
      resources.map(async ({ type, name, configNames }) => {
        checkIsTopic(type)
        checkName(name, 'topic')
        const { configs } = await this.#broker.describeTopic(name)
        const wanted = configs.filter(config => !configNames?.length || configNames.includes(config.name))
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
            // Not in KafkaJS: that a config has no effect yet, where it has none.
            ...(config.note !== undefined && { note: config.note }),
          })),
        }
      }),
    )
    return { resources: described, throttleTime: 0 }
  }

  /** As Kafka's AlterConfigs: what is not named goes back to its default. */
  async alterConfigs(wanted: ConfigsToAlter): Promise<void> {
    const { resources, validateOnly = false } = given(wanted, 'resources')
    if (validateOnly) throw notThere('validateOnly')
    givenEach(resources, 'a resource', 'resources')
    await eachNamed(resources, resourceOf, async ({ type, name, configEntries }) => {
      checkIsTopic(type)
      checkName(name, 'topic')
      givenEach(configEntries, 'a config', 'configs')
      const set = Object.fromEntries(configEntries.map(each => [each.name, String(each.value)]))
      const { configs } = await this.#broker.describeTopic(name)
      const unset = configs.filter(config => !config.isDefault && !Object.hasOwn(set, config.name))
      const change = { topic: name, set, unset: unset.map(config => config.name) }
      await this.#broker.alterTopic(change)
    })
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
    checkNames(groupIds, 'group')
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
    checkNames(groupIds, 'group')
    await eachNamed(groupIds, String, id => this.#broker.deleteGroup(id))
    return groupIds.map(groupId => ({ groupId, errorCode: 0 }))
  }

  /**
   * What a group has committed: of the topics that are named every partition, with -1 where nothing was. Where none is
   * named, all that it has committed.
   */
  async fetchOffsets(
    wanted: OffsetsToFetch,
  ): Promise<{ topic: string; partitions: (PartitionOffset & { metadata: string | null })[] }[]> {
    const { groupId, topics = [], resolveOffsets = false } = given(wanted, 'a group')
    checkName(groupId, 'group')
    checkNames(topics, 'topic')
    const areNamed = topics.length > 0
    const committed = await this.#broker.fetchOffsets({ groupId, ...(areNamed && { topics }) })
    const names = areNamed ? topics : [...new Set(committed.map(({ topic }) => topic))]
    return Promise.all(
      names.map(async topic => {
        const ends = await this.fetchTopicOffsets(topic)
        const partitions = ends.map(({ partition, high }) => {
          const found = committed.find(each => each.topic === topic && each.partition === partition)
          const offset = found ? String(found.offset) : resolveOffsets ? high : '-1'
          return { partition, offset, metadata: found?.metadata ?? null }
        })
        return {
          topic,
          partitions: areNamed ? partitions : partitions.filter(({ offset }) => offset !== '-1'),
        }
      }),
    )
  }

  /** Commits offsets in the name of a group; of partitions that nobody owns. -1 is the end, -2 the beginning. */
  async setOffsets(wanted: OffsetsToSet): Promise<void> {
    const { groupId, topic, partitions } = given(wanted, 'a group, a topic and partitions')
    checkName(groupId, 'group')
    givenEach(partitions, 'a partition and an offset', 'partitions')
    const ends = await this.fetchTopicOffsets(topic)
    const offsets = partitions.map(({ partition, offset }) => {
      const { high, low } = endOf(ends, topic, partition)
      const resolved = offset === '-1' ? high : offset === '-2' ? low : offset
      return { topic, partition, offset: parseOffset(resolved) }
    })
    const committed = await this.#broker.commitOffsets({ groupId, offsets })
    const refused = committed.find(({ error }) => error !== null)
    if (refused?.error) throw refusedCommit(refused.error)
  }

  /** Sets a group to the end of each partition, or to the beginning. */
  async resetOffsets(wanted: OffsetsToReset): Promise<void> {
    const { groupId, topic, earliest = false } = given(wanted, 'a group and a topic')
    checkName(groupId, 'group')
    const ends = await this.fetchTopicOffsets(topic)
    const partitions = ends.map(({ partition, low, high }) => ({ partition, offset: earliest ? low : high }))
    await this.setOffsets({ groupId, topic, partitions })
  }
}

const topicOf = ({ topic }: { topic: string }) => String(topic)
const partitionOf = ({ partition }: PartitionOffset) => `partition ${partition}`
const resourceOf = ({ name }: ConfigResource) => String(name)

/** @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION */
function endOf<End extends PartitionOffset>(ends: readonly End[], topic: string, partition: number): End {
  const end = ends.find(each => each.partition === partition)
  if (end) return end
  throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `Topic ${topic} has no partition ${partition}.`)
}

function checkIsTopic(type: number): void {
  if (type === ConfigResourceTypes.TOPIC) return
  throw new TidemarkError('INVALID_REQUEST', 'Only topics have configs: give ConfigResourceTypes.TOPIC.')
}

function notThere(option: string): TidemarkError {
  return new TidemarkError('INVALID_REQUEST', `Tidemark cannot do ${option}: leave it out.`)
}
