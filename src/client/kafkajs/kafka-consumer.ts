import type { Consumer as TidemarkConsumer } from '../sdk/consuming/consumer.ts'
import type { ConsumerRun } from '../sdk/consuming/consumer-options.ts'
import { inKafkaJSErrors, KafkaJSNonRetriableError, toKafkaJSError } from './errors.ts'
import { KAFKA_CONSUMER_EVENTS, listen } from './kafka-events.ts'
import type {
  Admin,
  Consumer,
  ConsumerRunConfig,
  ConsumerSubscribeTopic,
  ConsumerSubscribeTopics,
} from './types/clients.ts'
import type { ConsumerEventsByName } from './types/events.ts'
import type { GroupDescription } from './types/groups.ts'
import type { Logger } from './types/logging.ts'
import type {
  TopicPartitionOffset,
  TopicPartitionOffsetAndMetadata,
  TopicPartitions,
} from './types/offsets.ts'

interface ConsumerParts {
  consumer: TidemarkConsumer
  groupId: string
  admin: Admin
  /** Makes a topic if there is none, or says that there is none. */
  findTopic: (topic: string) => Promise<void>
  logger: Logger
}

/** A consumer that behaves as KafkaJS's. */
export class KafkaConsumer implements Consumer {
  readonly events = KAFKA_CONSUMER_EVENTS
  readonly #parts: ConsumerParts
  readonly #consumer: TidemarkConsumer
  #isRunning = false

  constructor(parts: ConsumerParts) {
    this.#parts = parts
    this.#consumer = parts.consumer
    const { logger, groupId } = parts
    this.on('consumer.crash', ({ payload: { error, restart } }) => {
      if (!restart) this.#isRunning = false
      logger.error(`Crash: ${error.name}: ${error.message}`, { groupId, restart, stack: error.stack })
    })
    this.on('consumer.outage', ({ payload: { error, ...about } }) => {
      logger.warn(`Tried again: ${error.message}`, { groupId, ...about })
    })
    this.on('consumer.stop', () => {
      this.#isRunning = false
      logger.info('Stopped', { groupId })
    })
  }

  connect(): Promise<void> {
    return inKafkaJSErrors(() => this.#consumer.connect())
  }

  disconnect(): Promise<void> {
    return inKafkaJSErrors(() => this.#consumer.disconnect())
  }

  stop(): Promise<void> {
    return inKafkaJSErrors(() => this.#consumer.stop())
  }

  subscribe(subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void> {
    return inKafkaJSErrors(async () => {
      const topics = 'topics' in subscription ? subscription.topics : [subscription.topic]
      const names = [topics].flat().filter(topic => typeof topic === 'string' && topic !== '')
      // Refused before a topic is made for it.
      if (!this.#isRunning) for (const name of names) await this.#parts.findTopic(name as string)
      await this.#consumer.subscribe(subscription)
    })
  }

  run(config: ConsumerRunConfig = {}): Promise<void> {
    const { logger, groupId } = this.#parts
    return inKafkaJSErrors(async () => {
      if (this.#isRunning) {
        logger.warn('run was called, and the consumer is running already.', { groupId })
        return
      }
      this.#isRunning = true
      logger.info('Starting', { groupId })
      try {
        await this.#consumer.run(toRun(config))
      } catch (error) {
        this.#isRunning = false
        throw error
      }
    })
  }

  commitOffsets(topicPartitions: TopicPartitionOffsetAndMetadata[]): Promise<void> {
    return inKafkaJSErrors(() => this.#consumer.commitOffsets(topicPartitions))
  }

  seek(place: TopicPartitionOffset): void {
    rethrown(() => this.#consumer.seek(place))
  }

  async describeGroup(): Promise<GroupDescription> {
    const { admin, groupId } = this.#parts
    const { groups } = await admin.describeGroups([groupId])
    return groups[0]!
  }

  pause(topics: { topic: string; partitions?: number[] }[]): void {
    checkPlaces(topics)
    rethrown(() => this.#consumer.pause(topics))
  }

  resume(topics: { topic: string; partitions?: number[] }[]): void {
    checkPlaces(topics)
    rethrown(() => this.#consumer.resume(topics))
  }

  /** Of what it owns. */
  paused(): TopicPartitions[] {
    const owned = this.#consumer.assignment()
    return this.#consumer.paused().flatMap(({ topic, partitions }) => {
      const own = owned.filter(each => each.topic === topic).map(({ partition }) => partition)
      const paused = partitions ? own.filter(partition => partitions.includes(partition)) : own
      return paused.length > 0 ? [{ topic, partitions: paused }] : []
    })
  }

  logger(): Logger {
    return this.#parts.logger
  }

  on<Name extends keyof ConsumerEventsByName>(
    name: Name,
    listener: (event: ConsumerEventsByName[Name]) => void,
  ): () => void {
    const { logger } = this.#parts
    return listen({ events: this.events, client: this.#consumer, logger }, name, listener)
  }
}

/** Without a handler everything is read, and counts as consumed, as with KafkaJS; of two, eachMessage is called. */
function toRun({ eachMessage, eachBatch, autoCommitInterval, ...run }: ConsumerRunConfig): ConsumerRun {
  const handler = eachMessage ? { eachMessage } : { eachBatch: eachBatch ?? (async () => {}) }
  return {
    ...run,
    // null is KafkaJS's own default.
    ...(autoCommitInterval != null && { autoCommitInterval }),
    // KafkaJS, too, hands out null where a header has no value, and its types do not say so.
    ...(handler as Pick<ConsumerRun, 'eachMessage' | 'eachBatch'>),
  }
}

function checkPlaces(topics: unknown): void {
  const areWell =
    Array.isArray(topics) &&
    topics.every(
      each =>
        typeof each?.topic === 'string' &&
        (each.partitions === undefined ||
          (Array.isArray(each.partitions) && each.partitions.every(Number.isInteger))),
    )
  if (!areWell) throw new KafkaJSNonRetriableError('Give a list of topics, with or without partitions.')
}

function rethrown(action: () => void): void {
  try {
    action()
  } catch (error) {
    throw toKafkaJSError(error)
  }
}
