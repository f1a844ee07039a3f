import type { AssignorName } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { Tidemark } from '../sdk/tidemark.ts'
import { isKafkaError } from '../sdk/topic-facts.ts'
import { findBroker, type NamedBroker } from './address.ts'
import { KafkaJSNonRetriableError, KafkaJSNotImplemented, toCrash, toKafkaJSError } from './errors.ts'
import { KafkaAdmin, withoutUndefined } from './kafka-admin.ts'
import { KafkaConsumer } from './kafka-consumer.ts'
import { KafkaProducer } from './kafka-producer.ts'
import { createLogger } from './logger.ts'
import { toPartitioner } from './partitioners.ts'
import type { Admin, Consumer, Producer } from './types/clients.ts'
import type {
  AdminConfig,
  ConsumerConfig,
  EmbeddedKafkaConfig,
  KafkaConfig,
  PartitionAssigner,
  ProducerConfig,
  RetryOptions,
} from './types/configuration.ts'
import type { Logger } from './types/logging.ts'

const roundRobin: PartitionAssigner = () => ({ name: 'RoundRobinAssigner' })

/** How a group shares partitions out, by KafkaJS's name for it. */
export const PartitionAssigners: { roundRobin: PartitionAssigner } = { roundRobin }

const ASSIGNORS: ReadonlyMap<PartitionAssigner, AssignorName> = new Map([[roundRobin, 'round-robin']])

/** KafkaJS's own, which other members of a group may count on. */
const SESSION_TIMEOUT_MS = 30_000

/** Compression needs nothing to be put in: what is assigned here has no effect. */
export const CompressionCodecs: { [type in 1 | 2 | 3 | 4]: () => unknown } = {
  1: () => ({}),
  2: () => ({}),
  3: () => ({}),
  4: () => ({}),
}

/**
 * Tidemark behind KafkaJS's names: a program changes its import, and `brokers`.
 *
 * ```ts
 * import { Kafka } from 'tidemark/kafkajs'
 * const kafka = new Kafka({ clientId: 'gauges', brokers: ['http://127.0.0.1:8082'] })
 * ```
 */
export class Kafka {
  readonly #named: NamedBroker
  readonly #tidemark: Tidemark
  readonly #retry: RetryOptions
  readonly #logger: Logger

  /** @throws KafkaJSNonRetriableError for a configuration that says what is not there */
  constructor(config: KafkaConfig | EmbeddedKafkaConfig) {
    const { clientId = 'kafkajs', retry = {}, logLevel, logCreator } = config
    this.#retry = retry
    this.#logger = createLogger(logLevel, logCreator)
    this.#named = inKafkaJSError(() => findBroker(config))
    this.#tidemark = new Tidemark({ broker: this.#named.broker, clientId })
  }

  producer({
    createPartitioner,
    retry,
    allowAutoTopicCreation = true,
    maxInFlightRequests: _withoutEffect,
    ...options
  }: ProducerConfig = {}): Producer {
    const producer = inKafkaJSError(() =>
      this.#tidemark.producer({
        ...withoutUndefined(options),
        ...(createPartitioner && { createPartitioner: toPartitioner(createPartitioner) as never }),
        retry: { ...this.#retry, ...retry },
        allowAutoTopicCreation,
      }),
    )
    return new KafkaProducer(producer, this.#logger.namespace('Producer'))
  }

  /** @throws KafkaJSNonRetriableError without a group, KafkaJSNotImplemented for an assigner of the program's own */
  consumer({
    groupId,
    partitionAssigners,
    retry,
    allowAutoTopicCreation = true,
    sessionTimeout = SESSION_TIMEOUT_MS,
    ...options
  }: ConsumerConfig): Consumer {
    if (!groupId) throw new KafkaJSNonRetriableError('A consumer needs a groupId.')
    const { heartbeatInterval } = options
    if (heartbeatInterval !== undefined && heartbeatInterval >= sessionTimeout) {
      throw new KafkaJSNonRetriableError(
        `heartbeatInterval (${heartbeatInterval}) is to be below sessionTimeout (${sessionTimeout}).`,
      )
    }
    const assignor = assignorOf(partitionAssigners)
    const retries = { ...this.#retry, ...retry }
    const { restartOnFailure } = retries
    const consumer = inKafkaJSError(() =>
      this.#tidemark.consumer({
        ...withoutUndefined(options),
        ...(assignor && { assignor }),
        groupId,
        sessionTimeout,
        retry: {
          ...retries,
          ...(restartOnFailure && { restartOnFailure: error => restartOnFailure(toCrash(error)) }),
        },
      }),
    )
    return new KafkaConsumer({
      consumer,
      groupId,
      admin: this.admin(),
      findTopic: topic => this.#findTopic(topic, allowAutoTopicCreation),
      logger: this.#logger.namespace('Consumer'),
    })
  }

  admin({ retry }: AdminConfig = {}): Admin {
    const admin = this.#tidemark.admin({ retry: { ...this.#retry, ...retry } })
    return new KafkaAdmin(admin, this.#named.url, this.#logger.namespace('Admin'))
  }

  logger(): Logger {
    return this.#logger
  }

  /** @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION when there is none, and none shall be made */
  async #findTopic(topic: string, mayBeMade: boolean): Promise<void> {
    const admin = this.#tidemark.admin({ retry: this.#retry })
    try {
      await admin.fetchTopicMetadata({ topics: [topic] })
    } catch (error) {
      if (!mayBeMade || !isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
      await admin.createTopics({ topics: [{ topic }] })
    }
  }
}

/** The first one that is named; a group uses what most of its members name. */
function assignorOf(assigners: readonly PartitionAssigner[] | undefined): AssignorName | undefined {
  if (assigners === undefined) return undefined
  const [assignor] = assigners.map(assigner => ASSIGNORS.get(assigner))
  if (assignor !== undefined) return assignor
  throw new KafkaJSNotImplemented(
    'The broker shares partitions out, so that a program cannot: give PartitionAssigners.roundRobin, or nothing.',
  )
}

function inKafkaJSError<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw error instanceof TidemarkError ? toKafkaJSError(error) : error
  }
}
