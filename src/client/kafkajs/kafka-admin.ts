import type { TidemarkError } from '../../core/errors.ts'
import type { Admin as TidemarkAdmin } from '../sdk/admin.ts'
import { NamedFailures } from '../sdk/each-named.ts'
import { AssignerProtocol } from './assigner-protocol.ts'
import { ConfigSource } from './enumerations.ts'
import {
  inKafkaJSErrors,
  KafkaJSAggregateError,
  KafkaJSCreateTopicError,
  KafkaJSDeleteGroupsError,
  KafkaJSDeleteTopicRecordsError,
  KafkaJSNonRetriableError,
  KafkaJSNotImplemented,
  KafkaJSProtocolError,
  sameError,
} from './errors.ts'
import { KAFKA_ADMIN_EVENTS, listen } from './kafka-events.ts'
import { withLeader } from './partitioners.ts'
import type { Admin } from './types/clients.ts'
import type { AdminEventsByName } from './types/events.ts'
import type { GroupDescription } from './types/groups.ts'
import type { Logger } from './types/logging.ts'
import type { SeekEntry } from './types/offsets.ts'
import type { TopicsAdmin } from './types/topics.ts'

type Options<Method extends keyof TopicsAdmin> = Parameters<TopicsAdmin[Method]>[0]
type Answer<Method extends keyof TopicsAdmin> = ReturnType<TopicsAdmin[Method]>

/** An admin that behaves as KafkaJS's: what it does with empty lists and with names that nothing has, too. */
export class KafkaAdmin implements Admin {
  readonly events = KAFKA_ADMIN_EVENTS
  readonly #admin: TidemarkAdmin
  readonly #url: () => Promise<URL | undefined>
  readonly #logger: Logger

  constructor(admin: TidemarkAdmin, url: () => Promise<URL | undefined>, logger: Logger) {
    this.#admin = admin
    this.#url = url
    this.#logger = logger
  }

  connect(): Promise<void> {
    return inKafkaJSErrors(() => this.#admin.connect())
  }

  disconnect(): Promise<void> {
    return inKafkaJSErrors(() => this.#admin.disconnect())
  }

  listTopics(): Promise<string[]> {
    return inKafkaJSErrors(() => this.#admin.listTopics())
  }

  /** @throws KafkaJSAggregateError with a KafkaJSCreateTopicError for each topic that could not be made */
  async createTopics({ topics, validateOnly = false }: Options<'createTopics'>): Answer<'createTopics'> {
    return inKafkaJSErrors(async () => {
      checkOnce(topics)
      try {
        return await this.#admin.createTopics({ topics: topics.map(withoutUndefined), validateOnly })
      } catch (error) {
        const errors = protocolErrorsOf(error)
        if (!errors) throw error
        const each = errors.map(({ name, error }) => new KafkaJSCreateTopicError(error, name))
        throw new KafkaJSAggregateError('Topic creation errors', each)
      }
    })
  }

  async deleteTopics({ topics }: Options<'deleteTopics'>): Promise<void> {
    return inKafkaJSErrors(() => this.#admin.deleteTopics({ topics }))
  }

  async createPartitions({
    topicPartitions,
    validateOnly = false,
  }: Options<'createPartitions'>): Promise<boolean> {
    return inKafkaJSErrors(async () => {
      checkOnce(topicPartitions)
      checkSome(topicPartitions, 'topicPartitions')
      return this.#admin.createPartitions({ topicPartitions, validateOnly })
    })
  }

  async fetchTopicMetadata(
    { topics = [] }: Options<'fetchTopicMetadata'> & {} = { topics: [] },
  ): Answer<'fetchTopicMetadata'> {
    return inKafkaJSErrors(async () => {
      const { topics: described } = await this.#admin.fetchTopicMetadata({ topics })
      return {
        topics: described.map(({ name, partitions }) => ({ name, partitions: partitions.map(withLeader) })),
      }
    })
  }

  fetchOffsets(options: Options<'fetchOffsets'>): Answer<'fetchOffsets'> {
    return inKafkaJSErrors(async () => {
      const offsets = await this.#admin.fetchOffsets(withoutUndefined(options))
      return offsets.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(each => ({ ...each, metadata: each.metadata || null })),
      }))
    })
  }

  fetchTopicOffsets(topic: string): Answer<'fetchTopicOffsets'> {
    return inKafkaJSErrors(() => this.#admin.fetchTopicOffsets(topic))
  }

  fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<SeekEntry[]> {
    return inKafkaJSErrors(() => this.#admin.fetchTopicOffsetsByTimestamp(topic, timestamp))
  }

  describeCluster(): Answer<'describeCluster'> {
    return inKafkaJSErrors(async () => {
      const url = await this.#url()
      // Asked all the same, so that it fails where nobody is there.
      await this.#admin.listTopics()
      const port = Number(url?.port || (url?.protocol === 'https:' ? 443 : 80))
      const brokers = [{ nodeId: 0, host: url?.hostname ?? 'localhost', port: url ? port : 0 }]
      return { brokers, controller: 0, clusterId: url?.host ?? 'embedded' }
    })
  }

  setOffsets(options: Options<'setOffsets'>): Promise<void> {
    return inKafkaJSErrors(async () => {
      checkSome(options.partitions, 'partitions')
      await this.#admin.setOffsets(options)
    })
  }

  resetOffsets(options: Options<'resetOffsets'>): Promise<void> {
    return inKafkaJSErrors(() => this.#admin.resetOffsets(options))
  }

  async describeConfigs({ resources }: Options<'describeConfigs'>): Answer<'describeConfigs'> {
    return inKafkaJSErrors(async () => {
      checkSome(resources, 'resources')
      const described = await this.#admin.describeConfigs({ resources: resources.map(withoutUndefined) })
      return {
        throttleTime: described.throttleTime,
        resources: described.resources.map(resource => ({
          ...resource,
          resourceType: resource.resourceType as 2,
          errorMessage: '',
          configEntries: resource.configEntries.map(entry => ({
            ...entry,
            configSource: entry.isDefault ? ConfigSource.DEFAULT_CONFIG : ConfigSource.TOPIC_CONFIG,
            configSynonyms: [],
          })),
        })),
      }
    })
  }

  async alterConfigs({ resources, validateOnly }: Options<'alterConfigs'>): Answer<'alterConfigs'> {
    return inKafkaJSErrors(async () => {
      checkSome(resources, 'resources')
      await this.#admin.alterConfigs({ resources, validateOnly })
      return {
        resources: resources.map(({ type, name }) => ({
          resourceType: type,
          resourceName: name,
          errorCode: 0,
          errorMessage: null,
        })),
      }
    })
  }

  listGroups(): Answer<'listGroups'> {
    return inKafkaJSErrors(async () => {
      const { groups } = await this.#admin.listGroups()
      return { groups: groups.map(({ groupId, protocolType }) => ({ groupId, protocolType })) }
    })
  }

  /** @throws KafkaJSDeleteGroupsError which names the groups that could not be deleted */
  deleteGroups(groupIds: string[]): Answer<'deleteGroups'> {
    return inKafkaJSErrors(async () => {
      try {
        return await this.#admin.deleteGroups(groupIds)
      } catch (error) {
        const errors = protocolErrorsOf(error)
        if (!errors) throw error
        const groups = errors.map(({ name: groupId, error }) => ({ groupId, errorCode: error.code, error }))
        throw new KafkaJSDeleteGroupsError('Error in DeleteGroups', groups)
      }
    })
  }

  describeGroups(groupIds: string[]): Answer<'describeGroups'> {
    return inKafkaJSErrors(async () => {
      const { groups } = await this.#admin.describeGroups(groupIds)
      return { groups: groups.map(toKafkaGroup) }
    })
  }

  /** @throws KafkaJSDeleteTopicRecordsError which names the partitions whose records could not be deleted */
  async deleteTopicRecords({ topic, partitions }: Options<'deleteTopicRecords'>): Promise<void> {
    return inKafkaJSErrors(async () => {
      checkSome(partitions, 'partitions')
      try {
        await this.#admin.deleteTopicRecords({ topic, partitions })
      } catch (error) {
        const errors = protocolErrorsOf(error)
        if (!errors) throw error
        const failed = errors.map(({ name, error }) => {
          const partition = Number(name.replace('partition ', ''))
          const offset = partitions.find(each => each.partition === partition)?.offset ?? ''
          return { partition, offset, error }
        })
        throw new KafkaJSDeleteTopicRecordsError({ partitions: failed })
      }
    })
  }

  describeAcls(): Promise<never> {
    return noAcls()
  }

  deleteAcls(): Promise<never> {
    return noAcls()
  }

  createAcls(): Promise<never> {
    return noAcls()
  }

  alterPartitionReassignments(): Promise<never> {
    return noReplicas()
  }

  listPartitionReassignments(): Promise<never> {
    return noReplicas()
  }

  logger(): Logger {
    return this.#logger
  }

  on<Name extends keyof AdminEventsByName>(
    name: Name,
    listener: (event: AdminEventsByName[Name]) => void,
  ): () => void {
    return listen({ events: this.events, client: this.#admin, logger: this.#logger }, name, listener)
  }
}

type DescribedGroup = Awaited<ReturnType<TidemarkAdmin['describeGroups']>>['groups'][number]

function toKafkaGroup({ groupId, state, protocol, members }: DescribedGroup): GroupDescription {
  return {
    groupId,
    state,
    // A group without members uses nothing, and one that is none is of no type.
    protocol: members.length === 0 ? '' : protocol,
    protocolType: state === 'Dead' ? '' : 'consumer',
    members: members.map(({ memberId, clientId, assignment: owned }) => {
      const assignment: Record<string, number[]> = {}
      for (const { topic, partition } of owned) assignment[topic] = [...(assignment[topic] ?? []), partition]
      const encoded = { version: 1, userData: Buffer.alloc(0) }
      return {
        memberId,
        clientId,
        clientHost: '',
        memberAssignment: AssignerProtocol.MemberAssignment.encode({ ...encoded, assignment }),
        memberMetadata: AssignerProtocol.MemberMetadata.encode({
          ...encoded,
          topics: Object.keys(assignment),
        }),
      }
    }),
  }
}

/** What of several things failed, each as the broker refused it; undefined for any other error. */
function protocolErrorsOf(error: unknown): { name: string; error: KafkaJSProtocolError }[] | undefined {
  if (!(error instanceof NamedFailures)) return undefined
  return error.failures.map(({ name, error: each }) => ({ name, error: asProtocolError(each) }))
}

function asProtocolError(error: TidemarkError): KafkaJSProtocolError {
  const same = sameError(error)
  if (same instanceof KafkaJSProtocolError) return same
  const { message, retriable, kafkaName, kafkaNumber } = error
  return new KafkaJSProtocolError({ message, retriable, type: kafkaName, code: kafkaNumber, cause: error })
}

function checkSome(list: unknown, what: string): void {
  if (Array.isArray(list) && list.length === 0) throw new KafkaJSNonRetriableError(`${what} is empty.`)
}

function checkOnce(topics: readonly { topic: string }[]): void {
  if (!Array.isArray(topics)) return
  const names = new Set(topics.map(({ topic }) => topic))
  if (names.size < topics.length) throw new KafkaJSNonRetriableError('Name each topic once.')
}

async function noAcls(): Promise<never> {
  throw new KafkaJSNotImplemented(
    'There are no ACLs here: IAM, or the token of the server, says who may what.',
  )
}

async function noReplicas(): Promise<never> {
  throw new KafkaJSNotImplemented('There are no replicas to be moved here: partitions are on no broker.')
}

type Defined<T> = { [Name in keyof T]: Exclude<T[Name], undefined> }

/** Programs say undefined where they leave something out. */
export function withoutUndefined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>
}
