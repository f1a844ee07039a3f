import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { isPastHardLimit } from '../../core/log/tail.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { flush } from '../settling/flush.ts'
import { retryUntil, timedOut } from '../store-calls/retry.ts'
import { partitionGone } from '../topics/topic-directory.ts'
import {
  type AppendedEntry,
  appendEntry,
  EpochRefused,
  type SeenHead,
  SequenceRefused,
} from './append-once.ts'
import { cutBeside } from './cut-beside.ts'

/** What a partition's next append needs from its last one. */
interface PartitionState {
  /** The newest head that was seen; undefined before the first append. */
  seen: SeenHead | undefined
  /** All of it, where the tail's cut may go with the next append, and nobody else seems to append. */
  whole: Head | undefined
  /** Whether the tail was too long then to append to. */
  isPastHardLimit: boolean
  /** Appends that are under way, or wait for their turn. */
  waiting: number
  /** Settles when the last of them has. */
  last: Promise<void>
  /** What the last one failed with, unless it was for what it held. */
  trouble: string | undefined
}

/** Appends entries to partitions: each partition's in the order of the calls, different partitions' side by side. */
export class AppendTurns {
  readonly #ports: Ports
  readonly #partitions = new Map<string, PartitionState>()

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * Runs `work` when those before it have settled. It appends an entry, or several one after the other, with what
   * it is given, which waits for `uploaded`, fails where that does, and else throws as appendEntry does.
   */
  inTurn(
    partition: PartitionId,
    uploaded: Promise<void>,
    deadlineMs: number,
    work: (append: (entry: IndexEntry) => Promise<AppendedEntry>) => Promise<void>,
  ): Promise<void> {
    const state = this.#stateOf(partition)
    state.waiting += 1
    // Where the upload fails, the append before may still be under way, and the next one must wait for both.
    const done = Promise.allSettled([state.last, uploaded]).then(() =>
      work(async entry => {
        await uploaded
        return await this.#appendNow(state, partition, entry, deadlineMs)
      }),
    )
    const settled = () => {
      state.waiting -= 1
    }
    state.last = done.then(settled, settled)
    return done
  }

  async #appendNow(
    state: PartitionState,
    partition: PartitionId,
    entry: IndexEntry,
    deadlineMs: number,
  ): Promise<AppendedEntry> {
    if (this.#ports.clock.monotonicMs() >= deadlineMs)
      throw timedOut(
        new Error(`those before it took too long${state.trouble === undefined ? '' : `: ${state.trouble}`}`),
        'no',
      )
    const seen = await this.#prepare(state, partition, deadlineMs)
    const { whole } = state
    try {
      const cut = whole && (await cutBeside(this.#ports, partition, whole, entry, deadlineMs))
      const appended = await appendEntry(this.#ports, partition, entry, seen, deadlineMs, cut)
      this.#remember(state, appended.head, appended.baseOffset === seen.nextOffset)
      return appended
    } catch (error) {
      if (error instanceof SequenceRefused || error instanceof EpochRefused) this.#remember(state, error.head)
      // Others may have filled the head until it takes nothing more: the next append looks, and flushes first.
      else forget(state, error)
      throw error
    }
  }

  /** A head seen before the append; flushes first where the flush beside producing does not keep up. */
  async #prepare(state: PartitionState, partition: PartitionId, deadlineMs: number): Promise<SeenHead> {
    if (state.seen === undefined) {
      const head = await retryUntil(this.#ports, deadlineMs, 'no', () =>
        this.#ports.index.readHead(partition),
      )
      if (!head) throw partitionGone('no')
      this.#remember(state, head, true)
    }
    if (state.isPastHardLimit) {
      const age = { nowMs: this.#ports.clock.nowMs(), flushMs: Number.POSITIVE_INFINITY }
      const [result] = await flush(this.#ports, [{ partition, age }], deadlineMs)
      if (result?.status === 'rejected') throw result.reason
      if (!result?.value) throw partitionGone('no')
      this.#remember(state, result.value)
    }
    return state.seen!
  }

  /** @param isAlone whether nobody else has appended since the head before, as far as can be told */
  #remember(state: PartitionState, head: Head, isAlone = false): void {
    // Not the whole head, where it is not needed: thousands of partitions may be remembered, and entries have payloads.
    state.trouble = undefined
    state.seen = { nextOffset: head.nextOffset, producers: head.producers }
    state.whole = isAlone && this.#ports.index.headCost ? head : undefined
    state.isPastHardLimit = isPastHardLimit(head)
  }

  #stateOf(partition: PartitionId): PartitionState {
    const key = partitionKey(partition)
    const known = this.#partitions.get(key)
    if (known) return known
    this.#forgetIdle()
    const state = {
      seen: undefined,
      whole: undefined,
      isPastHardLimit: false,
      waiting: 0,
      last: Promise.resolve(),
      trouble: undefined,
    }
    this.#partitions.set(key, state)
    return state
  }

  /** Keeps what is remembered within bounds: the longest known first, and never one in use. */
  #forgetIdle(): void {
    for (const [key, { waiting }] of this.#partitions) {
      if (this.#partitions.size < PARTITIONS_REMEMBERED_MAX) return
      if (waiting === 0) this.#partitions.delete(key)
    }
  }
}

function forget(state: PartitionState, error: unknown): void {
  const { cause } = error as Error
  state.trouble = cause instanceof Error ? cause.message : undefined
  state.seen = undefined
  state.whole = undefined
  state.isPastHardLimit = false
}
