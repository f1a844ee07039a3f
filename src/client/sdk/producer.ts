import type { Broker } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { CompressionName, RecordInput } from '../../core/record/index.ts'
import { partitionForKey, stickyPartition } from '../../core/topic/partitioner.ts'
import { recordBytesMax } from '../record-size.ts'
import { type CompressionType, toCompressionName } from './compression-types.ts'
import { type InstrumentationEvent, Listeners } from './listeners.ts'
import { type Message, toRecord } from './messages.ts'
import { type OpenBatch, PartitionBatches, type TakenRecord, type WrittenBatch } from './partition-batches.ts'
import type { CreatePartitioner } from './partitioners.ts'
import { type RetryOptions, requestRetries } from './retry-options.ts'
import { Room } from './room.ts'
import { TopicCache, type TopicFacts } from './topic-facts.ts'

/** A producer's settings; KafkaJS's names where it has them. */
export interface ProducerOptions {
  /** Chooses partitions in place of Kafka's rule. */
  createPartitioner?: CreatePartitioner
  retry?: RetryOptions
  /** How long what is known of a topic holds, in milliseconds; 300,000 by default. */
  metadataMaxAge?: number
  /** Whether a topic that does not exist is made; not unless it is set. */
  allowAutoTopicCreation?: boolean
  /** Whether batches are numbered, so that a repeated one is in the log once. They are unless this is false. */
  idempotent?: boolean
  /** How long a batch that is not full waits for more, in milliseconds; 5 by default. */
  lingerMs?: number
  /** What a batch gathers, in bytes before compression; 1 MiB by default. */
  batchBytes?: number
  /** Bytes taken and not yet acknowledged; above it, `send` waits. 32 MiB by default. */
  pendingBytesMax?: number
  /** How long records may take, all tries together, in milliseconds; 120,000 by default. */
  deliveryTimeoutMs?: number
  /** For what is sent without saying. */
  compression?: CompressionType | CompressionName
  /** Not there: Tidemark has no transactions. */
  transactionalId?: string
  /** Taken for KafkaJS's sake: a partition has one call in flight, and all of them are independent. */
  maxInFlightRequests?: number
  transactionTimeout?: number
}

export interface SendOptions {
  /** 0: resolves at once, and what becomes of the records only the events tell. Anything else: when they are durable. */
  acks?: number
  /** Taken for KafkaJS's sake. */
  timeout?: number
  compression?: CompressionType | CompressionName
}

export interface ProducerRecord extends SendOptions {
  topic: string
  messages: Message[]
}

export interface ProducerBatch extends SendOptions {
  topicMessages?: { topic: string; messages: Message[] }[]
}

/** Where the messages of one call in one partition begin. */
export interface RecordMetadata {
  topicName: string
  partition: number
  errorCode: 0
  /** In digits; -1 where it is not known: acks 0, or a repetition that the broker recognized too late to tell. */
  baseOffset: string
  /** Milliseconds, where the topic stamps records itself; else -1. */
  logAppendTime: string
  logStartOffset: string
}

const PRODUCER_EVENTS = {
  CONNECT: 'producer.connect',
  DISCONNECT: 'producer.disconnect',
  /** A batch could not be written: its error, topic, partition and number of records. */
  DELIVERY_FAILED: 'producer.delivery_failed',
} as const

export interface ProducerEventPayloads {
  'producer.connect': null
  'producer.disconnect': null
  'producer.delivery_failed': { error: Error; topic: string; partition: number; records: number }
}

const DEFAULT = {
  metadataMaxAgeMs: 300_000,
  lingerMs: 5,
  batchBytes: 1024 * 1024,
  pendingBytesMax: 32 * 1024 * 1024,
  deliveryTimeoutMs: 120_000,
}

/** What a producer keeps of a topic. */
interface TopicState {
  readonly partitions: Map<number, PartitionBatches>
  /** Where records without a key go, until a batch is full. */
  sticky: number | null
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
  readonly #pending = new Set<Promise<unknown>>()
  #isClosed = false

  /** @throws TidemarkError UNSUPPORTED_VERSION for transactions */
  constructor(broker: Broker, options: ProducerOptions = {}) {
    if (options.transactionalId !== undefined) throw noTransactions()
    this.#broker = broker
    this.#options = options
    this.#deliveryMs = options.deliveryTimeoutMs ?? DEFAULT.deliveryTimeoutMs
    this.#partitioner = options.createPartitioner?.()
    this.#room = new Room(options.pendingBytesMax ?? DEFAULT.pendingBytesMax)
    this.#topics = new TopicCache(broker, {
      maxAgeMs: options.metadataMaxAge ?? DEFAULT.metadataMaxAgeMs,
      createsTopics: options.allowAutoTopicCreation ?? false,
      retry: requestRetries(options.retry ?? {}, this.#deliveryMs),
    })
  }

  /** There is no connection to be made; a producer that was disconnected can be used again. */
  async connect(): Promise<void> {
    this.#isClosed = false
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
  send({ topic, messages, ...options }: ProducerRecord): Promise<RecordMetadata[]> {
    return this.sendBatch({ ...options, topicMessages: [{ topic, messages }] })
  }

  /** As `send`, to several topics. */
  async sendBatch({ topicMessages = [], acks = -1, compression }: ProducerBatch): Promise<RecordMetadata[]> {
    if (this.#isClosed) {
      throw new TidemarkError('INVALID_REQUEST', 'The producer is disconnected: connect it before you send.')
    }
    const name = toCompressionName(compression ?? this.#options.compression)
    const nowMs = Date.now()
    // All is looked at before anything is taken, so that a message that cannot be sent leaves no half behind.
    const wanted = topicMessages.map(({ topic, messages }) => {
      if (typeof topic !== 'string' || !Array.isArray(messages)) {
        throw new TidemarkError('INVALID_REQUEST', 'Give a topic and a list of messages.')
      }
      return { topic, messages: messages.map(message => ({ message, record: toRecord(message, nowMs) })) }
    })
    const takings = wanted.map(({ topic, messages }) => ({
      topic,
      taking: this.#take(topic, messages, name),
    }))
    const sent = Promise.all(takings.map(async ({ topic, taking }) => settleAll(topic, await taking))).then(
      results => toMetadata(results.flat()),
    )
    this.#remember(sent)
    if (acks !== 0) return sent
    // As in Kafka: nobody hears of a failure, but who listens to the events.
    sent.catch(() => {})
    await Promise.all(takings.map(({ taking }) => taking))
    return []
  }

  /** Sends what has been gathered, without waiting for more, and resolves when all of it has settled. */
  async flush(): Promise<void> {
    const pending = [...this.#pending]
    await Promise.all([...this.#states.values()].map(({ taken }) => taken))
    this.#flushBatches()
    await Promise.allSettled(pending)
  }

  /** Flushes, and takes nothing more. */
  async disconnect(): Promise<void> {
    this.#isClosed = true
    await this.flush()
    this.#listeners.emit(PRODUCER_EVENTS.DISCONNECT, null)
  }

  /** @throws TidemarkError UNSUPPORTED_VERSION, always */
  async transaction(): Promise<never> {
    throw noTransactions()
  }

  /** @returns what takes the listener away again */
  on<Name extends keyof ProducerEventPayloads>(
    eventName: Name,
    listener: (event: InstrumentationEvent<ProducerEventPayloads[Name]>) => void,
  ): () => void {
    return this.#listeners.on(eventName, listener)
  }

  #remember(sent: Promise<unknown>): void {
    this.#pending.add(sent)
    const forget = () => this.#pending.delete(sent)
    sent.then(forget, forget)
  }

  /** Takes messages in the order of the calls, once their topic is known and there is room. */
  #take(
    topic: string,
    messages: { message: Message; record: RecordInput }[],
    compression: CompressionName,
  ): Promise<PlacedRecord[]> {
    const state = this.#stateOf(topic)
    const taking = state.taken.then(async () => {
      const placed: PlacedRecord[] = []
      try {
        for (const { message, record } of messages) {
          const bytes = recordBytesMax(record)
          const facts = this.#topics.peek(topic) ?? (await this.#topics.resolve(topic))
          const { partition, batches } = this.#place(state, facts, message, bytes)
          if (!this.#room.tryTake(bytes)) await this.#waitForRoom(bytes)
          placed.push({ partition, ...batches.add(record, bytes, compression) })
        }
        return placed
      } catch (error) {
        // Those before it are on their way: their fate is part of the answer.
        return [...placed, { failure: error }]
      }
    })
    state.taken = taking.then(() => {})
    return taking
  }

  async #waitForRoom(bytes: number): Promise<void> {
    // What lingers would only be waited for.
    this.#flushBatches()
    await this.#room.take(bytes, this.#deliveryMs)
  }

  #flushBatches(): void {
    for (const { partitions } of this.#states.values()) {
      for (const batches of partitions.values()) batches.flush()
    }
  }

  #stateOf(topic: string): TopicState {
    let state = this.#states.get(topic)
    if (!state) {
      state = { partitions: new Map(), sticky: null, taken: Promise.resolve() }
      this.#states.set(topic, state)
    }
    return state
  }

  #place(state: TopicState, facts: TopicFacts, message: Message, bytes: number) {
    let partition = this.#choose(state, facts, message)
    let batches = this.#batchesOf(state, facts, partition)
    if (partition === state.sticky && !batches.hasRoomFor(bytes)) {
      // Closing the batch moves the sticky partition on, and a record without a key goes along.
      batches.flush()
      partition = this.#choose(state, facts, message)
      batches = this.#batchesOf(state, facts, partition)
    }
    return { partition, batches }
  }

  #choose(state: TopicState, { topic, partitions }: TopicFacts, message: Message): number {
    const partition = message.partition ?? this.#byRule(state, topic, partitions, message)
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition
    throw new TidemarkError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `${topic} has no partition ${partition}: it has ${partitions}, numbered from 0.`,
    )
  }

  #byRule(state: TopicState, topic: string, partitions: number, message: Message): number {
    if (this.#partitioner) {
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId }))
      return this.#partitioner({ topic, partitionMetadata, message })
    }
    if (message.key != null) return partitionForKey(Buffer.from(message.key), partitions)
    state.sticky ??= stickyPartition(null, partitions, Math.random())
    return state.sticky
  }

  #batchesOf(
    state: TopicState,
    { topic, partitions, batchBytesMax }: TopicFacts,
    partition: number,
  ): PartitionBatches {
    const known = state.partitions.get(partition)
    if (known) {
      known.batchBytesMax = batchBytesMax
      return known
    }
    const { lingerMs = DEFAULT.lingerMs, batchBytes = DEFAULT.batchBytes, retry = {} } = this.#options
    const made = new PartitionBatches(
      this.#broker,
      { topic, partition, batchBytesMax },
      {
        lingerMs,
        batchBytes,
        deliveryMs: this.#deliveryMs,
        isIdempotent: this.isIdempotent(),
        retry: requestRetries(retry, this.#deliveryMs),
      },
      {
        closed: () => {
          if (state.sticky === partition) state.sticky = stickyPartition(partition, partitions, Math.random())
        },
        settled: (batch, error) => this.#settled(topic, partition, batch, error),
      },
    )
    state.partitions.set(partition, made)
    return made
  }

  #settled(topic: string, partition: number, batch: OpenBatch, error: unknown): void {
    this.#room.giveBack(batch.recordBytes)
    if (error === undefined) return
    // The topic may have been deleted or changed since it was looked at.
    this.#topics.forget(topic)
    const payload = { error, topic, partition, records: batch.records.length }
    this.#listeners.emit(PRODUCER_EVENTS.DELIVERY_FAILED, payload)
  }
}

type PlacedRecord = ({ partition: number } & TakenRecord) | { failure: unknown }

interface SettledPartition {
  topic: string
  partition: number
  baseOffset: number | null
  written: WrittenBatch
}

/** Waits for every batch that holds a record of one call. */
async function settleAll(
  topic: string,
  placed: PlacedRecord[],
): Promise<(SettledPartition | { failure: unknown })[]> {
  const batches = new Map<OpenBatch, { partition: number; index: number }>()
  const failures: { failure: unknown }[] = []
  for (const each of placed) {
    if ('failure' in each) failures.push(each)
    else if (!batches.has(each.batch))
      batches.set(each.batch, { partition: each.partition, index: each.index })
  }
  const settled = await Promise.all(
    [...batches].map(async ([batch, { partition, index }]) => {
      try {
        const written = await batch.written
        const baseOffset = written.baseOffset === null ? null : written.baseOffset + index
        return { topic, partition, baseOffset, written }
      } catch (failure) {
        return { failure }
      }
    }),
  )
  return [...settled, ...failures]
}

/** @throws TidemarkError when one of the batches failed */
function toMetadata(results: (SettledPartition | { failure: unknown })[]): RecordMetadata[] {
  const failed = results.find(result => 'failure' in result)
  if (failed) throw asOne(failed.failure, results)
  const byPartition = new Map<string, RecordMetadata>()
  for (const result of results) {
    if ('failure' in result) continue
    const { topic, partition, baseOffset, written } = result
    const key = `${topic}\n${partition}`
    // A call's batches of one partition are in their order: the first one tells where it begins.
    if (byPartition.has(key)) continue
    byPartition.set(key, {
      topicName: topic,
      partition,
      errorCode: 0,
      baseOffset: String(baseOffset ?? -1),
      logAppendTime: String(written.logAppendTimeMs ?? -1),
      logStartOffset: String(written.startOffset ?? -1),
    })
  }
  return [...byPartition.values()]
}

/** What is said of a call of which some records failed: `written` is about all of them. */
function asOne(failure: unknown, results: readonly object[]): unknown {
  if (!(failure instanceof TidemarkError) || failure.written !== 'no') return failure
  const mayBeWritten = results.some(
    result =>
      !('failure' in result) || !(result.failure instanceof TidemarkError) || result.failure.written !== 'no',
  )
  if (!mayBeWritten) return failure
  return new TidemarkError(
    failure.kafkaName,
    `${failure.message} Other messages of the same call may be in the log.`,
    'unknown',
    { cause: failure },
  )
}

function noTransactions(): TidemarkError {
  return new TidemarkError('UNSUPPORTED_VERSION', 'Tidemark has no transactions: leave transactionalId out.')
}
