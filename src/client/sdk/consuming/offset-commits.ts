import type { CommitOffsets, GroupBroker } from '../../../contract/groups.ts'
import type { Offset } from '../../../core/numbers.ts'
import { type RetrySettings, withRetries } from '../../retry.ts'
import { isPassing, type Outages } from '../outages.ts'
import { refusedCommit } from '../refused-commit.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { ConsumerRun, ConsumerWork, TopicsOffsets } from './consumer-options.ts'
import type { PartitionStream } from './partition-stream.ts'

export interface StreamOffset {
  stream: PartitionStream
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
  tell(error: unknown): void
}

const AUTO_COMMIT_MS = 5_000

/** Commits what a member has consumed, one call at a time: none may overtake another and take offsets back. */
export class OffsetCommits {
  readonly #broker: GroupBroker
  readonly #run: ConsumerRun
  readonly #retry: RetrySettings
  readonly #outages: Outages<ConsumerWork>
  readonly #host: CommitHost
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #sinceCommit = 0
  /** The failure that was told last, until a commit succeeds. */
  #told: string | undefined

  constructor(
    broker: GroupBroker,
    run: ConsumerRun,
    retry: RetrySettings,
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

  stop(): void {
    clearInterval(this.#timer)
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
    try {
      await this.positions(this.#host.streams())
    } catch (error) {
      if (isKafkaError(error, 'UNKNOWN_MEMBER_ID')) this.#host.beatSoon()
      // Trouble that may pass is told as an outage.
      else if (!isPassing(error)) this.tellOnce(error)
    }
  }

  /**
   * Commits where these partitions are, of those that have moved, unless commits are made by hand.
   * @param forMs how long to try
   * @throws TidemarkError when the broker took nothing
   */
  positions(streams: readonly PartitionStream[], forMs = this.#retry.forMs): Promise<void> {
    return this.#inTurn(async () => {
      const wanted = this.#isAutomatic ? moved(streams) : []
      if (wanted.length === 0 || (await this.#run.beforeCommit?.()) === false) return
      const still = wanted.filter(({ stream }) => !stream.isLost)
      await this.#commit(still, forMs)
    })
  }

  /** Commits offsets that somebody else chose. @throws TidemarkError when one of them was refused */
  offsets(wanted: StreamOffset[]): Promise<void> {
    return this.#inTurn(async () => {
      const refusal = await this.#commit(wanted, this.#retry.forMs)
      if (refusal) throw refusal
    })
  }

  uncommitted(): TopicsOffsets {
    return { topics: byTopic(moved(this.#host.streams())) }
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }

  /** @returns the first refusal */
  async #commit(wanted: StreamOffset[], forMs: number): Promise<Error | undefined> {
    if (wanted.length === 0) return undefined
    const offsets = wanted.map(({ stream: { topic, partition, generation }, offset, metadata }) => ({
      ...{ topic, partition, offset },
      ...(generation !== undefined && { generation }),
      ...(metadata !== undefined && { metadata }),
    }))
    const request = { ...this.#host.member(), offsets }
    const attempt = async () => {
      try {
        const answers = await this.#broker.commitOffsets(request)
        this.#outages.passed('commit', this)
        return answers
      } catch (error) {
        this.#outages.failed('commit', this, error)
        throw error
      }
    }
    // The same offset twice does no harm.
    const answers = await withRetries(attempt, { ...this.#retry, forMs, isRepeatable: true })
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
    else if (error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') {
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
    const { position, committed } = stream
    return position === null || position === committed ? [] : [{ stream, offset: position }]
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
