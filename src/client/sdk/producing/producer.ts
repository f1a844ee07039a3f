import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { BATCH_RECORDS_MAX, CLOSE_FLUSH_MS } from '../../../core/limits.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { DeadlinePassed } from '../../deadline.ts'
import { recordBytesMax } from '../../record-size.ts'
import { checkList, checkName, given, givenEach } from '../arguments.ts'
import { type InstrumentationEvent, Listeners } from '../listeners.ts'
import { type Message, toRecord } from '../messages.ts'
import { checkNumbers, checkRetry } from '../number-options.ts'
import { Outages } from '../outages.ts'
import { requestRetries } from '../retry-options.ts'
import { Room } from '../room.ts'
import { TopicCache, type TopicFacts } from '../topic-facts.ts'
import { toCompressionName } from './compression-types.ts'
import type { Delivery, ProducerPlace, ProducerWork } from './partition-batches.ts'
import type { CreatePartitioner } from './partitioners.ts'
import {
  checkTimes,
  PRODUCER_DEFAULT,
  PRODUCER_EVENTS,
  PRODUCER_NUMBERS,
  type ProducerBatch,
  type ProducerEventPayloads,
  type ProducerOptions,
  type ProducerRecord,
  type WriterOptions,
} from './producer-options.ts'
import { type RecordMetadata, settledMetadata, type TakenMessages } from './sent-records.ts'
import { TopicWriter, type TopicWriterSettings } from './topic-writer.ts'
import type { Transaction } from './transaction.ts'

/** What a producer keeps of a topic. */
interface TopicState {
  /** Made once the topic is known. */
  writer: TopicWriter | undefined
  /** Settles when everything that was handed in before has been taken. */
  taken: Promise<void>
}

/**
 * Sends records, gathered into batches by partition. Records of one partition are in the log in the order in which they
 * were handed in, whether or not somebody waits in between. Every method rejects with a TidemarkError, which says
 * what became of the records.
 */
export class Producer {
  readonly events = PRODUCER_EVENTS
  readonly #broker: Broker
  readonly #options: ProducerOptions
  readonly #topics: TopicCache
  readonly #states = new Map<string, TopicState>()
  readonly #room: Room
  readonly #listeners = new Listeners()
  readonly #partitioner: ReturnType<CreatePartitioner> | undefined
  readonly #deliveryMs: number
  readonly #outages = new Outages<ProducerWork, ProducerPlace>(
    // `deliveryTimeoutMs` says when to give up, and that is told by itself.
    { giveUpAfterMs: Number.POSITIVE_INFINITY, lastsAfterMs: () => Number.POSITIVE_INFINITY },
    {
      began: (error, during, place) =>
        this.#listeners.emit(PRODUCER_EVENTS.OUTAGE, { error, during, ...place }),
      over: (during, place, duration) =>
        this.#listeners.emit(PRODUCER_EVENTS.OUTAGE_OVER, { during, duration, ...place }),
    },
  )
  #transactions: { begin(): Promise<Transaction> } | undefined
  #isClosed = false
  #ending = new AbortController()

  /**
   * @throws TidemarkError INVALID_REQUEST for numbers that cannot be, and times that contradict one another
   */
  constructor(broker: Broker, options: ProducerOptions = {}) {
    checkNumbers('a producer', options, PRODUCER_NUMBERS)
    checkRetry(options.retry)
    this.#broker = broker
    this.#options = options
    this.#deliveryMs = options.deliveryTimeoutMs ?? PRODUCER_DEFAULT.deliveryTimeoutMs
    checkTimes(this.#deliveryMs, options)
    this.#partitioner = options.createPartitioner?.()
    this.#room = this.#newRoom()
    this.#topics = new TopicCache(broker, {
      maxAgeMs: options.metadataMaxAge ?? PRODUCER_DEFAULT.metadataMaxAgeMs,
      createsTopics: options.allowAutoTopicCreation ?? false,
      retry: requestRetries(options.retry ?? {}, this.#deliveryMs, options.requestTimeout),
      outages: this.#outages,
    })
  }

  /** There is no connection to be made; a producer that was disconnected can be used again. */
  async connect(): Promise<void> {
    this.#isClosed = false
    this.#transactions = undefined
    if (this.#ending.signal.aborted) this.#ending = new AbortController()
    this.#listeners.emit(PRODUCER_EVENTS.CONNECT, null)
  }

  isIdempotent(): boolean {
    return this.#options.idempotent ?? true
  }

  /**
   * Sends messages to one topic. Resolves when all of them are durable.
   * @returns one for each partition that got some
   * @throws TidemarkError; `written` says whether some of the messages may be in the log
   */
  async send(record: ProducerRecord): Promise<RecordMetadata[]> {
    const { topic, messages, ...options } = given(record, 'a topic and messages')
    return this.sendBatch({ ...options, topicMessages: [{ topic, messages }] })
  }

  /** As `send`, to several topics. */
  async sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    const { topicMessages = [], acks = -1, compression } = given(batch, 'topics and messages')
    if (this.#isClosed) {
      throw disconnected()
    }
    const name = toCompressionName(compression ?? this.#options.compression)
    const nowMs = Date.now()
    // All is looked at before anything is taken, so that a message that cannot be sent leaves no half behind.
    const topics = givenEach(topicMessages, 'a topic and messages', 'topics and messages')
    const wanted = topics.map(({ topic, messages }) => {
      checkName(topic, 'topic')
      checkList(messages, 'messages')
      return { topic, messages: messages.map(message => ({ message, record: toRecord(message, nowMs) })) }
    })
    const takings = wanted.map(({ topic, messages }) => this.#take(topic, messages, name))
    const sent = Promise.all(takings).then(settledMetadata)
    if (acks !== 0) return sent
    // As in Kafka: nobody hears of a failure, but who listens to the events.
    sent.catch(() => {})
    await Promise.all(takings)
    return []
  }

  /**
   * Writes to one topic without a promise for each record, for programs that send very many and want to know which of
   * them are in the log. The writer sends, waits and retries as this producer does, and is flushed by itself.
   * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION
   */
  async writer<Tag = undefined>(writing: WriterOptions<Tag>): Promise<TopicWriter<Tag>> {
    const {
      topic,
      compression = this.#options.compression,
      onSettled = () => {},
      onRetry = () => {},
      ...options
    } = given(writing, 'a topic')
    checkName(topic, 'topic')
    const facts = await this.#topics.resolve(topic)
    const settings = this.#writerSettings<Tag>(this.#newRoom(), delivery => {
      this.#settled(topic, delivery)
      onSettled(delivery)
    })
    return new TopicWriter(this.#broker, facts, {
      ...settings,
      ...options,
      compression: toCompressionName(compression),
      // A broker that is slow keeps records waiting, which is no failure: each call has the whole time.
      deliveryMs: Number.POSITIVE_INFINITY,
      retry: { ...settings.retry, onRetry },
    })
  }

  /** Sends what has been gathered, without waiting for more, and resolves when all of it has settled. */
  async flush(): Promise<void> {
    const states = [...this.#states.values()]
    await Promise.all(states.map(({ taken }) => taken))
    await Promise.all(states.map(({ writer }) => writer?.flush()))
  }

  /** Flushes, and takes nothing more. What has not settled after 25 s fails, so that a process can end in time. */
  async disconnect(): Promise<void> {
    this.#isClosed = true
    const ending = this.#ending
    const timer = setTimeout(() => ending.abort(new DeadlinePassed(CLOSE_FLUSH_MS)), CLOSE_FLUSH_MS)
    await this.flush()
    clearTimeout(timer)
    this.#listeners.emit(PRODUCER_EVENTS.DISCONNECT, null)
  }

  /**
   * Begins a transaction; of this producer there is one at a time. It needs a `transactionalId`.
   * @throws TidemarkError PRODUCER_FENCED where another producer has taken the id over; INVALID_TXN_STATE while one is active
   */
  async transaction(): Promise<Transaction> {
    if (this.#isClosed) throw disconnected()
    const { openTransactions } = await import('./transactional-producer.ts')
    this.#transactions ??= openTransactions(
      this.#broker,
      this.#options,
      this.#deliveryMs,
      (within, options) => new Producer(within, options),
    )
    return await this.#transactions.begin()
  }

  /** @returns what takes the listener away again */
  on<Name extends keyof ProducerEventPayloads>(
    eventName: Name,
    listener: (event: InstrumentationEvent<ProducerEventPayloads[Name]>) => void,
  ): () => void {
    return this.#listeners.on(eventName, listener)
  }

  /** Takes messages in the order of the calls, once their topic is known and there is room. */
  #take(
    topic: string,
    messages: { message: Message; record: RecordInput }[],
    compression: CompressionName,
  ): Promise<TakenMessages> {
    const state = this.#stateOf(topic)
    const sinceMs = performance.now()
    const leftMs = () => sinceMs + this.#deliveryMs - performance.now()
    const taking = state.taken.then(async () => {
      const taken: TakenMessages = { topic, batches: new Map(), failures: [] }
      let added = 0
      try {
        for (const { message, record } of messages) {
          const facts = this.#topics.peek(topic) ?? (await this.#resolve(topic, leftMs()))
          if (this.#room.isFull) await this.#room.whenFree(() => this.#hurry(), leftMs())
          this.#add(this.#writerOf(state, facts), message, { record, sinceMs }, compression, taken)
          added++
        }
      } catch (error) {
        // Those before it are on their way: their fate is part of the answer.
        taken.failures.push(error)
        const left = messages.slice(added)
        this.#failed(topic, onlyPartitionOf(left), left.length, error)
      }
      return taken
    })
    state.taken = taking.then(() => {})
    return taking
  }

  #resolve(topic: string, forMs: number): Promise<TopicFacts> {
    return this.#topics.resolve(topic, { forMs, signal: this.#ending.signal })
  }

  #add(
    writer: TopicWriter,
    message: Message,
    { record, sinceMs }: { record: RecordInput; sinceMs: number },
    compression: CompressionName,
    { topic, batches, failures }: TakenMessages,
  ): void {
    const bytes = recordBytesMax(record)
    const partition = message.partition ?? this.#byPartitioner(writer.facts, message)
    const place = writer.place(record, bytes, partition)
    try {
      const batch = place.add(record, bytes, undefined, compression, sinceMs)
      if (!batches.has(batch)) batches.set(batch, batch.records - 1)
    } catch (error) {
      // One that is too large: the others go.
      failures.push(error)
      this.#failed(topic, place.partition, 1, error)
    }
  }

  #byPartitioner({ topic, partitions }: TopicFacts, message: Message): number | undefined {
    if (!this.#partitioner) return undefined
    const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId }))
    return this.#partitioner({ topic, partitionMetadata, message })
  }

  /** What lingers would only be waited for. */
  #hurry(): void {
    for (const { writer } of this.#states.values()) writer?.hurry()
  }

  #stateOf(topic: string): TopicState {
    let state = this.#states.get(topic)
    if (!state) {
      state = { writer: undefined, taken: Promise.resolve() }
      this.#states.set(topic, state)
    }
    return state
  }

  #writerOf(state: TopicState, facts: TopicFacts): TopicWriter {
    if (state.writer) state.writer.facts = facts
    else {
      const settings = this.#writerSettings<undefined>(this.#room, delivery =>
        this.#settled(facts.topic, delivery),
      )
      state.writer = new TopicWriter(this.#broker, facts, settings)
    }
    return state.writer
  }

  #writerSettings<Tag>(
    room: Room,
    onSettled: TopicWriterSettings<Tag>['onSettled'],
  ): TopicWriterSettings<Tag> {
    const {
      lingerMs = PRODUCER_DEFAULT.lingerMs,
      batchBytes = PRODUCER_DEFAULT.batchBytes,
      retry = {},
      requestTimeout,
    } = this.#options
    return {
      lingerMs,
      batchBytes,
      batchRecords: BATCH_RECORDS_MAX,
      compression: 'none',
      callsMax: Number.POSITIVE_INFINITY,
      deliveryMs: this.#deliveryMs,
      isIdempotent: this.isIdempotent(),
      ending: () => this.#ending.signal,
      retry: requestRetries(retry, this.#deliveryMs, requestTimeout),
      room,
      outages: this.#outages,
      stopsAtFailure: false,
      onSettled,
    }
  }

  #newRoom(): Room {
    return new Room(this.#options.pendingBytesMax ?? PRODUCER_DEFAULT.pendingBytesMax)
  }

  #settled<Tag>(topic: string, { partition, records, error }: Delivery<Tag>): void {
    if (error !== undefined) this.#failed(topic, partition, records, error)
  }

  #failed(topic: string, partition: number | null, records: number, error: unknown): void {
    // The topic may have been deleted or changed since it was looked at.
    this.#topics.forget(topic)
    this.#listeners.emit(PRODUCER_EVENTS.DELIVERY_FAILED, { error, topic, partition, records })
  }
}

/** The partition that all of them name. */
function onlyPartitionOf(messages: readonly { message: Message }[]): number | null {
  const [first, ...others] = new Set(messages.map(({ message }) => message.partition))
  return others.length === 0 ? (first ?? null) : null
}

function disconnected(): TidemarkError {
  return new TidemarkError('INVALID_REQUEST', 'The producer is disconnected: connect it before you send.')
}
