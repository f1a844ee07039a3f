import type { Broker, CallOptions, TopicDescription } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { BATCH_BYTES_DEFAULT_MAX } from '../../core/limits.ts'
import { type RetrySettings, withRetries } from '../retry.ts'
import type { Outages } from './outages.ts'

/** What a producer has to know of a topic. */
export interface TopicFacts {
  readonly topic: string
  readonly partitions: number
  /** The topic's max.message.bytes. */
  readonly batchBytesMax: number
}

interface CachedFacts extends TopicFacts {
  /** When to ask again, by the clock that only goes forward. */
  readonly untilMs: number
}

export interface TopicCacheSettings {
  /** How long what was heard of a topic holds. */
  maxAgeMs: number
  /** Whether a topic that does not exist is made, with one partition. */
  createsTopics: boolean
  retry: RetrySettings
  /** Told of questions that are asked again. */
  outages?: Pick<Outages<'describe', { topic: string }>, 'failed' | 'passed' | 'forget'>
}

/** Topics as this client knows them. Asked anew when they are old: a topic's number of partitions grows. */
export class TopicCache {
  readonly #broker: Broker
  readonly #settings: TopicCacheSettings
  readonly #known = new Map<string, CachedFacts>()
  readonly #asked = new Map<string, Promise<TopicFacts>>()

  constructor(broker: Broker, settings: TopicCacheSettings) {
    this.#broker = broker
    this.#settings = settings
  }

  /** What is known and still holds. */
  peek(topic: string): TopicFacts | undefined {
    const facts = this.#known.get(topic)
    return facts && facts.untilMs > performance.now() ? facts : undefined
  }

  forget(topic: string): void {
    this.#known.delete(topic)
  }

  /**
   * @param within how long to ask, where it is not asked already
   * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION, REQUEST_TIMED_OUT
   */
  async resolve(
    topic: string,
    within: Partial<Pick<RetrySettings, 'forMs' | 'signal'>> = {},
  ): Promise<TopicFacts> {
    const known = this.peek(topic)
    if (known) return known
    let asked = this.#asked.get(topic)
    if (!asked) {
      asked = this.#ask(topic, within).finally(() => this.#asked.delete(topic))
      this.#asked.set(topic, asked)
    }
    return asked
  }

  async #ask(topic: string, within: Partial<RetrySettings>): Promise<TopicFacts> {
    const { maxAgeMs } = this.#settings
    const { partitions, configs } = await this.#insist(topic, within)
    const config = configs.find(({ name }) => name === 'max.message.bytes')
    const facts = {
      topic,
      partitions,
      batchBytesMax: Number(config?.value ?? BATCH_BYTES_DEFAULT_MAX),
      untilMs: performance.now() + maxAgeMs,
    }
    this.#known.set(topic, facts)
    return facts
  }

  async #insist(topic: string, within: Partial<RetrySettings>): Promise<TopicDescription> {
    const { retry, outages } = this.#settings
    const place = { topic }
    try {
      const described = await withRetries(call => this.#describe(topic, call), {
        ...retry,
        ...within,
        // One that it made in a try before is there in the next.
        isRepeatable: true,
        onRetry: error => outages?.failed('describe', place, error),
      })
      outages?.passed('describe', place)
      return described
    } catch (error) {
      outages?.forget(place)
      if (!(error instanceof TidemarkError) || error.written === 'no') throw error
      // Whatever became of the topic, no record was written.
      const { kafkaName, message, retriable } = error
      throw new TidemarkError(kafkaName, message, 'no', { cause: error, retriable })
    }
  }

  async #describe(topic: string, call: CallOptions): Promise<TopicDescription> {
    try {
      return await this.#broker.describeTopic(topic, call)
    } catch (error) {
      if (!this.#settings.createsTopics || !isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
    }
    try {
      return await this.#broker.createTopic({ topic }, call)
    } catch (error) {
      if (!isKafkaError(error, 'TOPIC_ALREADY_EXISTS')) throw error
      return this.#broker.describeTopic(topic, call)
    }
  }
}

/** Whether an error is the one that Kafka calls so. */
export function isKafkaError(error: unknown, name: TidemarkError['kafkaName']): error is TidemarkError {
  return error instanceof TidemarkError && error.kafkaName === name
}
