import type { GroupBroker, OffsetToCommit } from '../../contract/groups.ts'
import type { Offset } from '../../core/numbers.ts'
import { type RetrySettings, withRetries } from '../retry.ts'
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
  #last: Promise<unknown> = Promise.resolve()

  constructor(broker: GroupBroker, identity: () => CommitIdentity, retry: RetrySettings) {
    this.#broker = broker
    this.#identity = identity
    this.#retry = retry
  }

  /**
   * Commits where these partitions are, of those that have moved.
   * @returns what was committed, and the partitions that another owns by now
   * @throws TidemarkError when the broker took nothing
   */
  commitPositions(streams: Iterable<PartitionStream>): Promise<CommitResult> {
    return this.#inTurn(() => {
      const wanted: StreamOffset[] = []
      for (const stream of streams) {
        const { position, committed, isLost } = stream
        if (!isLost && position !== null && position !== committed) wanted.push({ stream, offset: position })
      }
      return this.#commit(wanted)
    })
  }

  /** As `commitPositions`, of offsets that somebody else chose. */
  commitOffsets(wanted: StreamOffset[]): Promise<CommitResult> {
    return this.#inTurn(() => this.#commit(wanted))
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #commit(wanted: StreamOffset[]): Promise<CommitResult> {
    if (wanted.length === 0) return { committed: [], refused: [] }
    const { groupId, memberId, instanceId } = this.#identity()
    const offsets = wanted.map(
      ({ stream, offset, metadata }): OffsetToCommit => ({
        topic: stream.topic,
        partition: stream.partition,
        offset,
        generation: stream.owned.generation,
        ...(metadata !== undefined && { metadata }),
      }),
    )
    const request = { groupId, memberId, offsets, ...(instanceId !== undefined && { instanceId }) }
    // The same offset twice does no harm.
    const answers = await withRetries(() => this.#broker.commitOffsets(request), {
      ...this.#retry,
      isRepeatable: true,
    })
    const result: CommitResult = { committed: [], refused: [] }
    for (const each of wanted) {
      const { topic, partition } = each.stream
      const answer = answers.find(other => other.topic === topic && other.partition === partition)
      if (answer?.error) {
        result.refused.push({
          ...each,
          error: refusedCommit(answer.error),
          isRetriable: answer.error.retriable,
        })
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
  refused: (StreamOffset & { error: Error; isRetriable: boolean })[]
}
