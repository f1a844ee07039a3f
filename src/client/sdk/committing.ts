import { type Offset, toOffset } from '../../core/numbers.ts'
import type { ConsumerRun, TopicsOffsets } from './consumer-options.ts'
import type { CommitResult, OffsetCommits, StreamOffset } from './offset-commits.ts'
import type { PartitionStream } from './partition-stream.ts'
import { isKafkaError } from './topic-facts.ts'

export interface CommittingHost {
  streams(): readonly PartitionStream[]
  committed(topics: TopicsOffsets['topics']): void
  /** Another owns it by now. */
  giveUp(stream: PartitionStream): void
  /** The group may have given this member up: a heartbeat tells. */
  beatSoon(): void
  tell(error: unknown): void
}

const AUTO_COMMIT_MS = 5_000

/** When what was consumed is committed, and what comes of a refusal. */
export class Committing {
  readonly #run: ConsumerRun
  readonly #commits: OffsetCommits
  readonly #host: CommittingHost
  #timer: NodeJS.Timeout | undefined
  #sinceCommit = 0

  constructor(run: ConsumerRun, commits: OffsetCommits, host: CommittingHost) {
    this.#run = run
    this.#commits = commits
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
      else this.#host.tell(error)
    }
  }

  /**
   * Commits where these are, unless commits are made by hand.
   * @param forMs how long to try
   * @throws TidemarkError when the broker took nothing
   */
  async positions(streams: readonly PartitionStream[], forMs?: number): Promise<void> {
    if (this.#isAutomatic) this.#settle(await this.#commits.commitPositions(streams, forMs))
  }

  /** @throws TidemarkError when one of the offsets was refused */
  async offsets(wanted: StreamOffset[]): Promise<void> {
    const result = await this.#commits.commitOffsets(wanted)
    this.#settle(result)
    const [refused] = result.refused
    if (refused) throw refused.error
  }

  uncommitted(): TopicsOffsets {
    const moved = this.#host
      .streams()
      .filter(({ position, committed }) => position !== null && position !== committed)
    return { topics: byTopic(moved.map(stream => ({ stream, offset: stream.position ?? toOffset(0) }))) }
  }

  #settle({ committed, refused }: CommitResult): void {
    if (committed.length > 0) this.#host.committed(byTopic(committed))
    for (const { stream, error } of refused) {
      if (error.kafkaName === 'FENCED_MEMBER_EPOCH') this.#host.giveUp(stream)
      else if (error.kafkaName === 'UNKNOWN_MEMBER_ID') this.#host.beatSoon()
      // Whose topic is gone hears of it with a heartbeat.
      else if (error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') this.#host.tell(error)
    }
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

function byTopic(places: readonly { stream: PartitionStream; offset: Offset }[]): TopicsOffsets['topics'] {
  const topics = new Map<string, { partition: number; offset: string }[]>()
  for (const { stream, offset } of places) {
    const partitions = topics.get(stream.topic) ?? []
    partitions.push({ partition: stream.partition, offset: String(offset) })
    topics.set(stream.topic, partitions)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
