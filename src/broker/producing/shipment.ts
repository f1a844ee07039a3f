import {
  COMMIT_BYTES_MAX,
  COMMIT_RECORDS_MAX,
  ENTRY_PRODUCERS_MAX,
  ENTRY_RUNS_MAX,
  INLINE_BYTES_MAX,
} from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import type { ProducerRun } from '../../core/log/producers/producer-run.ts'
import type { Offset } from '../../core/numbers.ts'
import { gatherSmallChunks } from '../../core/segment/chunks.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'

export type ProducerSequence = Pick<ProducerRun, 'producerId' | 'epoch' | 'sequence'>

/** Batches of one produce call that have been checked, and what an entry needs to know of them. */
export interface CheckedRun {
  readonly chunk: Uint8Array
  /** Each batch's records and size, in order. */
  readonly batches: readonly { readonly records: number; readonly bytes: number }[]
  readonly records: number
  readonly maxTimestampMs: number
  /** Whether the broker has set the records' timestamps (LogAppendTime). */
  readonly isStamped: boolean
  /** Its place in an idempotent producer's sequence. */
  readonly sequence?: ProducerSequence
  /** The topic's flush.ms, for whoever flushes what is appended. */
  readonly flushMs: number
}

export interface Accepted {
  readonly run: CheckedRun
  readonly baseOffset: Offset
  /** After the append, or as it was found later. */
  readonly head: Head
  /** Whether an earlier sending of the same was what got there. */
  readonly isDuplicate?: boolean
}

export interface Waiter {
  resolve(accepted: Accepted): void
  reject(error: unknown): void
}

/** What one shipment holds of one partition: runs of several calls, one after the other. */
export class PartitionRun {
  readonly partition: PartitionId
  readonly #calls: Call[] = []
  readonly #producers = new Set<bigint>()
  #sequencedCalls = 0
  flushMs = 0

  constructor(partition: PartitionId) {
    this.partition = partition
  }

  get calls(): readonly Call[] {
    return this.#calls
  }

  hasRoomFor({ sequence }: CheckedRun): boolean {
    if (!sequence) return true
    const takesProducer =
      this.#producers.size < ENTRY_PRODUCERS_MAX || this.#producers.has(sequence.producerId)
    return takesProducer && this.#sequencedCalls < ENTRY_RUNS_MAX
  }

  add(run: CheckedRun, waiter: Waiter): void {
    this.#calls.push({ run, waiter })
    if (run.sequence) {
      this.#producers.add(run.sequence.producerId)
      this.#sequencedCalls += 1
    }
    this.flushMs = run.flushMs
  }
}

export interface Call {
  readonly run: CheckedRun
  readonly waiter: Waiter
}

/** What several produce calls put into the log together. */
export class Shipment {
  /** From the first call on: how long its callers are kept waiting. */
  readonly deadlineMs: number
  readonly #runs = new Map<string, PartitionRun>()
  /** The one that was added to last, which is most often the next one, too. */
  #lastRun: PartitionRun | undefined
  #bytes = 0
  #records = 0

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs
  }

  hasRoomFor(partition: PartitionId, run: CheckedRun): boolean {
    if (this.#records === 0) return true
    const fits =
      this.#bytes + run.chunk.length <= COMMIT_BYTES_MAX && this.#records + run.records <= COMMIT_RECORDS_MAX
    return fits && (!run.sequence || this.#runOf(partition).hasRoomFor(run))
  }

  add(partition: PartitionId, run: CheckedRun, waiter: Waiter): void {
    this.#runOf(partition).add(run, waiter)
    this.#bytes += run.chunk.length
    this.#records += run.records
  }

  /** Whether it is cheaper to put the bytes into the index entries than into an object. */
  get isInline(): boolean {
    return this.#bytes < INLINE_BYTES_MAX
  }

  /** The bytes of the shipment's object: each partition's run, one after the other. */
  toChunks(): Uint8Array[] {
    const chunks = Array.from(this.#runs.values(), ({ calls }) => calls.map(({ run }) => run.chunk))
    return gatherSmallChunks(chunks.flat())
  }

  /** Each partition's run, and where it begins in the shipment's object. */
  placedRuns(): { run: PartitionRun; position: number | 'inline' }[] {
    let next = 0
    return Array.from(this.#runs.values(), run => {
      const position = this.isInline ? 'inline' : next
      next += countBytes(run.calls)
      return { run, position }
    })
  }

  #runOf(partition: PartitionId): PartitionRun {
    const last = this.#lastRun
    const isLast =
      last?.partition.partition === partition.partition && last.partition.topicId === partition.topicId
    if (last && isLast) return last
    const key = partitionKey(partition)
    const run = this.#runs.get(key) ?? new PartitionRun(partition)
    this.#runs.set(key, run)
    this.#lastRun = run
    return run
  }
}

export function countBytes(calls: readonly Call[]): number {
  return calls.reduce((sum, { run }) => sum + run.chunk.length, 0)
}
