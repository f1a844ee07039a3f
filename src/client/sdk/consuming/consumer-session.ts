import type { Broker, CallOptions } from '../../../contract/broker.ts'
import type { GroupBroker, OffsetToCommit } from '../../../contract/groups.ts'
import type { GroupOffsets } from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { API_TIMEOUT_MS, SESSION_TIMEOUT_DEFAULT_MS } from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import { tryOnce, tryTimeoutMs } from '../../retry.ts'
import { parseOffset } from '../arguments.ts'
import { Outages } from '../outages.ts'
import { mayRestart, requestRetries } from '../retry-options.ts'
import { Assignment } from './assignment.ts'
import {
  CONSUMER_EVENTS,
  type ConsumerEventPayloads,
  type ConsumerOptions,
  type ConsumerRun,
  type ConsumerWork,
  type TopicsOffsets,
} from './consumer-options.ts'
import { Delivery } from './delivery.ts'
import { GroupMembership, type MembershipListener } from './group-membership.ts'
import { MissingTopics } from './missing-topics.ts'
import type { PartitionPlace } from './new-partitions.ts'
import { OffsetCommits, type StreamOffset } from './offset-commits.ts'
import { PartitionStream, type SeekPlace } from './partition-stream.ts'
import type { PrefetchListener } from './prefetch-settings.ts'
import { Prefetcher } from './prefetcher.ts'
import { findStart, isFromEnd } from './start-place.ts'
import type { Subscription } from './subscription.ts'

/** What a session needs from its consumer. */
export interface SessionHost {
  subscription: Subscription
  /** What is read without a group; null: the subscription is read. */
  places: readonly PartitionPlace[] | null
  /** Whether partitions that their topics get later are read as well. */
  follows: boolean
  isPaused(topic: string, partition: number): boolean
  /** @returns what resumes it */
  pause(topic: string, partition: number): () => void
  /** Where the consumer was told to go on in a partition that it did not own then. */
  takeSeek(topic: string, partition: number): Offset | SeekPlace | undefined
  hears(type: string): boolean
  emit(type: string, payload: unknown): void
  /** A failure that ends nothing; after the last one of its kind it does not go on. */
  tell(error: unknown, during: ConsumerWork, goesOn: boolean): void
  /** What OUTAGE told of works again. */
  outageOver(outage: ConsumerEventPayloads['consumer.outage_over']): void
  /** A failure that ends the session. */
  crashed(error: unknown, during: ConsumerWork, restarts: boolean): void
  /** All that the run was to deliver is delivered. */
  completed(): void
}

/** How often to look for new partitions. */
const LOOK_MS = 30_000

/** A consumer from joining to leaving: what it is assigned is fetched ahead, delivered and committed. */
export class ConsumerSession implements PrefetchListener {
  readonly #broker: Broker & GroupBroker
  readonly #options: ConsumerOptions & { clientId: string }
  readonly #host: SessionHost
  readonly #outages: Outages<ConsumerWork>
  readonly #prefetcher: Prefetcher
  readonly #delivery: Delivery
  readonly #commits: OffsetCommits
  readonly #assignment: Assignment
  readonly #missing: MissingTopics
  readonly #tryMs: number
  #isStarted = false
  #isStopping = false
  #stopped: Promise<void> | undefined

  constructor(
    broker: Broker & GroupBroker,
    options: ConsumerOptions & { clientId: string },
    run: ConsumerRun,
    host: SessionHost,
  ) {
    this.#broker = broker
    this.#options = options
    this.#host = host
    const { giveUpAfter = Number.POSITIVE_INFINITY, sessionTimeout = SESSION_TIMEOUT_DEFAULT_MS } = options
    this.#tryMs = tryTimeoutMs(giveUpAfter, options.requestTimeout)
    const lastsAfterMs = (during: ConsumerWork) =>
      // Without located reads it goes on.
      during === 'locate' ? Number.POSITIVE_INFINITY : sessionTimeout
    this.#outages = new Outages(
      { giveUpAfterMs: giveUpAfter, lastsAfterMs },
      {
        began: (error, during, of) =>
          host.emit(CONSUMER_EVENTS.OUTAGE, {
            error,
            during,
            ...(of instanceof PartitionStream && placeOf(of)),
          }),
        lasts: (error, during) => {
          // A broker that is away is one trouble: without heartbeats nothing else matters.
          const isSaid = during !== 'heartbeat' && this.#outages.isFailing('heartbeat')
          if (!isSaid) host.tell(error, during, true)
          return !isSaid
        },
        over: (during, of, duration) =>
          host.outageOver({ during, duration, ...(of instanceof PartitionStream && placeOf(of)) }),
      },
    )
    this.#prefetcher = new Prefetcher(broker, options, this.#outages, this)
    this.#delivery = this.#openDelivery(run)
    this.#commits = this.#openCommits(run)
    this.#assignment = this.#openAssignment(run)
    this.#missing = this.#openMissing()
  }

  #openDelivery(run: ConsumerRun): Delivery {
    const host = this.#host
    return new Delivery(run, this.#options.retry ?? {}, {
      // Over a failure that ends it, nobody is called any more.
      isAlive: () => !this.#isStopping && this.#assignment.isAlive,
      isPaused: stream => this.isPaused(stream),
      pause: host.pause,
      emit: host.emit,
      consumed: (stream, records) => {
        this.#commits.counted(records)
        this.#prefetcher.want(stream)
      },
      turnEnded: stream => {
        this.#prefetcher.want(stream)
        this.#endIfComplete()
      },
      commitIfDue: offsets => (offsets ? this.#commitTopics(offsets) : this.#commits.ifDue()),
      uncommitted: () => this.#commits.uncommitted(),
      handlerFailed: () => this.#commits.inBackground(),
      tell: error => host.tell(error, 'deliver', true),
      failed: error => void this.#crash(error, 'deliver'),
    })
  }

  #openCommits(run: ConsumerRun): OffsetCommits {
    const { retry = {}, requestTimeout } = this.#options
    const settings = this.#isInGroup ? run : { ...run, autoCommit: false }
    const retries = requestRetries(retry, API_TIMEOUT_MS, requestTimeout)
    return new OffsetCommits(this.#broker, settings, retries, this.#outages, {
      member: () => this.#member(),
      streams: () => this.#delivery.streams,
      committed: topics => {
        const { membership } = this.#assignment
        this.#host.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, { ...membership?.identity, topics })
      },
      giveUp: stream => this.#assignment.membership?.giveUp(stream),
      beatSoon: () => this.#assignment.membership?.beatSoon(),
      findStart: (stream, call) => this.#findStart(stream, call),
      tell: error => this.#host.tell(error, 'commit', true),
    })
  }

  #member() {
    const { groupId = '', groupInstanceId } = this.#options
    const instance = groupInstanceId !== undefined && { instanceId: groupInstanceId }
    return { groupId, ...instance, memberId: this.#assignment.membership?.memberId ?? '' }
  }

  #openAssignment({ stopOffsets }: ConsumerRun): Assignment {
    const parts = { delivery: this.#delivery, prefetcher: this.#prefetcher, commits: this.#commits }
    const { takeSeek, hears, emit } = this.#host
    const join = (listener: MembershipListener) =>
      new GroupMembership(this.#broker, this.#options, this.#host.subscription, this.#outages, listener)
    return new Assignment(this.#isInGroup ? join : null, stopOffsets, parts, {
      ...{ takeSeek, hears, emit },
      failed: (error, during) => void this.#crash(error, during),
      gone: stream => this.#outages.forget(stream),
      beat: () => {
        // Delivery stands still while nobody confirms that the partitions are still its own.
        this.#delivery.pump()
        const there = this.#delivery.streams.filter(({ isDeleted }) => !isDeleted)
        this.#missing.seen(there.map(({ topic }) => topic))
        this.#endIfComplete()
      },
    })
  }

  #openMissing(): MissingTopics {
    const times = { everyMs: this.#options.metadataMaxAge ?? LOOK_MS, tryMs: this.#tryMs }
    const { subscription, emit, hears, tell, outageOver } = this.#host
    return new MissingTopics(this.#broker, subscription, times, {
      missing: (error, topic) => {
        emit(CONSUMER_EVENTS.OUTAGE, { error, during: 'subscribe', ...(topic !== undefined && { topic }) })
        // Waiting for a name that was mistyped looks like reading it.
        if (!hears(CONSUMER_EVENTS.OUTAGE)) tell(error, 'subscribe', true)
      },
      found: (topic, duration) =>
        outageOver({ during: 'subscribe', duration, ...(topic !== undefined && { topic }) }),
    })
  }

  /** @throws TidemarkError when it cannot join */
  async start(): Promise<void> {
    await this.#assignment.join()
    if (this.#isStopping) return
    const { places, follows } = this.#host
    const lookMs = this.#options.metadataMaxAge ?? LOOK_MS
    if (places !== null) this.#assignment.assignByHand(this.#broker, places, follows ? lookMs : null)
    this.#commits.start()
    if (this.#isInGroup) void this.#missing.look()
    this.#isStarted = true
    this.#endIfComplete()
  }

  /** Waits for the handlers, commits, and leaves the group. May be repeated. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#isStopping = true
    this.#missing.stop()
    this.#commits.stop()
    const streams = [...this.#delivery.streams]
    // Nobody waits for what is on its way.
    for (const stream of streams) stream.ended.abort()
    this.#prefetcher.stop()
    await this.#delivery.stop()
    await this.#commits.last(streams, this.#options.giveUpAfter).catch(error => {
      // What is not committed is delivered again.
      this.#host.tell(error, 'commit', false)
    })
    await this.#assignment.leave().catch(error => {
      // The group notices when the session time-out has passed.
      this.#host.tell(error, 'leave', false)
    })
    this.#outages.close()
  }

  assignment(): { topic: string; partition: number }[] {
    return this.#assignment.partitions()
  }

  /** @returns whether it owns the partition */
  seek(topic: string, partition: number, to: Offset | SeekPlace): boolean {
    const stream = this.#assignment.find({ topic, partition })
    if (!stream) return false
    stream.seek(to)
    this.#prefetcher.want(stream)
    return true
  }

  /** Something that was paused is not any more. */
  resumed(): void {
    for (const stream of this.#delivery.streams) this.#prefetcher.want(stream)
    this.#delivery.pump()
  }

  /** @throws TidemarkError when one of the offsets was refused */
  /** Offsets as a transaction commits them: under what this member owns. @throws TidemarkError FENCED_MEMBER_EPOCH */
  ownedOffsets(offsets: readonly OffsetToCommit[]): GroupOffsets {
    if (!this.#isInGroup) throw new TidemarkError('INVALID_REQUEST', 'Without a group nothing is committed.')
    return {
      ...this.#member(),
      offsets: offsets.map(each => {
        const stream = this.#assignment.find({ topic: each.topic, partition: each.partition })
        if (!stream) throw notOwned(each.topic, each.partition)
        const { topicId, generation } = stream
        return {
          ...each,
          ...(topicId !== undefined && { topicId }),
          ...(generation !== undefined && { generation }),
        }
      }),
    }
  }

  async commitOffsets(
    offsets: { topic: string; partition: number; offset: Offset; metadata?: string | null }[],
  ): Promise<void> {
    if (!this.#isInGroup) throw new TidemarkError('INVALID_REQUEST', 'Without a group nothing is committed.')
    const wanted = offsets.map(({ topic, partition, offset, metadata }): StreamOffset => {
      const stream = this.#assignment.find({ topic, partition })
      if (!stream) throw notOwned(topic, partition)
      const { position, jumps } = stream
      return { stream, offset, at: { position, jumps }, ...(metadata != null && { metadata }) }
    })
    await this.#commits.offsets(wanted)
  }

  async #commitTopics({ topics }: TopicsOffsets): Promise<void> {
    await this.commitOffsets(
      topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({ topic, partition, offset: parseOffset(offset) })),
      ),
    )
  }

  // What the prefetcher asks and tells.

  findStart(stream: PartitionStream): Promise<Offset> {
    return this.#read(stream, call => this.#findStart(stream, call))
  }

  async #findStart(stream: PartitionStream, call: CallOptions): Promise<Offset> {
    const { topic, partition, sought, isNew } = stream
    const { place: usual } = this.#host.subscription.startOf(topic)
    const place = sought ?? (isNew && isFromEnd(usual) ? 'earliest' : usual)
    const { wanted, offset } = await findStart(this.#broker, { topic, partition }, place, undefined, call)
    if (wanted !== offset) this.#tellMoved(topic, partition, wanted, offset, true)
    return offset
  }

  async findNext(stream: PartitionStream, error: unknown): Promise<Offset | null> {
    const { topic, partition, position } = stream
    const skipsDeleted = !this.#isInGroup || this.#host.subscription.startOf(topic).skipsDeleted
    if (position === null || !skipsDeleted) return null
    const { offset } = await this.#read(stream, call =>
      this.#broker.offsetFor({ topic, partition, at: 'earliest' }, call),
    )
    // Beyond the end: not the topic that it began with.
    if (offset === null || offset <= position) throw error
    this.#tellMoved(topic, partition, position, offset, false)
    return offset
  }

  #read<T>({ ended }: PartitionStream, action: (call: CallOptions) => Promise<T>): Promise<T> {
    return tryOnce(action, { tryMs: this.#tryMs, signal: ended.signal, isRead: true })
  }

  isPaused({ topic, partition }: PartitionStream): boolean {
    return this.#host.isPaused(topic, partition)
  }

  fetchStarted(): void {
    this.#host.emit(CONSUMER_EVENTS.FETCH_START, { nodeId: 0 })
  }

  fetched(numberOfBatches: number, duration: number): void {
    this.#host.emit(CONSUMER_EVENTS.FETCH, { numberOfBatches, duration, nodeId: 0 })
    this.#delivery.pump()
    // What came may have been no records, but the end.
    this.#endIfComplete()
  }

  started(): void {
    this.#endIfComplete()
  }

  waits(how: 'woken' | 'polls', reason: Error | undefined): void {
    this.#host.emit(CONSUMER_EVENTS.WAITING, { how, ...(reason && { reason }) })
  }

  deleted({ topic, partition }: PartitionStream, error: unknown): void {
    if (this.#isInGroup) {
      this.#host.emit(CONSUMER_EVENTS.PARTITION_DELETED, { topic, partition })
      // Where all of its topic is, the consumer waits for another of that name.
      void this.#missing.look()
      this.#endIfComplete()
    } else this.failed(error)
  }

  failed(error: unknown): void {
    void this.#crash(error, 'fetch')
  }

  async #crash(error: unknown, during: ConsumerWork): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    const asError = error instanceof Error ? error : new Error(String(error))
    const restarts = await mayRestart(this.#options.retry?.restartOnFailure, asError, false)
    this.#host.crashed(error, during, restarts)
  }

  #endIfComplete(): void {
    if (!this.#isStarted || this.#isStopping) return
    if (this.#assignment.isAtEnd || this.#delivery.isComplete) this.#host.completed()
  }

  get #isInGroup(): boolean {
    return this.#host.places === null
  }

  #tellMoved(topic: string, partition: number, from: number, to: Offset, isStart: boolean): void {
    const moved = { topic, partition, from: String(from), offset: String(to), isStart }
    this.#host.emit(CONSUMER_EVENTS.POSITION_MOVED, moved)
  }
}

function placeOf({ topic, partition }: PartitionStream): { topic: string; partition: number } {
  return { topic, partition }
}

function notOwned(topic: string, partition: number): TidemarkError {
  return new TidemarkError(
    'FENCED_MEMBER_EPOCH',
    `Partition ${partition} of ${topic} is not this member's: only its owner can commit.`,
  )
}
