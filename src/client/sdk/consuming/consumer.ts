import type { Broker } from '../../../contract/broker.ts'
import type { GroupBroker, OffsetToCommit } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/numbers.ts'
import {
  checkList,
  checkName,
  checkPartition,
  checkPlace,
  given,
  givenEach,
  parseOffset,
} from '../arguments.ts'
import { type InstrumentationEvent, Listeners } from '../listeners.ts'
import { checkNumbers, checkRetry } from '../number-options.ts'
import { isPassing } from '../outages.ts'
import {
  CONSUMER_EVENTS,
  CONSUMER_NUMBERS,
  type ConsumedRecord,
  type ConsumerEventPayloads,
  type ConsumerOptions,
  type ConsumerRun,
  type ConsumerWork,
  RUN_NUMBERS,
  type RunLimits,
  type TopicPartitionOffset,
  type TopicPartitions,
} from './consumer-options.ts'
import { ConsumerSession, type SessionHost } from './consumer-session.ts'
import type { PartitionPlace } from './new-partitions.ts'
import type { SeekPlace } from './partition-stream.ts'
import { PausedPartitions } from './paused-partitions.ts'
import { RecordHandoff } from './record-handoff.ts'
import { type ConsumerSubscribe, Subscription } from './subscription.ts'

/**
 * Reads topics as a member of a group, in KafkaJS's shape, or partitions that it assigns to itself: `run` calls a
 * handler, or a loop takes one record after the other. A record is delivered at least once; in its partition's order, as
 * long as this member owns the partition.
 */
export class Consumer implements AsyncIterable<ConsumedRecord> {
  readonly events = CONSUMER_EVENTS
  readonly #broker: Broker & GroupBroker
  readonly #options: ConsumerOptions & { clientId: string }
  readonly #listeners = new Listeners()
  readonly #paused = new PausedPartitions()
  readonly #seeks = new Map<string, Offset | SeekPlace>()
  readonly #subscription = new Subscription()
  /** null: none are assigned by hand. */
  #places: PartitionPlace[] | null = null
  #follows = false
  #session: ConsumerSession | undefined
  #handoff: RecordHandoff | undefined
  /** Whose end was asked for: it is not begun again. */
  #toStop: ConsumerSession | undefined
  #end: ReturnType<typeof openEnd> | undefined
  /** Trouble that stderr was told of, since nobody listens. */
  readonly #written: ConsumerWork[] = []

  /** @throws TidemarkError INVALID_GROUP_ID, INVALID_REQUEST for numbers that cannot be */
  constructor(broker: Broker & GroupBroker, options: ConsumerOptions & { clientId: string }) {
    const { groupId } = options
    if (groupId !== undefined && (typeof groupId !== 'string' || groupId === '')) {
      throw new TidemarkError('INVALID_GROUP_ID', 'A groupId is a name.')
    }
    checkNumbers('a consumer', options, CONSUMER_NUMBERS)
    checkRetry(options.retry)
    this.#broker = broker
    this.#options = options
  }

  /** There is no connection to be made. */
  async connect(): Promise<void> {
    this.#listeners.emit(CONSUMER_EVENTS.CONNECT, null)
  }

  /**
   * Adds topics to those that `run` will read.
   * @throws TidemarkError INVALID_REQUEST while the consumer runs, INVALID_GROUP_ID without a group
   */
  async subscribe(subscription: ConsumerSubscribe): Promise<void> {
    this.#checkStands('subscribe')
    if (this.#options.groupId === undefined) {
      throw new TidemarkError('INVALID_GROUP_ID', 'A consumer that subscribes needs a groupId.')
    }
    if (this.#places !== null) throw twoWays()
    this.#subscription.add(given(subscription, 'topics'))
  }

  /**
   * Reads these partitions, each from its offset on, without sharing them with anybody: in place of `subscribe`.
   * Nothing is committed. One that is deleted ends the consumer.
   * @param options `follow`: partitions that their topics get later as well, from the first record on
   * @throws TidemarkError INVALID_REQUEST while the consumer runs
   */
  assign(partitions: TopicPartitionOffset[], { follow = false }: { follow?: boolean } = {}): void {
    this.#checkStands('assign')
    if (!this.#subscription.isEmpty) throw twoWays()
    const places = givenEach(partitions, 'a partition', 'partitions').map(each => {
      checkPlace(each)
      const { topic, partition, offset, topicId } = each
      return { topic, partition, offset: parseOffset(offset), ...(topicId !== undefined && { topicId }) }
    })
    if (new Set(places.map(({ topic, partition }) => placeOf(topic, partition))).size < places.length) {
      throw new TidemarkError('INVALID_REQUEST', 'Assign each partition once.')
    }
    this.#places = places
    this.#follows = follow
  }

  /**
   * Joins the group and calls the handler from then on. Resolves when it has joined; `finished` tells of the end.
   * @throws TidemarkError when it cannot join, INVALID_REQUEST when there is nothing to read
   */
  async run(run: ConsumerRun): Promise<void> {
    if (this.#session) throw new TidemarkError('INVALID_REQUEST', 'The consumer is running already.')
    if (this.#subscription.isEmpty && this.#places === null) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        'The consumer is subscribed to nothing: call subscribe or assign first.',
      )
    }
    given(run, 'a handler')
    const handlers = [run.eachMessage, run.eachBatch, run.eachRecords].filter(each => each !== undefined)
    if (handlers.length !== 1) {
      throw new TidemarkError('INVALID_REQUEST', 'Give one of eachMessage, eachBatch and eachRecords.')
    }
    for (const { offset } of run.stopOffsets ?? []) parseOffset(offset)
    checkNumbers('run', run, RUN_NUMBERS)
    this.#end = openEnd()
    try {
      await this.#start(run)
    } catch (error) {
      this.#end.reject(error)
      throw error
    }
  }

  /**
   * Resolves when the run is over and the group is left: whether all that its limits (`stopOffsets`, `recordsMax`) asked
   * for was delivered, or it was stopped before.
   * @throws what ended the consumer; TidemarkError INVALID_REQUEST before `run`
   */
  async finished(): Promise<boolean> {
    if (!this.#end) throw notRunning()
    return this.#end.promise
  }

  /** Ends delivery, waits for the handlers, commits, and leaves the group. Do not wait for it inside a handler. */
  async stop(): Promise<void> {
    const session = this.#session
    if (!session) return
    this.#handoff?.close()
    this.#toStop = session
    await this.#stopped(session, false)
  }

  async #stopped(session: ConsumerSession, isComplete: boolean): Promise<void> {
    await session.stop()
    if (this.#session !== session) return
    this.#session = undefined
    this.#listeners.emit(CONSUMER_EVENTS.STOP, null)
    this.#end?.resolve(isComplete)
  }

  async disconnect(): Promise<void> {
    await this.stop()
    this.#listeners.emit(CONSUMER_EVENTS.DISCONNECT, null)
  }

  /** As `records`, without limits. */
  [Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord, void, undefined> {
    return this.records()
  }

  /**
   * One record after the other, of all partitions. A record counts as consumed when the next one is asked for: the one
   * at which a loop is left comes again, unless `commitOffsets` says otherwise. Leaving the loop stops the consumer.
   * @throws what ends the consumer
   */
  async *records(limits: RunLimits = {}): AsyncGenerator<ConsumedRecord, void, undefined> {
    const handoff = new RecordHandoff()
    this.#handoff = handoff
    try {
      await this.run({
        ...limits,
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
   * Goes on from this offset in a partition, now or when it is assigned: '-2' is the first record, '-1' the end, as in
   * KafkaJS. What is under way is still finished.
   * @throws TidemarkError INVALID_REQUEST
   */
  seek(place: TopicPartitionOffset): void {
    const { topic, partition, offset } = given(place, 'a partition and an offset')
    checkPlace(place)
    const to = SEEK_PLACES.get(String(offset)) ?? parseOffset(offset)
    if (this.#session?.seek(topic, partition, to)) return
    this.#seeks.set(placeOf(topic, partition), to)
  }

  /** Delivers nothing more of these partitions, once the message or batch under way is finished; they stay assigned. */
  pause(topics: TopicPartitions[]): void {
    this.#paused.pause(checkedTopics(topics))
  }

  /** Of a topic that is paused as a whole, too, some partitions can go on. */
  resume(topics: TopicPartitions[]): void {
    this.#paused.resume(checkedTopics(topics))
    this.#session?.resumed()
  }

  /** What is paused. A topic without partitions: all of them. */
  paused(): TopicPartitions[] {
    return this.#paused.list(this.assignment())
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
    givenEach(offsets, 'a partition and an offset', 'partitions and offsets').forEach(checkPlace)
    if (!this.#session) throw notRunning()
    await this.#session.commitOffsets(offsets.map(each => ({ ...each, offset: parseOffset(each.offset) })))
  }

  /** Offsets as a transaction commits them: refused once another owns the partition. @throws TidemarkError FENCED_MEMBER_EPOCH */
  ownedOffsets(offsets: readonly OffsetToCommit[]) {
    if (!this.#session) throw notRunning()
    return this.#session.ownedOffsets(offsets)
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
      places: this.#places,
      follows: this.#follows,
      isPaused: (topic, partition) => this.#paused.has(topic, partition),
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
      tell: (error, during, goesOn) => this.#tell(error, during, goesOn),
      outageOver: outage => this.#tellOver(outage),
      crashed: (error, during, restarts) => void this.#crashed(session, run, error, during, restarts),
      completed: () => {
        this.#handoff?.close()
        void this.#stopped(session, true)
      },
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
    during: ConsumerWork,
    restarts: boolean,
  ): Promise<void> {
    this.#tell(error, during, restarts)
    if (!restarts) this.#handoff?.fail(error)
    await session.stop()
    // Whoever stopped it meanwhile does the rest.
    if (this.#session !== session || (restarts && this.#toStop === session)) return
    this.#session = undefined
    if (!restarts) {
      this.#listeners.emit(CONSUMER_EVENTS.DISCONNECT, null)
      this.#end?.reject(error)
      return
    }
    try {
      await this.#start(run)
    } catch (again) {
      this.#tell(again, 'heartbeat', false)
      this.#handoff?.fail(again)
      this.#end?.reject(again)
    }
  }

  /** @throws TidemarkError INVALID_REQUEST */
  #checkStands(todo: string): void {
    if (!this.#session) return
    throw new TidemarkError('INVALID_REQUEST', `The consumer is running: stop it before you ${todo}.`)
  }

  #tell(error: unknown, during: ConsumerWork, restart: boolean): void {
    // A loop hears of what ends it, and of nothing else.
    const isHeard = this.#listeners.has(CONSUMER_EVENTS.CRASH) || (this.#handoff !== undefined && !restart)
    const asError = error instanceof Error ? error : new Error(String(error))
    const groupId = this.#options.groupId ?? ''
    this.#listeners.emit(CONSUMER_EVENTS.CRASH, { error: asError, groupId, restart, during })
    // An error that nobody hears of would be a consumer that stands still for no reason.
    if (isHeard) return
    const waits = restart && during !== 'deliver' && isPassing(error)
    console.error(waits ? `${this.#name} waits: ${error.kafkaName} (${during}): ${error.message}` : error)
    if (waits) this.#written.push(during)
  }

  #tellOver(outage: ConsumerEventPayloads['consumer.outage_over']): void {
    this.#listeners.emit(CONSUMER_EVENTS.OUTAGE_OVER, outage)
    const { during, duration, topic = 'one that fits' } = outage
    const index = this.#written.indexOf(during)
    if (index < 0) return
    this.#written.splice(index, 1)
    if (this.#listeners.has(CONSUMER_EVENTS.OUTAGE_OVER)) return
    const what = during === 'subscribe' ? `there is a topic, ${topic}` : `${during} works again`
    console.error(`${this.#name} goes on: ${what}, after ${Math.round(duration / 1_000)} s.`)
  }

  get #name(): string {
    const { groupId } = this.#options
    return groupId === undefined ? 'The consumer' : `The consumer of group ${groupId}`
  }
}

function notRunning(): TidemarkError {
  return new TidemarkError('INVALID_REQUEST', 'The consumer does not run: call run first.')
}

/** @throws TidemarkError INVALID_REQUEST */
function checkedTopics(topics: readonly TopicPartitions[]): readonly TopicPartitions[] {
  for (const { topic, partitions = [] } of givenEach(topics, 'a topic', 'topics')) {
    checkName(topic, 'topic')
    checkList(partitions, 'partitions')
    for (const partition of partitions) checkPartition(partition as number)
  }
  return topics
}

function twoWays(): TidemarkError {
  return new TidemarkError('INVALID_REQUEST', 'A consumer either subscribes or assigns: use another one.')
}

/** How a run ends; nobody has to look. */
function openEnd() {
  let resolve: (isComplete: boolean) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<boolean>((resolved, rejected) => {
    resolve = resolved
    reject = rejected
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** Kafka's numbers for the two ends of a log. */
const SEEK_PLACES = new Map<string, SeekPlace>([
  ['-1', 'latest'],
  ['-2', 'earliest'],
])

/** A topic's name has no line break. */
function placeOf(topic: string, partition: number): string {
  return `${topic}\n${partition}`
}
