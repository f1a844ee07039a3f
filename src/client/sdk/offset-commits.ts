import type { GroupBroker, OffsetToCommit } from '../../contract/groups.ts'
import type { TidemarkError } from '../../core/errors.ts'
import type { Offset } from '../../core/numbers.ts'
import { type RetrySettings, withRetries } from '../retry.ts'
import type { Outages } from './outages.ts'
import type { PartitionStream } from './partition-stream.ts'
import { refusedCommit } from './refused-commit.ts'

export interface CommitIdentity {
  groupId: string
  memberId: string
  instanceId: string | undefined
}

export interface StreamOffset {
  stream: PartitionStream
  offset: Offset
  metadata?: string
}

/** Commits what a member has consumed, one call at a time: none may overtake another and take offsets back. */
export class OffsetCommits {
  readonly #broker: GroupBroker
  readonly #identity: () => CommitIdentity
  readonly #retry: RetrySettings
  readonly #outages: Outages
  readonly #beforeCommit: () => Promise<boolean | undefined>
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    broker: GroupBroker,
    identity: () => CommitIdentity,
    retry: RetrySettings,
    outages: Outages,
    beforeCommit: () => Promise<boolean | undefined> = async () => true,
  ) {
    this.#broker = broker
    this.#identity = identity
    this.#retry = retry
    this.#outages = outages
    this.#beforeCommit = beforeCommit
  }

  /**
   * Commits where these partitions are, of those that have moved.
   * @param forMs how long to try
   * @returns what was committed, and the partitions that another owns by now
   * @throws TidemarkError when the broker took nothing
   */
  commitPositions(streams: Iterable<PartitionStream>, forMs = this.#retry.forMs): Promise<CommitResult> {
    return this.#inTurn(async () => {
      const wanted: StreamOffset[] = []
      for (const stream of streams) {
        const { position, committed } = stream
        if (position !== null && position !== committed) wanted.push({ stream, offset: position })
      }
      if (wanted.length > 0 && (await this.#beforeCommit()) === false) return this.#commit([], forMs)
      return this.#commit(
        wanted.filter(({ stream }) => !stream.isLost),
        forMs,
      )
    })
  }

  /** As `commitPositions`, of offsets that somebody else chose. */
  commitOffsets(wanted: StreamOffset[]): Promise<CommitResult> {
    return this.#inTurn(() => this.#commit(wanted, this.#retry.forMs))
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #commit(wanted: StreamOffset[], forMs: number): Promise<CommitResult> {
    if (wanted.length === 0) return { committed: [], refused: [] }
    const { groupId, memberId, instanceId } = this.#identity()
    const offsets = wanted.map(
      ({ stream, offset, metadata }): OffsetToCommit => ({
        topic: stream.topic,
        partition: stream.partition,
        offset,
        ...(stream.generation !== undefined && { generation: stream.generation }),
        ...(metadata !== undefined && { metadata }),
      }),
    )
    const request = { groupId, memberId, offsets, ...(instanceId !== undefined && { instanceId }) }
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
    const result: CommitResult = { committed: [], refused: [] }
    for (const each of wanted) {
      const { topic, partition } = each.stream
      const answer = answers.find(other => other.topic === topic && other.partition === partition)
      if (answer?.error) {
        const error = refusedCommit(answer.error)
        this.#outages.failed('commit', each.stream, error)
        result.refused.push({ ...each, error })
      } else {
        each.stream.committed = each.offset
        result.committed.push(each)
      }
    }
    return result
  }
}

export interface CommitResult {
  committed: StreamOffset[]
  refused: (StreamOffset & { error: TidemarkError })[]
}
