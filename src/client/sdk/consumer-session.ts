import type { Broker } from '../../contract/broker.ts'
import type { AssignedPartition, GroupBroker, OwnedPartition } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { advance, type Offset, toOffset } from '../../core/numbers.ts'
import {
  CONSUMER_EVENTS,
  type ConsumerOptions,
  type ConsumerRun,
  type EachBatchPayload,
  type TopicsOffsets,
} from './consumer-options.ts'
import { GroupMembership, type MembershipListener } from './group-membership.ts'
import { toBatch } from './message-batch.ts'
import { toMessage } from './messages.ts'
import { type CommitResult, OffsetCommits, type StreamOffset } from './offset-commits.ts'
import { PartitionStream } from './partition-stream.ts'
import { Prefetcher, type PrefetchListener } from './prefetcher.ts'
import { NotConsumed } from './record-handoff.ts'
import { requestRetries } from './retry-options.ts'
import type { Subscription } from './subscription.ts'
import { isKafkaError } from './topic-facts.ts'

/** What a session needs from its consumer. */
export interface SessionHost {
  subscription: Subscription
  isPaused(topic: string, partition: number): boolean
  /** @returns what resumes it */
  pause(topic: string, partition: number): () => void
  /** Where the consumer was told to go on in a partition that it did not own then. */
  takeSeek(topic: string, partition: number): Offset | undefined
  hears(type: string): boolean
  emit(type: string, payload: unknown): void
  /** A failure after which the session goes on. */
  tell(error: unknown): void
  /** A failure that ends the session. */
  crashed(error: unknown, restarts: boolean): void
}

const DEFAULT = {
  sessionTimeoutMs: 45_000,
  recordsAhead: 1_000,
  bytesAhead: 200_000,
  fetchBytesMax: 1024 * 1024,
  waitMs: 5_000,
  fetchesMax: 16,
  autoCommitMs: 5_000,
  retries: 5,
  firstPauseMs: 300,
  pauseMsMax: 30_000,
}
/** How long a join is tried. */
const JOIN_MS = 30_000
/** How long a commit is tried; behind it a partition waits that is to go to another member. */
const COMMIT_MS = 10_000
/** Messages of one partition in a row, before the others have their turn. */
const TURN_MESSAGES = 500

/** A consumer from joining its group to leaving it: fetches ahead, calls the handler, commits. */
export class ConsumerSession implements MembershipListener, PrefetchListener {
  readonly #options: ConsumerOptions & { clientId: string }
  readonly #run: ConsumerRun
  readonly #host: SessionHost
  readonly #membership: GroupMembership
  readonly #prefetcher: Prefetcher
  readonly #commits: OffsetCommits
  /** In the order of their turns. */
  #streams: PartitionStream[] = []
  #handlers = 0
  #isStopping = false
  #stopped: Promise<void> | undefined
  #commitTimer: NodeJS.Timeout | undefined
  #sinceCommit = 0
  #wakeTimer: NodeJS.Timeout | undefined

  constructor(
    broker: Broker & GroupBroker,
    options: ConsumerOptions & { clientId: string },
    run: ConsumerRun,
    host: SessionHost,
  ) {
    this.#options = options
    this.#run = run
    this.#host = host
    const { groupId, clientId, groupInstanceId: instanceId, assignor } = options
    this.#membership = new GroupMembership(
      broker,
      {
        groupId,
        clientId,
        instanceId,
        assignor,
        topics: host.subscription.topics,
        topicPattern: host.subscription.topicPattern,
        sessionTimeoutMs: options.sessionTimeout ?? DEFAULT.sessionTimeoutMs,
        heartbeatIntervalMs: options.heartbeatInterval,
        joinMs: JOIN_MS,
      },
      this,
    )
    this.#prefetcher = new Prefetcher(
      broker,
      {
        recordsAhead: options.maxRecords ?? DEFAULT.recordsAhead,
        bytesAhead: options.maxBytes ?? DEFAULT.bytesAhead,
        fetchBytesMax: options.maxBytesPerPartition ?? DEFAULT.fetchBytesMax,
        minBytes: options.minBytes ?? 1,
        waitMs: options.maxWaitTimeInMs ?? DEFAULT.waitMs,
        fetchesMax: options.maxInFlightRequests ?? DEFAULT.fetchesMax,
        isLocated: options.located ?? false,
      },
      this,
    )
    this.#commits = new OffsetCommits(
      broker,
      () => ({ groupId, instanceId, memberId: this.#membership.memberId }),
      requestRetries({}, COMMIT_MS),
    )
  }

  /** @throws TidemarkError when it cannot join */
  async start(): Promise<void> {
    await this.#membership.join()
    const intervalMs = this.#autoCommitMs
    if (intervalMs !== null)
      this.#commitTimer = setInterval(() => void this.#commitInBackground(), intervalMs)
  }

  /** Waits for the handlers, commits, and leaves the group. May be repeated. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#commitTimer)
    clearTimeout(this.#wakeTimer)
    const streams = [...this.#streams]
    // Nobody waits for what is on its way.
    for (const stream of streams) stream.ended.abort()
    await Promise.all(streams.map(stream => stream.idle()))
    if (this.#isAutoCommit) {
      await this.#commitPositions(streams).catch(error => {
        // What is not committed is delivered again.
        this.#host.tell(error)
      })
    }
    await this.#membership.stop()
    for (const stream of this.#streams) stream.end()
    this.#streams = []
    await this.#membership.leave().catch(error => {
      // The group notices when the session time-out has passed.
      this.#host.tell(error)
    })
  }

  assignment(): { topic: string; partition: number }[] {
    return this.#streams
      .map(({ topic, partition }) => ({ topic, partition }))
      .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  }

  /** @returns whether it owns the partition */
  seek(topic: string, partition: number, offset: Offset): boolean {
    const stream = this.#find(topic, partition)
    if (!stream) return false
    stream.jump(offset)
    stream.failures = 0
    stream.restsUntilMs = 0
    this.#prefetcher.want(stream)
    return true
  }

  /** Something that was paused is not any more. */
  resumed(): void {
    for (const stream of this.#streams) this.#prefetcher.want(stream)
    this.#pump()
  }

  /** @throws TidemarkError when one of the offsets was refused */
  async commitOffsets(
    offsets: { topic: string; partition: number; offset: Offset; metadata?: string | null }[],
  ): Promise<void> {
    const wanted = offsets.map(({ topic, partition, offset, metadata }): StreamOffset => {
      const stream = this.#find(topic, partition)
      if (!stream) throw notOwned(topic, partition)
      return { stream, offset, ...(metadata != null && { metadata }) }
    })
    const result = await this.#commits.commitOffsets(wanted)
    this.#afterCommit(result)
    const [refused] = result.refused
    if (refused) throw refused.error
  }

  // What the membership tells.

  assigned({ committedOffset, ...owned }: AssignedPartition): void {
    const stream = new PartitionStream(owned, committedOffset)
    const sought = this.#host.takeSeek(owned.topic, owned.partition)
    if (sought !== undefined) stream.jump(sought)
    this.#streams.push(stream)
    this.#prefetcher.partitions = this.#streams.length
    // Once this heartbeat's partitions are all known, so that they share what may be fetched ahead.
    queueMicrotask(() => this.#prefetcher.want(stream))
  }

  async revoke({ topic, partition }: OwnedPartition): Promise<void> {
    const stream = this.#find(topic, partition)
    if (!stream) return
    stream.isRevoking = true
    await stream.idle()
    if (this.#isAutoCommit && !stream.isLost) {
      await this.#commitPositions([stream]).catch(error => {
        // What is not committed is delivered again, to the next owner.
        this.#host.tell(error)
      })
    }
    this.#remove(stream)
  }

  lost({ topic, partition, generation }: OwnedPartition): void {
    const stream = this.#find(topic, partition)
    if (!stream || stream.owned.generation !== generation) return
    stream.isLost = true
    this.#remove(stream)
  }

  beat(isChanged: boolean): void {
    const { groupId } = this.#options
    const { memberId, memberEpoch } = this.#membership
    this.#host.emit(CONSUMER_EVENTS.HEARTBEAT, { groupId, memberId, groupGenerationId: memberEpoch })
    if (isChanged) this.#tellAssignment()
    // Delivery stands still while nobody confirms that the partitions are still ours.
    this.#pump()
  }

  rebalancing(): void {
    const { groupId } = this.#options
    this.#host.emit(CONSUMER_EVENTS.REBALANCING, { groupId, memberId: this.#membership.memberId })
  }

  // What the prefetcher asks and tells.

  isFromBeginning(topic: string): boolean {
    return this.#host.subscription.isFromBeginning(topic)
  }

  isPaused({ topic, partition }: PartitionStream): boolean {
    return this.#host.isPaused(topic, partition)
  }

  fetchStarted(): void {
    this.#host.emit(CONSUMER_EVENTS.FETCH_START, { nodeId: 0 })
  }

  fetched(_stream: PartitionStream, numberOfBatches: number, duration: number): void {
    this.#host.emit(CONSUMER_EVENTS.FETCH, { numberOfBatches, duration, nodeId: 0 })
    this.#pump()
  }

  /** Of the membership or of a fetch: nothing that would pass. */
  failed(error: unknown): void {
    void this.#crash(error)
  }

  async #crash(error: unknown): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    const asError = error instanceof Error ? error : new Error(String(error))
    const restarts = (await this.#options.retry?.restartOnFailure?.(asError)) ?? false
    this.#host.crashed(error, restarts)
  }

  // Delivery.

  #pump(): void {
    const handlersMax = this.#run.partitionsConsumedConcurrently ?? 1
    while (this.#handlers < handlersMax && !this.#isStopping) {
      const index = this.#streams.findIndex(stream => this.#isReady(stream))
      const [stream] = index < 0 ? [] : this.#streams.splice(index, 1)
      if (!stream) return
      // Behind the others: they have their turn first.
      this.#streams.push(stream)
      void this.#deliver(stream)
    }
  }

  #isReady(stream: PartitionStream): boolean {
    return (
      stream.hasRecords &&
      !stream.isBusy &&
      performance.now() >= stream.restsUntilMs &&
      this.#mayDeliver(stream)
    )
  }

  #mayDeliver(stream: PartitionStream): boolean {
    return (
      !this.#isStopping &&
      !stream.isRevoking &&
      !stream.isLost &&
      this.#membership.isAlive &&
      !this.isPaused(stream)
    )
  }

  /** One turn of one partition. Never rejects. */
  async #deliver(stream: PartitionStream): Promise<void> {
    stream.isBusy = true
    this.#handlers++
    try {
      if (this.#run.eachBatch) await this.#deliverBatch(stream, this.#run.eachBatch)
      else if (this.#run.eachMessage) await this.#deliverMessages(stream, this.#run.eachMessage)
    } catch (error) {
      await this.#handlerFailed(stream, error)
    }
    this.#handlers--
    stream.becameIdle()
    this.#prefetcher.want(stream)
    this.#pump()
  }

  async #deliverMessages(
    stream: PartitionStream,
    eachMessage: NonNullable<ConsumerRun['eachMessage']>,
  ): Promise<void> {
    const { topic, partition } = stream
    for (let messages = 0; messages < TURN_MESSAGES; messages++) {
      const record = stream.peek()
      if (!record || !this.#mayDeliver(stream)) return
      const { jumps } = stream
      await eachMessage({
        topic,
        partition,
        message: toMessage(record),
        heartbeat: async () => {},
        pause: () => this.#host.pause(topic, partition),
      })
      stream.failures = 0
      if (stream.jumps === jumps) stream.advance(record)
      this.#counted(1)
      this.#prefetcher.want(stream)
    }
  }

  async #deliverBatch(
    stream: PartitionStream,
    eachBatch: NonNullable<ConsumerRun['eachBatch']>,
  ): Promise<void> {
    const { records, endOffset } = stream.takeAll()
    if (records.length === 0) return
    const { jumps } = stream
    const batch = toBatch(stream, records)
    const facts = {
      topic: batch.topic,
      partition: batch.partition,
      highWatermark: batch.highWatermark,
      offsetLag: batch.offsetLag(),
      offsetLagLow: batch.offsetLagLow(),
      batchSize: records.length,
      firstOffset: batch.firstOffset(),
      lastOffset: batch.lastOffset(),
    }
    this.#host.emit(CONSUMER_EVENTS.START_BATCH_PROCESS, facts)
    const beganMs = performance.now()
    const answers = { wasToldToEnd: false }
    try {
      await eachBatch(this.#batchPayload(stream, batch, jumps, answers))
      // A handler that was told to end has not got through.
      if ((this.#run.eachBatchAutoResolve ?? true) && !answers.wasToldToEnd && stream.jumps === jumps) {
        stream.position = endOffset
      }
      stream.failures = 0
      this.#counted(records.length)
    } finally {
      // What was not resolved comes again.
      if (stream.jumps === jumps && stream.position !== endOffset) stream.jump(stream.position)
    }
    const duration = performance.now() - beganMs
    this.#host.emit(CONSUMER_EVENTS.END_BATCH_PROCESS, { ...facts, duration })
  }

  #batchPayload(
    stream: PartitionStream,
    batch: EachBatchPayload['batch'],
    jumps: number,
    answers: { wasToldToEnd: boolean },
  ): EachBatchPayload {
    const { topic, partition } = stream
    const told = (isOver: boolean) => {
      if (isOver) answers.wasToldToEnd = true
      return isOver
    }
    return {
      batch,
      resolveOffset: offset => {
        if (stream.jumps === jumps) stream.position = advance(toOffset(Number(offset)), 1)
      },
      heartbeat: async () => {},
      pause: () => this.#host.pause(topic, partition),
      commitOffsetsIfNecessary: async offsets => {
        if (offsets) await this.#commitTopics(offsets)
        else if (this.#isCommitDue) await this.#commitInBackground()
      },
      uncommittedOffsets: () => uncommitted(this.#streams),
      isRunning: () =>
        !told(this.#isStopping || stream.isRevoking || stream.isLost || !this.#membership.isAlive),
      isStale: () => told(stream.isLost || stream.jumps !== jumps),
    }
  }

  async #handlerFailed(stream: PartitionStream, error: unknown): Promise<void> {
    if (error instanceof NotConsumed) return
    // What was consumed before shall not come again because of this one.
    if (this.#isAutoCommit) await this.#commitInBackground()
    const { retries = DEFAULT.retries, initialRetryTime = DEFAULT.firstPauseMs } = this.#options.retry ?? {}
    const { maxRetryTime = DEFAULT.pauseMsMax, restartOnFailure } = this.#options.retry ?? {}
    const isFinal = error instanceof Error && 'retriable' in error && error.retriable === false
    if (isFinal) return this.#crash(error)
    const pauseMs = Math.min(maxRetryTime, initialRetryTime * 2 ** stream.failures)
    if (++stream.failures > retries) {
      const asError = error instanceof Error ? error : new Error(String(error))
      if (restartOnFailure && !(await restartOnFailure(asError))) return this.#crash(error)
      this.#host.tell(error)
      stream.failures = 0
    }
    // Only this partition rests.
    stream.restsUntilMs = performance.now() + pauseMs / 2 + (pauseMs / 2) * Math.random()
    this.#wakeAt(stream.restsUntilMs)
  }

  #wakeAt(timeMs: number): void {
    clearTimeout(this.#wakeTimer)
    if (this.#isStopping) return
    this.#wakeTimer = setTimeout(
      () => {
        const nextMs = Math.min(
          ...this.#streams.map(({ restsUntilMs }) => restsUntilMs).filter(each => each > performance.now()),
        )
        if (Number.isFinite(nextMs)) this.#wakeAt(nextMs)
        this.#pump()
      },
      Math.max(0, Math.ceil(timeMs - performance.now())),
    )
  }

  // Commits.

  get #isAutoCommit(): boolean {
    return this.#run.autoCommit ?? true
  }

  get #autoCommitMs(): number | null {
    if (!this.#isAutoCommit) return null
    const { autoCommitInterval, autoCommitThreshold } = this.#run
    if (autoCommitInterval === undefined) return autoCommitThreshold == null ? DEFAULT.autoCommitMs : null
    return autoCommitInterval
  }

  get #isCommitDue(): boolean {
    if (!this.#isAutoCommit) return false
    const { autoCommitThreshold } = this.#run
    if (autoCommitThreshold != null) return this.#sinceCommit >= autoCommitThreshold
    return this.#autoCommitMs === null
  }

  #counted(messages: number): void {
    this.#sinceCommit += messages
    if (this.#isCommitDue) void this.#commitInBackground()
  }

  /** Never rejects: what failed for a passing reason is committed the next time. */
  async #commitInBackground(): Promise<void> {
    this.#sinceCommit = 0
    try {
      await this.#commitPositions(this.#streams)
    } catch (error) {
      if (isKafkaError(error, 'UNKNOWN_MEMBER_ID')) this.#membership.beatSoon()
      else this.#host.tell(error)
    }
  }

  async #commitPositions(streams: Iterable<PartitionStream>): Promise<void> {
    this.#afterCommit(await this.#commits.commitPositions(streams))
  }

  async #commitTopics({ topics }: TopicsOffsets): Promise<void> {
    await this.commitOffsets(
      topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({ topic, partition, offset: toOffset(Number(offset)) })),
      ),
    )
  }

  #afterCommit({ committed, refused }: CommitResult): void {
    if (committed.length > 0) {
      const { groupId } = this.#options
      const { memberId, memberEpoch } = this.#membership
      const topics = byTopic(committed.map(({ stream, offset }) => ({ stream, offset })))
      this.#host.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, {
        groupId,
        memberId,
        groupGenerationId: memberEpoch,
        topics,
      })
    }
    if (refused.some(({ isRetriable }) => !isRetriable)) {
      // Another owns it by now: the next heartbeat tells.
      for (const { stream, isRetriable } of refused) if (!isRetriable) stream.isLost = true
      this.#membership.beatSoon()
    }
  }

  #tellAssignment(): void {
    if (!this.#host.hears(CONSUMER_EVENTS.GROUP_JOIN)) return
    const memberAssignment: Record<string, number[]> = {}
    for (const { topic, partition } of this.assignment()) {
      memberAssignment[topic] = [...(memberAssignment[topic] ?? []), partition]
    }
    this.#host.emit(CONSUMER_EVENTS.GROUP_JOIN, {
      groupId: this.#options.groupId,
      memberId: this.#membership.memberId,
      memberAssignment,
      groupProtocol: this.#options.assignor ?? 'cooperative-sticky',
      // There is no leader: whichever broker is asked works the assignment out.
      isLeader: false,
      leaderId: '',
      duration: 0,
    })
  }

  #find(topic: string, partition: number): PartitionStream | undefined {
    return this.#streams.find(stream => stream.topic === topic && stream.partition === partition)
  }

  #remove(stream: PartitionStream): void {
    stream.end()
    this.#streams = this.#streams.filter(each => each !== stream)
    this.#prefetcher.partitions = this.#streams.length
  }
}

function uncommitted(streams: PartitionStream[]): TopicsOffsets {
  const moved = streams.filter(({ position, committed }) => position !== null && position !== committed)
  return { topics: byTopic(moved.map(stream => ({ stream, offset: stream.position ?? toOffset(0) }))) }
}

function byTopic(places: { stream: PartitionStream; offset: Offset }[]): TopicsOffsets['topics'] {
  const topics = new Map<string, { partition: number; offset: string }[]>()
  for (const { stream, offset } of places) {
    const partitions = topics.get(stream.topic) ?? []
    partitions.push({ partition: stream.partition, offset: String(offset) })
    topics.set(stream.topic, partitions)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}

function notOwned(topic: string, partition: number): TidemarkError {
  return new TidemarkError(
    'FENCED_MEMBER_EPOCH',
    `Partition ${partition} of ${topic} is not this member's: only its owner can commit.`,
  )
}
