import type { Producer as TidemarkProducer } from '../sdk/producing/producer.ts'
import type { Transaction as TidemarkTransaction } from '../sdk/producing/transaction.ts'
import { inKafkaJSErrors, KafkaJSNonRetriableError } from './errors.ts'
import { KAFKA_PRODUCER_EVENTS, listen } from './kafka-events.ts'
import type { Producer, Transaction } from './types/clients.ts'
import type { ProducerEventsByName } from './types/events.ts'
import type { Logger } from './types/logging.ts'
import type { Message, ProducerBatch, ProducerRecord, RecordMetadata } from './types/messages.ts'
import type { Offsets } from './types/offsets.ts'

/** A producer that behaves as KafkaJS's. */
export class KafkaProducer implements Producer {
  readonly events = KAFKA_PRODUCER_EVENTS
  readonly #producer: TidemarkProducer
  readonly #logger: Logger

  constructor(producer: TidemarkProducer, logger: Logger) {
    this.#producer = producer
    this.#logger = logger
    this.on('producer.delivery_failed', ({ payload }) => {
      const { error, ...about } = payload
      logger.error(`Records could not be written: ${error.message}`, about)
    })
    producer.on(producer.events.OUTAGE, ({ payload: { error, ...about } }) => {
      logger.warn(`Tried again: ${error.message}`, about)
    })
    producer.on(producer.events.OUTAGE_OVER, ({ payload }) => logger.info('It succeeds again', payload))
  }

  connect(): Promise<void> {
    return inKafkaJSErrors(() => this.#producer.connect())
  }

  disconnect(): Promise<void> {
    return inKafkaJSErrors(() => this.#producer.disconnect())
  }

  isIdempotent(): boolean {
    return this.#producer.isIdempotent()
  }

  async send({ topic, messages, ...how }: ProducerRecord): Promise<RecordMetadata[]> {
    return this.sendBatch({ ...how, topicMessages: [{ topic, messages }] })
  }

  async sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    return inKafkaJSErrors(() => this.#producer.sendBatch(toBatch(batch)))
  }

  async transaction(): Promise<Transaction> {
    const transaction = await inKafkaJSErrors(() => this.#producer.transaction())
    return new KafkaTransaction(transaction)
  }

  logger(): Logger {
    return this.#logger
  }

  on<Name extends keyof ProducerEventsByName>(
    name: Name,
    listener: (event: ProducerEventsByName[Name]) => void,
  ): () => void {
    return listen({ events: this.events, client: this.#producer, logger: this.#logger }, name, listener)
  }
}

class KafkaTransaction implements Transaction {
  readonly #transaction: TidemarkTransaction

  constructor(transaction: TidemarkTransaction) {
    this.#transaction = transaction
  }

  send({ topic, messages, ...how }: ProducerRecord): Promise<RecordMetadata[]> {
    return this.sendBatch({ ...how, topicMessages: [{ topic, messages }] })
  }

  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    return inKafkaJSErrors(() => this.#transaction.sendBatch(toBatch(batch)))
  }

  sendOffsets(offsets: Offsets & { consumerGroupId: string }): Promise<void> {
    return inKafkaJSErrors(() => this.#transaction.sendOffsets(offsets))
  }

  async commit(): Promise<void> {
    await inKafkaJSErrors(() => this.#transaction.commit())
  }

  abort(): Promise<void> {
    return inKafkaJSErrors(() => this.#transaction.abort())
  }

  isActive(): boolean {
    return this.#transaction.isActive()
  }
}

function toBatch({ topicMessages = [], acks = -1, compression }: ProducerBatch) {
  if (!Array.isArray(topicMessages)) throw new KafkaJSNonRetriableError('Give a list of topicMessages.')
  return {
    topicMessages: topicMessages.map(({ topic, messages }) => ({
      topic,
      messages: Array.isArray(messages) ? messages.map(withTime) : messages,
    })),
    acks,
    ...(compression !== undefined && { compression }),
  }
}

/** An empty text is no time, as with KafkaJS. */
function withTime({ timestamp, ...message }: Message): Message {
  return timestamp ? { ...message, timestamp } : message
}
