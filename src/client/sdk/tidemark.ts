import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { HttpBroker } from '../http-broker.ts'
import type { HttpBrokerSettings } from '../http-transport.ts'
import { Admin, type AdminOptions } from './admin.ts'
import { checkNames, given } from './arguments.ts'
import { Consumer } from './consuming/consumer.ts'
import type { ConsumerOptions } from './consuming/consumer-options.ts'
import { Outbox, type OutboxOptions } from './outbox/outbox.ts'
import { outboxTopicOf } from './outbox/outbox-topic.ts'
import { Producer } from './producing/producer.ts'
import type { ProducerOptions } from './producing/producer-options.ts'
import type { RetryOptions } from './retry-options.ts'

/** Where the broker is: one at hand (embedded, or on AWS directly), or one behind HTTP. */
export type TidemarkOptions = ({ broker: Broker & GroupBroker } | HttpBrokerSettings) & {
  /** How it calls itself, in the description of a group. */
  clientId?: string
  /** For all that is made of it and says nothing else. */
  retry?: RetryOptions
  /** How long one request may take, in milliseconds, beside what a fetch waits: 30,000 by default. The same. */
  requestTimeout?: number
}

/**
 * Tidemark as Node's Kafka users know a client: a program written for KafkaJS changes its import and this constructor.
 *
 * ```ts
 * const tidemark = new Tidemark({ url: 'http://127.0.0.1:8082' })
 * const producer = tidemark.producer()
 * await producer.send({ topic: 'tides', messages: [{ key: 'dover', value: 'ebb' }] })
 * ```
 */
export class Tidemark {
  readonly #broker: Broker & GroupBroker
  readonly #clientId: string
  readonly #shared: { retry?: RetryOptions; requestTimeout?: number }

  /** @throws TidemarkError INVALID_REQUEST when the URL is none */
  constructor(options: TidemarkOptions) {
    const requestTimeout = options.requestTimeout ?? ('timeoutMs' in options ? options.timeoutMs : undefined)
    const shortest = requestTimeout === undefined ? {} : { timeoutMs: requestTimeout }
    this.#broker = 'broker' in options ? options.broker : new HttpBroker({ ...options, ...shortest })
    this.#clientId = options.clientId ?? 'tidemark'
    this.#shared = {
      ...(options.retry && { retry: options.retry }),
      ...(requestTimeout !== undefined && { requestTimeout }),
    }
  }

  producer(options: ProducerOptions = {}): Producer {
    return new Producer(this.#broker, { ...this.#shared, ...given(options, 'options') })
  }

  /** With a `groupId`, a member of that group; without one, a reader of what it assigns to itself. */
  consumer(options: ConsumerOptions = {}): Consumer {
    return new Consumer(this.#broker, {
      ...this.#shared,
      clientId: this.#clientId,
      ...given(options, 'options'),
    })
  }

  /**
   * An outbox that knows these topics as they are now: the only thing that asks the broker is this. What it makes afterwards goes
   * into the application's own transactions.
   * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION
   */
  async outbox(options: Omit<OutboxOptions, 'topics'> & { topics: readonly string[] }): Promise<Outbox> {
    const { topics, ...others } = given(options, "an outbox's options")
    checkNames(topics, 'topic')
    const described = await Promise.all(topics.map(topic => this.#broker.describeTopic(topic)))
    return new Outbox({ ...others, topics: described.map(outboxTopicOf) })
  }

  admin(options: AdminOptions = {}): Admin {
    return new Admin(this.#broker, { ...this.#shared, ...given(options, 'options') })
  }
}
