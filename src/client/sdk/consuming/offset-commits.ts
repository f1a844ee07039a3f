import type { CallOptions } from '../../../contract/broker.ts'
import type { CommitOffsets, GroupBroker } from '../../../contract/groups.ts'
import { CLOSE_COMMIT_MS, CLOSE_COMMIT_UNDER_WAY_MS } from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import { abandonedAt, DeadlinePassed, withDeadline } from '../../deadline.ts'
import { isTopicGone, type RetrySettings, tryTimeoutMs, withRetries } from '../../retry.ts'
import { isPassing, type Outages } from '../outages.ts'
import { refusedCommit } from '../refused-commit.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { ConsumerRun, ConsumerWork, TopicsOffsets } from './consumer-options.ts'
import type { PartitionStream } from './partition-stream.ts'

export interface StreamOffset {
  stream: PartitionStream
  /** Where the partition was when the offset was chosen. */
  at: { readonly position: Offset | null; readonly jumps: number }
  offset: Offset
  metadata?: string
}

export interface CommitHost {
  /** In whose name. */
  member(): Omit<CommitOffsets, 'offsets'>
  streams(): readonly PartitionStream[]
  committed(topics: TopicsOffsets['topics']): void
  /** Another owns it by now. */
  giveUp(stream: PartitionStream): void
  /** The group may have given this member up: a heartbeat tells. */
  beatSoon(): void
  /** Where the end is that a consumer was sent to. */
  findStart(stream: PartitionStream, call: CallOptions): Promise<Offset>
  tell(error: unknown): void
}

const AUTO_COMMIT_MS = 5_000

/** Commits what a member has consumed, one call at a time: none may overtake another and take offsets back. */
export class OffsetCommits {
  readonly #broker: GroupBroker
  readonly #run: ConsumerRun
  readonly #retry: RetrySettings & { tryMs: number }
  readonly #outages: Outages<ConsumerWork>
  readonly #host: CommitHost
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #sinceCommit = 0
  /** The failure that was told last, until a commit succeeds. */
  #told: string | undefined
  /** Waits for its turn, and finds then what there is to commit. */
  #waiting: Promise<void> | undefined
  #isEnding = false
  /** Ends what was under way when the end was told. */
  readonly #ending = new AbortController()

  constructor(
    broker: GroupBroker,
    run: ConsumerRun,
    retry: RetrySettings & { tryMs: number },
    outages: Outages<ConsumerWork>,
    host: CommitHost,
  ) {
    this.#broker = broker
    this.#run = run
    this.#retry = retry
    this.#outages = outages
    this.#host = host
  }

  start(): void {
    const intervalMs = this.#intervalMs
    if (intervalMs !== null) this.#timer = setInterval(() => void this.inBackground(), intervalMs)
  }

  /** No more by themselves. What is asked for all the same has little time: the process may be about to end. */
  stop(): void {
    clearInterval(this.#timer)
    this.#isEnding = true
    const passed = new DeadlinePassed(CLOSE_COMMIT_UNDER_WAY_MS)
    this.#timer = setTimeout(() => this.#ending.abort(passed), CLOSE_COMMIT_UNDER_WAY_MS)
  }

  counted(records: number): void {
    this.#sinceCommit += records
    if (this.#isDue) void this.inBackground()
  }

  async ifDue(): Promise<void> {
    if (this.#isDue) await this.inBackground()
  }

  /** Never rejects: what failed for a passing reason is committed the next time. */
  async inBackground(): Promise<void> {
    this.#sinceCommit = 0
    this.#waiting ??= this.#inTurn(async () => {
      this.#waiting = undefined
      // The last commit has it all, and the time is that one's.
      if (this.#isEnding) return
      try {
        await this.#positions(this.#host.streams(), this.#settings())
      } catch (error) {
        if (isKafkaError(error, 'UNKNOWN_MEMBER_ID')) this.#host.beatSoon()
        // Trouble that may pass is told as an outage.
        else if (!isPassing(error)) this.tellOnce(error)
      }
    })
    await this.#waiting
  }

  /**
   * Commits where these partitions are, of those that have moved, unless commits are made by hand.
   * Tried once: whoever asks looks anew whether it is wanted still.
   * @throws TidemarkError when the broker took nothing
   */
  positionsOnce(streams: readonly PartitionStream[]): Promise<void> {
    return this.#inTurn(() => this.#positions(streams, { ...this.#settings(), isGivenUp: () => true }))
  }

  /**
   * After `stop`, the last commit of all.
   * @throws TidemarkError when the broker took nothing
   */
  async last(streams: readonly PartitionStream[], forMs = Number.POSITIVE_INFINITY): Promise<void> {
    const settings = () => this.#settings(Math.min(forMs, CLOSE_COMMIT_MS))
    await this.#inTurn(() => this.#positions(streams, settings())).finally(() => clearTimeout(this.#timer))
  }

  /** Commits offsets that somebody else chose. @throws TidemarkError when one of them was refused */
  offsets(wanted: StreamOffset[]): Promise<void> {
    return this.#inTurn(async () => {
      const refusal = await this.#commit(wanted, this.#settings())
      if (refusal) throw refusal
    })
  }

  uncommitted(): TopicsOffsets {
    return { topics: byTopic(moved(this.#host.streams())) }
  }

  /** In half of the time, so that a commit has the other. @returns the failures */
  async #findAllSought(streams: readonly PartitionStream[], settings: RetrySettings): Promise<unknown[]> {
    const forMs = settings.forMs / 2
    const halved = {
      ...settings,
      forMs,
      tryMs: Math.min(settings.tryMs ?? forMs, tryTimeoutMs(forMs)),
      // There is another commit to come, unless this is the last one.
      ...(!this.#isEnding && { isGivenUp: () => true }),
    }
    const found = await Promise.all(streams.map(stream => this.#findSought(stream, halved)))
    return found.filter(failure => failure !== undefined)
  }

  /** @returns why it could not be found */
  async #findSought(stream: PartitionStream, settings: RetrySettings): Promise<unknown> {
    const { sought, jumps } = stream
    if (sought === null || stream.isDeleted) return undefined
    try {
      const offset = await withRetries(call => this.#host.findStart(stream, call), {
        ...settings,
        isRead: true,
      })
      if (stream.jumps === jumps) stream.start(offset)
      return undefined
    } catch (error) {
      // Of a topic that is gone there is nothing to commit.
      return isTopicGone(error) ? undefined : error
    }
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #positions(streams: readonly PartitionStream[], settings: RetrySettings): Promise<void> {
    const beganMs = performance.now()
    const left = () => ({ ...settings, forMs: settings.forMs - (performance.now() - beganMs) })
    // A jump that nobody has made yet is not to be lost with whoever was to make it. One whose end cannot be found holds up
    // no other: it is told once these are committed.
    const failures = this.#isAutomatic ? await this.#findAllSought(streams, settings) : []
    const wanted = this.#isAutomatic ? moved(streams) : []
    if (wanted.length > 0 && (await this.#mayCommit(left()))) {
      await this.#commit(
        wanted.filter(({ stream }) => !stream.isLost),
        left(),
      )
    }
    if (failures.length > 0) throw failures[0]
  }

  /** Of a commit that begins now. */
  #settings(forMs = this.#isEnding ? CLOSE_COMMIT_UNDER_WAY_MS : this.#retry.forMs): RetrySettings {
    return {
      ...this.#retry,
      forMs,
      tryMs: Math.min(this.#retry.tryMs, tryTimeoutMs(forMs)),
      // The same offset twice does no harm.
      isRepeatable: true,
      ...(!this.#isEnding && { signal: this.#ending.signal }),
    }
  }

  /** Asks who holds commits back. No answer in time is none. */
  async #mayCommit({ forMs, signal }: RetrySettings): Promise<boolean> {
    const { beforeCommit } = this.#run
    if (!beforeCommit) return true
    try {
      return (await withDeadline(forMs, signal, ended => abandonedAt(ended, beforeCommit()))) !== false
    } catch (error) {
      if (error instanceof DeadlinePassed) return false
      throw error
    }
  }

  /** @returns the first refusal */
  async #commit(wanted: StreamOffset[], settings: RetrySettings): Promise<Error | undefined> {
    if (wanted.length === 0) return undefined
    const offsets = wanted.map(({ stream, offset, metadata }) => ({
      ...{ topic: stream.topic, partition: stream.partition, offset, sequence: ++stream.commits },
      ...(stream.topicId !== undefined && { topicId: stream.topicId }),
      ...(stream.generation !== undefined && { generation: stream.generation }),
      ...(metadata !== undefined && { metadata }),
    }))
    const request = { ...this.#host.member(), offsets }
    const attempt = async (call: CallOptions) => {
      try {
        const answers = await this.#broker.commitOffsets(request, call)
        this.#outages.passed('commit', this)
        return answers
      } catch (error) {
        this.#outages.failed('commit', this, error)
        throw error
      }
    }
    // A try that arrives late, or twice, has a number that was there before.
    const answers = await withRetries(attempt, settings)
    const committed: StreamOffset[] = []
    let refusal: Error | undefined
    for (const each of wanted) {
      const { topic, partition } = each.stream
      const answer = answers.find(other => other.topic === topic && other.partition === partition)
      if (answer?.error) {
        const error = refusedCommit(answer.error)
        refusal ??= error
        this.#refused(each.stream, error)
      } else {
        each.stream.committed = each.offset
        // What somebody chose stands until more is consumed, or the consumer is sent elsewhere.
        if (each.stream.jumps === each.at.jumps) each.stream.accounted = each.at.position
        this.#outages.passed('commit', each.stream)
        this.#told = undefined
        committed.push(each)
      }
    }
    if (committed.length > 0) this.#host.committed(byTopic(committed))
    return refusal
  }

  #refused(stream: PartitionStream, error: ReturnType<typeof refusedCommit>): void {
    if (error.kafkaName === 'FENCED_MEMBER_EPOCH') this.#host.giveUp(stream)
    else if (error.kafkaName === 'UNKNOWN_MEMBER_ID') this.#host.beatSoon()
    // Whose topic is gone hears of it with a heartbeat.
    else if (!isTopicGone(error)) {
      if (!this.#outages.failed('commit', stream, error)) this.tellOnce(error)
    }
  }

  /** It is tried again and again; the same words each time would be no news. */
  tellOnce(error: unknown): void {
    const text = String(error)
    if (text !== this.#told) this.#host.tell(error)
    this.#told = text
  }

  get #isAutomatic(): boolean {
    return this.#run.autoCommit ?? true
  }

  get #intervalMs(): number | null {
    if (!this.#isAutomatic) return null
    const { autoCommitInterval, autoCommitThreshold } = this.#run
    if (autoCommitInterval === undefined) return autoCommitThreshold == null ? AUTO_COMMIT_MS : null
    return autoCommitInterval
  }

  get #isDue(): boolean {
    if (!this.#isAutomatic) return false
    const { autoCommitThreshold } = this.#run
    if (autoCommitThreshold != null) return this.#sinceCommit >= autoCommitThreshold
    return this.#intervalMs === null
  }
}

function moved(streams: readonly PartitionStream[]): StreamOffset[] {
  return streams.flatMap(stream => {
    const { position, accounted, jumps, isDeleted } = stream
    return isDeleted || position === null || position === accounted
      ? []
      : [{ stream, offset: position, at: { position, jumps } }]
  })
}

function byTopic(places: readonly StreamOffset[]): TopicsOffsets['topics'] {
  const topics = new Map<string, { partition: number; offset: string }[]>()
  for (const { stream, offset } of places) {
    const partitions = topics.get(stream.topic) ?? []
    partitions.push({ partition: stream.partition, offset: String(offset) })
    topics.set(stream.topic, partitions)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
