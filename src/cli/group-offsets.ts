import type { CommittedPartition, GroupBroker, OwnedPartition } from '../contract/groups.ts'
import type { Offset } from '../core/numbers.ts'
import type { PartitionCursor } from './partition-cursor.ts'
import { flushed, type Terminal } from './terminal.ts'

/** A partition that this process owns, and how far it is. */
export interface Holding {
  readonly owned: OwnedPartition
  readonly cursor: PartitionCursor
  /** null: nothing yet. */
  committed: Offset | null
}

/** A partition whose commit was refused. */
export interface Refused {
  holding: Holding
  error: NonNullable<CommittedPartition['error']>
}

/** Commits how far the printing has come. One call at a time, so that none overtakes a newer one. */
export class GroupOffsets {
  readonly #broker: GroupBroker
  readonly #group: { groupId: string; instanceId?: string }
  readonly #terminal: Terminal
  #last: Promise<unknown> = Promise.resolve()

  constructor(broker: GroupBroker, group: { groupId: string; instanceId?: string }, terminal: Terminal) {
    this.#broker = broker
    this.#group = group
    this.#terminal = terminal
  }

  /** Commits where these stand when their turn has come; those that did not move cost nothing. */
  commit(holdings: () => Holding[], memberId: () => string): Promise<Refused[]> {
    const result = this.#last.then(() => this.#commitNow(holdings(), memberId()))
    // The next one has its turn whatever became of this one, whose caller is told.
    this.#last = result.catch(() => {})
    return result
  }

  async #commitNow(holdings: Holding[], memberId: string): Promise<Refused[]> {
    const moved = holdings
      .filter(({ cursor, committed }) => cursor.offset !== committed)
      .map(holding => ({ holding, offset: holding.cursor.offset }))
    if (moved.length === 0) return []
    // What still waits in this process is lost with it: it is not consumed yet.
    await flushed(this.#terminal)
    if (this.#terminal.outputClosed.aborted) return []
    const offsets = moved.map(({ holding: { owned }, offset }) => ({
      topic: owned.topic,
      partition: owned.partition,
      generation: owned.generation,
      offset,
    }))
    const answers = await this.#broker.commitOffsets({ ...this.#group, memberId, offsets })
    const errors = new Map(answers.map(({ topic, partition, error }) => [`${partition} ${topic}`, error]))
    const refused: Refused[] = []
    for (const { holding, offset } of moved) {
      const error = errors.get(`${holding.owned.partition} ${holding.owned.topic}`)
      if (error) refused.push({ holding, error })
      else holding.committed = offset
    }
    return refused
  }
}
