import { COMMITS_IN_FLIGHT_MAX, PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { segmentKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { commitRun, type PartitionLog } from './append-or-split.ts'
import { readRetired } from './retired-producers.ts'
import { type CheckedRun, Commit, type Committed } from './shipment.ts'
import { OrderedAppends } from './turns.ts'

export interface GroupCommitSettings {
  /** How long a commit waits for more before it starts; 0: only for what arrives in the same turn. */
  readonly lingerMs: number
  /** How long a call may take, all tries together; PRODUCE_DEADLINE_MS unless set. */
  readonly produceDeadlineMs?: number
}

/**
 * Told of every head that an append left behind, and of its topic's flush.ms. The append is answered when what this
 * gives back has resolved; it must not reject.
 */
export type AppendListener = (
  partition: PartitionId,
  head: Head,
  flushMs: number,
) => Promise<void> | undefined

/**
 * Lets requests that arrive at the same time share a commit: one object, or no object at all where the sum is
 * small, and one index update for each partition. While commits are in flight the next one gathers.
 */
export class GroupCommit {
  readonly #ports: Ports
  readonly #settings: GroupCommitSettings
  readonly #onAppend: AppendListener
  readonly #appends: OrderedAppends
  readonly #full: Commit[] = []
  #gathering: Commit | undefined
  #isStarting = false
  #inFlight = 0

  constructor(ports: Ports, settings: GroupCommitSettings, onAppend: AppendListener) {
    this.#ports = ports
    this.#settings = settings
    this.#onAppend = onAppend
    this.#appends = new OrderedAppends(ports)
  }

  /** Resolves when bytes and entry are durable. Runs of one partition keep the order of these calls. */
  submit(partition: PartitionId, run: CheckedRun): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#commitFor(partition, run).add(partition, run, { resolve, reject })
      if (!this.#isStarting) void this.#startSoon()
    })
  }

  #commitFor(partition: PartitionId, run: CheckedRun): Commit {
    if (this.#gathering && !this.#gathering.hasRoomFor(partition, run)) {
      this.#full.push(this.#gathering)
      this.#gathering = undefined
    }
    this.#gathering ??= new Commit(
      this.#ports.clock.nowMs() + (this.#settings.produceDeadlineMs ?? PRODUCE_DEADLINE_MS),
    )
    return this.#gathering
  }

  async #startSoon(): Promise<void> {
    this.#isStarting = true
    const { lingerMs } = this.#settings
    await (lingerMs > 0 ? this.#ports.clock.sleep(lingerMs) : this.#ports.clock.turn())
    this.#isStarting = false
    this.#startNext()
  }

  #startNext(): void {
    while (this.#inFlight < COMMITS_IN_FLIGHT_MAX) {
      const commit = this.#full.shift() ?? this.#takeGathering()
      if (!commit) return
      this.#inFlight += 1
      // Its failures reach the callers one by one.
      void this.#run(commit).finally(() => {
        this.#inFlight -= 1
        this.#startNext()
      })
    }
  }

  #takeGathering(): Commit | undefined {
    const commit = this.#gathering
    this.#gathering = undefined
    return commit
  }

  async #run(commit: Commit): Promise<void> {
    const { clock, entropy } = this.#ports
    const { deadlineMs } = commit
    const id = entropy.id()
    // Upload before commit: a crash leaves an unreferenced object, never a dangling offset.
    const uploaded = commit.isInline ? Promise.resolve() : this.#upload(id, commit)
    const createdMs = clock.nowMs()
    // The entry of a whole run bears its object's id; the parts of one that is split up need ids of their own.
    const ids = () => {
      let isFirst = true
      return () => {
        if (!isFirst) return entropy.id()
        isFirst = false
        return id
      }
    }
    await Promise.all(
      commit.placedRuns().map(({ run, position }) => {
        const { partition, calls, flushMs } = run
        const placement = { object: id, position, createdMs }
        return this.#appends.inTurn(partition, uploaded, deadlineMs, append => {
          const log: PartitionLog = {
            append: async entry => {
              const appended = await append(entry)
              await this.#onAppend(partition, appended.head, flushMs)
              return appended
            },
            findRetired: async (producerId, written) => {
              const found = await readRetired(this.#ports, partition, [producerId], deadlineMs, written)
              return found.get(producerId)
            },
          }
          return commitRun(calls, placement, ids(), log)
        })
      }),
    )
  }

  async #upload(id: string, commit: Commit): Promise<void> {
    const { objects } = this.#ports
    const chunks = commit.toChunks()
    await retryUntil(this.#ports, commit.deadlineMs, 'no', () => objects.put(segmentKey(id), chunks))
  }
}
