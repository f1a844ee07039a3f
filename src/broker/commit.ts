import { COMMIT_BYTES_MAX, COMMIT_RECORDS_MAX, INLINE_BYTES_MAX } from '../core/limits.ts'
import { MarkTracker } from '../core/log/batch-run.ts'
import type { IndexEntry } from '../core/log/entry.ts'
import type { Head } from '../core/log/head.ts'
import { type PartitionId, partitionKey } from '../core/log/partition-id.ts'
import { advance, type Offset, toPosition } from '../core/numbers.ts'
import { gatherSmallChunks } from '../core/segment/chunks.ts'
import type { AppendedEntry } from './append.ts'

/** Batches of one produce call that have been checked, and what an entry needs to know of them. */
export interface CheckedRun {
  readonly chunk: Uint8Array
  /** Each batch's records and size, in order. */
  readonly batches: readonly { readonly records: number; readonly bytes: number }[]
  readonly records: number
  readonly maxTimestampMs: number
  /** Whether the broker has set the records' timestamps (LogAppendTime). */
  readonly isStamped: boolean
  /** The topic's flush.ms, for whoever flushes what is appended. */
  readonly flushMs: number
}

export interface Committed {
  readonly run: CheckedRun
  readonly baseOffset: Offset
  /** After the commit. */
  readonly head: Head
}

/** Somebody who waits for a commit. */
export interface Waiter {
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

/** What one commit holds of one partition: runs of several calls, one after the other. */
export class PartitionRun {
  readonly partition: PartitionId
  readonly chunks: Uint8Array[] = []
  readonly #waiting: (Waiter & { readonly run: CheckedRun; readonly recordsBefore: number })[] = []
  readonly #marks = new MarkTracker()
  #records = 0
  #bytes = 0
  #maxTimestampMs = -1
  flushMs = 0

  constructor(partition: PartitionId) {
    this.partition = partition
  }

  add(run: CheckedRun, { resolve, reject }: Waiter): void {
    this.#waiting.push({ run, recordsBefore: this.#records, resolve, reject })
    this.chunks.push(run.chunk)
    for (const { records, bytes } of run.batches) this.#marks.add(records, bytes)
    this.#records += run.records
    this.#bytes += run.chunk.length
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, run.maxTimestampMs)
    this.flushMs = run.flushMs
  }

  /** The entry for the index; `position` is where the run begins in the commit's object. */
  toEntry(id: string, createdMs: number, position: number | 'inline'): IndexEntry {
    return {
      id,
      records: this.#records,
      bytes: this.#bytes,
      maxTimestampMs: this.#maxTimestampMs,
      createdMs,
      place:
        position === 'inline'
          ? { kind: 'inline', payload: Buffer.concat(this.chunks) }
          : { kind: 'object', object: id, position: toPosition(position) },
      marks: this.#marks.marks,
    }
  }

  /** Answers everybody whose batches are in the run. */
  async settle(appended: Promise<AppendedEntry>): Promise<void> {
    try {
      const { baseOffset, head } = await appended
      for (const { run, recordsBefore, resolve } of this.#waiting) {
        resolve({ run, baseOffset: advance(baseOffset, recordsBefore), head })
      }
    } catch (error) {
      for (const { reject } of this.#waiting) reject(error)
    }
  }
}

/** What several produce calls put into the log together. */
export class Commit {
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

  hasRoomFor(run: CheckedRun): boolean {
    const isEmpty = this.#records === 0
    const fits =
      this.#bytes + run.chunk.length <= COMMIT_BYTES_MAX && this.#records + run.records <= COMMIT_RECORDS_MAX
    return isEmpty || fits
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

  /** The bytes of the commit's object: each partition's run, one after the other. */
  toChunks(): Uint8Array[] {
    return gatherSmallChunks([...this.#runs.values()].flatMap(run => run.chunks))
  }

  /** Each partition's run with its entry; object and entries bear the same id. */
  toEntries(id: string, createdMs: number): { run: PartitionRun; entry: IndexEntry }[] {
    let position = 0
    return Array.from(this.#runs.values(), run => {
      const entry = run.toEntry(id, createdMs, this.isInline ? 'inline' : position)
      position += entry.bytes
      return { run, entry }
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
