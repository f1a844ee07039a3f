import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import {
  CONSUMER_EVENTS,
  type ConsumedRecord,
  type ConsumerEventPayloads,
  type ConsumerOptions,
  type ConsumerRun,
  type TopicPartitionOffset,
  type TopicPartitions,
} from './consumer-options.ts'
import { ConsumerSession, type SessionHost } from './consumer-session.ts'
import { type InstrumentationEvent, Listeners } from './listeners.ts'
import { RecordHandoff } from './record-handoff.ts'
import { type ConsumerSubscribe, Subscription } from './subscription.ts'

/**
 * Reads topics as a member of a group, in KafkaJS's shape: `run` calls a handler, or a loop takes one record after the
 * other. A record is delivered at least once; in its partition's order, as long as this member owns the partition.
 */
export class Consumer implements AsyncIterable<ConsumedRecord> {
  readonly events = CONSUMER_EVENTS
  readonly #broker: Broker & GroupBroker
  readonly #options: ConsumerOptions & { clientId: string }
  readonly #listeners = new Listeners()
  readonly #paused = new Set<string>()
  readonly #seeks = new Map<string, Offset>()
  #subscription = new Subscription()
  #session: ConsumerSession | undefined
  #handoff: RecordHandoff | undefined

  /** @throws TidemarkError INVALID_GROUP_ID */
  constructor(broker: Broker & GroupBroker, options: ConsumerOptions & { clientId: string }) {
    if (typeof options.groupId !== 'string' || options.groupId === '') {
      throw new TidemarkError('INVALID_GROUP_ID', 'A consumer needs a groupId.')
    }
    this.#broker = broker
    this.#options = options
  }

  /** There is no connection to be made. */
  async connect(): Promise<void> {
    this.#listeners.emit(CONSUMER_EVENTS.CONNECT, null)
  }

  /**
   * Adds topics to those that `run` will read.
   * @throws TidemarkError INVALID_REQUEST while the consumer runs
   */
  async subscribe(subscription: ConsumerSubscribe): Promise<void> {
    if (this.#session) {
      throw new TidemarkError('INVALID_REQUEST', 'The consumer is running: stop it before you subscribe.')
    }
    this.#subscription.add(subscription)
  }

  /**
   * Joins the group and calls the handler from then on. Resolves when it has joined.
   * @throws TidemarkError when it cannot join, INVALID_REQUEST when there is nothing to read
   */
  async run(run: ConsumerRun): Promise<void> {
    if (this.#session) throw new TidemarkError('INVALID_REQUEST', 'The consumer is running already.')
    if (this.#subscription.isEmpty) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        'The consumer is subscribed to nothing: call subscribe first.',
      )
    }
    if ((run.eachMessage === undefined) === (run.eachBatch === undefined)) {
      throw new TidemarkError('INVALID_REQUEST', 'Give eachMessage or eachBatch.')
    }
    await this.#start(run)
  }

  /** Ends delivery, waits for the handlers, commits, and leaves the group. Do not wait for it inside a handler. */
  async stop(): Promise<void> {
    const session = this.#session
    if (!session) return
    this.#handoff?.close()
    await session.stop()
    if (this.#session !== session) return
    this.#session = undefined
    this.#listeners.emit(CONSUMER_EVENTS.STOP, null)
  }

  async disconnect(): Promise<void> {
    await this.stop()
    this.#listeners.emit(CONSUMER_EVENTS.DISCONNECT, null)
  }

  /**
   * One record after the other, of all partitions. A record counts as consumed when the next one is asked for: the one
   * at which a loop is left comes again, unless `commitOffsets` says otherwise. Leaving the loop stops the consumer.
   * @throws what ends the consumer
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord, void, undefined> {
    const handoff = new RecordHandoff()
    this.#handoff = handoff
    try {
      await this.run({
        eachMessage: ({ topic, partition, message }) => handoff.give({ topic, partition, ...message }),
      })
      for (;;) {
        const record = await handoff.take()
        if (!record) return
        yield record
        handoff.consumed()
      }
    } finally {
      await this.stop()
      this.#handoff = undefined
    }
  }

  /**
   * Goes on from this offset in a partition, now or when it is assigned. What is under way is still finished.
   * @throws TidemarkError INVALID_REQUEST
   */
  seek({ topic, partition, offset }: TopicPartitionOffset): void {
    const to = parseOffset(offset)
    if (this.#session?.seek(topic, partition, to)) return
    this.#seeks.set(placeOf(topic, partition), to)
  }

  /** Delivers nothing more of these partitions, once the message or batch under way is finished; they stay assigned. */
  pause(topics: TopicPartitions[]): void {
    for (const place of placesOf(topics)) this.#paused.add(place)
  }

  resume(topics: TopicPartitions[]): void {
    for (const { topic, partitions } of topics) {
      if (partitions) for (const partition of partitions) this.#paused.delete(placeOf(topic, partition))
      else {
        for (const place of this.#paused) if (topicOf(place) === topic) this.#paused.delete(place)
      }
    }
    this.#session?.resumed()
  }

  /** What is paused. A topic without partitions: all of them. */
  paused(): TopicPartitions[] {
    const byTopic = new Map<string, number[] | null>()
    for (const place of this.#paused) {
      const topic = topicOf(place)
      const partition = place.slice(topic.length + 1)
      const before = byTopic.get(topic)
      if (partition === '' || before === null) byTopic.set(topic, null)
      else
        byTopic.set(
          topic,
          [...(before ?? []), Number(partition)].toSorted((a, b) => a - b),
        )
    }
    return [...byTopic].map(([topic, partitions]) => ({ topic, ...(partitions && { partitions }) }))
  }

  /** The partitions that it owns at the moment. */
  assignment(): { topic: string; partition: number }[] {
    return this.#session?.assignment() ?? []
  }

  /**
   * Commits these offsets, each of the next message to deliver.
   * @throws TidemarkError; FENCED_MEMBER_EPOCH when another owns one of the partitions by now
   */
  async commitOffsets(offsets: TopicPartitionOffset[]): Promise<void> {
    if (!this.#session)
      throw new TidemarkError('INVALID_REQUEST', 'The consumer does not run: call run first.')
    await this.#session.commitOffsets(offsets.map(each => ({ ...each, offset: parseOffset(each.offset) })))
  }

  /** @returns what takes the listener away again */
  on<Name extends keyof ConsumerEventPayloads>(
    eventName: Name,
    listener: (event: InstrumentationEvent<ConsumerEventPayloads[Name]>) => void,
  ): () => void {
    return this.#listeners.on(eventName, listener)
  }

  async #start(run: ConsumerRun): Promise<void> {
    const host: SessionHost = {
      subscription: this.#subscription,
      isPaused: (topic, partition) =>
        this.#paused.has(`${topic}\n`) || this.#paused.has(placeOf(topic, partition)),
      pause: (topic, partition) => {
        this.pause([{ topic, partitions: [partition] }])
        return () => this.resume([{ topic, partitions: [partition] }])
      },
      takeSeek: (topic, partition) => {
        const place = placeOf(topic, partition)
        const offset = this.#seeks.get(place)
        this.#seeks.delete(place)
        return offset
      },
      hears: type => this.#listeners.has(type),
      emit: (type, payload) => this.#listeners.emit(type, payload),
      tell: error => this.#tell(error, true),
      crashed: (error, restarts) => this.#crashed(session, run, error, restarts),
    }
    const session = new ConsumerSession(this.#broker, this.#options, run, host)
    this.#session = session
    try {
      await session.start()
    } catch (error) {
      if (this.#session === session) this.#session = undefined
      await session.stop()
      throw error
    }
  }

  /** A session has ended by itself. */
  async #crashed(
    session: ConsumerSession,
    run: ConsumerRun,
    error: unknown,
    restarts: boolean,
  ): Promise<void> {
    this.#tell(error, restarts)
    if (!restarts) this.#handoff?.fail(error)
    await session.stop()
    if (this.#session !== session) return
    this.#session = undefined
    if (!restarts) {
      this.#listeners.emit(CONSUMER_EVENTS.DISCONNECT, null)
      return
    }
    try {
      await this.#start(run)
    } catch (again) {
      this.#tell(again, false)
      this.#handoff?.fail(again)
    }
  }

  #tell(error: unknown, restart: boolean): void {
    const isHeard = this.#listeners.has(CONSUMER_EVENTS.CRASH) || this.#handoff !== undefined
    const asError = error instanceof Error ? error : new Error(String(error))
    this.#listeners.emit(CONSUMER_EVENTS.CRASH, { error: asError, groupId: this.#options.groupId, restart })
    // An error that nobody hears of would be a consumer that stands still for no reason.
    if (!isHeard) console.error(error)
  }
}

/** A topic's name has no line break; nothing after it stands for all partitions. */
function placeOf(topic: string, partition: number): string {
  return `${topic}\n${partition}`
}

function placesOf(topics: TopicPartitions[]): string[] {
  return topics.flatMap(
    ({ topic, partitions }) => partitions?.map(partition => placeOf(topic, partition)) ?? [`${topic}\n`],
  )
}

function topicOf(place: string): string {
  return place.slice(0, place.indexOf('\n'))
}

/** @throws TidemarkError INVALID_REQUEST */
function parseOffset(text: string): Offset {
  if (/^\d{1,16}$/.test(String(text)) && Number.isSafeInteger(Number(text))) return toOffset(Number(text))
  throw new TidemarkError('INVALID_REQUEST', `${JSON.stringify(text)} is not an offset: give its digits.`)
}
