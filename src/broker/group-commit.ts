import { TidemarkError } from '../core/errors.ts'
import {
  COMMIT_BYTES_MAX,
  COMMIT_RECORDS_MAX,
  COMMITS_IN_FLIGHT_MAX,
  INLINE_BYTES_MAX,
  PRODUCE_DEADLINE_MS,
} from '../core/limits.ts'
import { MarkTracker } from '../core/log/batch-run.ts'
import type { IndexEntry } from '../core/log/entry.ts'
import { isPastHardLimit } from '../core/log/flush.ts'
import type { Head } from '../core/log/head.ts'
import { type PartitionId, partitionKey } from '../core/log/partition-id.ts'
import { advance, type Offset, toPosition } from '../core/numbers.ts'
import { gatherSmallChunks } from '../core/segment/chunks.ts'
import { segmentKey } from '../core/storage-layout.ts'
import type { Ports } from '../ports/index.ts'
import { type AppendedEntry, appendEntry } from './append.ts'
import { flush } from './flush.ts'
import { retryUntil } from './retry.ts'

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

export interface GroupCommitSettings {
  /** How long a commit waits for more before it starts; 0: only for what arrives in the same turn. */
  readonly lingerMs: number
}

/** Tells of every head that an append left behind. */
export type AppendListener = (partition: PartitionId, head: Head, flushMs: number) => void

interface Waiter {
  readonly run: CheckedRun
  readonly recordsBefore: number
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

/** What one commit holds of one partition. */
class PartitionRun {
  readonly partition: PartitionId
  readonly chunks: Uint8Array[] = []
  readonly waiters: Waiter[] = []
  readonly marks = new MarkTracker()
  records = 0
  bytes = 0
  maxTimestampMs = -1
  flushMs = 0

  constructor(partition: PartitionId) {
    this.partition = partition
  }
}

interface Commit {
  readonly runs: Map<string, PartitionRun>
  /** The one that was added to last, which is most often the next one, too. */
  lastRun: PartitionRun | undefined
  bytes: number
  records: number
}

/** What a partition's next append needs from its last one. */
interface PartitionState {
  /** Newest known; undefined before the first append. */
  head: Head | undefined
  /** Settles when the partition's last append has: entries are appended in the order of their arrival. */
  appended: Promise<unknown>
}

/**
 * Lets requests that arrive at the same time share a commit: one object, or no object at all where the sum is
 * small, and one index update for each partition. While commits are in flight the next one gathers.
 */
export class GroupCommit {
  readonly #ports: Ports
  readonly #settings: GroupCommitSettings
  readonly #onAppend: AppendListener
  readonly #partitions = new Map<string, PartitionState>()
  readonly #full: Commit[] = []
  #gathering: Commit = newCommit()
  #isStarting = false
  #inFlight = 0

  constructor(ports: Ports, settings: GroupCommitSettings, onAppend: AppendListener) {
    this.#ports = ports
    this.#settings = settings
    this.#onAppend = onAppend
  }

  /** Resolves when bytes and entry are durable. Runs of one partition keep the order of these calls. */
  submit(partition: PartitionId, run: CheckedRun): Promise<Committed> {
    return new Promise((resolve, reject) => {
      const commit = this.#roomFor(run)
      const target = runOf(commit, partition)
      target.waiters.push({ run, recordsBefore: target.records, resolve, reject })
      target.chunks.push(run.chunk)
      for (const { records, bytes } of run.batches) target.marks.add(records, bytes)
      target.records += run.records
      target.bytes += run.chunk.length
      target.flushMs = run.flushMs
      target.maxTimestampMs = Math.max(target.maxTimestampMs, run.maxTimestampMs)
      commit.bytes += run.chunk.length
      commit.records += run.records
      if (!this.#isStarting) void this.#startSoon()
    })
  }

  #roomFor(run: CheckedRun): Commit {
    const { bytes, records } = this.#gathering
    const isFull = bytes + run.chunk.length > COMMIT_BYTES_MAX || records + run.records > COMMIT_RECORDS_MAX
    if (isFull && records > 0) {
      this.#full.push(this.#gathering)
      this.#gathering = newCommit()
    }
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
    if (this.#gathering.records === 0) return undefined
    const commit = this.#gathering
    this.#gathering = newCommit()
    return commit
  }

  async #run(commit: Commit): Promise<void> {
    const deadlineMs = this.#ports.clock.nowMs() + PRODUCE_DEADLINE_MS
    const id = this.#ports.entropy.id()
    const isInline = commit.bytes < INLINE_BYTES_MAX
    // Upload before commit: a crash leaves an unreferenced object, never a dangling offset.
    const uploaded = isInline ? Promise.resolve() : this.#upload(id, commit, deadlineMs)
    const createdMs = this.#ports.clock.nowMs()
    let position = 0
    const appends: Promise<void>[] = []
    for (const [key, run] of commit.runs) {
      const { records, bytes, maxTimestampMs } = run
      const place: IndexEntry['place'] = isInline
        ? { kind: 'inline', payload: Buffer.concat(run.chunks) }
        : { kind: 'object', object: id, position: toPosition(position) }
      const entry = { id, records, bytes, maxTimestampMs, createdMs, place, marks: run.marks.marks }
      position += bytes
      const state = getOrMake(this.#partitions, key, newState)
      const before = state.appended
      // Where the upload fails, the append before may still be under way, and the next one must wait for both.
      const appended = Promise.allSettled([before, uploaded])
        .then(() => uploaded)
        .then(() => this.#append(state, run, entry, deadlineMs))
      // The next append waits for this one, however it ends.
      state.appended = appended.catch(error => this.#forgetIfGone(key, error))
      appends.push(settle(run, appended))
    }
    await Promise.all(appends)
  }

  async #upload(id: string, commit: Commit, deadlineMs: number): Promise<void> {
    const chunks = gatherSmallChunks([...commit.runs.values()].flatMap(run => run.chunks))
    const { objects } = this.#ports
    await retryUntil(this.#ports, deadlineMs, 'no', () => objects.put(segmentKey(id), chunks))
  }

  async #append(
    state: PartitionState,
    { partition, flushMs }: PartitionRun,
    entry: IndexEntry,
    deadlineMs: number,
  ): Promise<AppendedEntry> {
    const known = await retryUntil(this.#ports, deadlineMs, 'no', () => this.#headBefore(state, partition))
    const { baseOffset, head } = await appendEntry(
      this.#ports,
      partition,
      entry,
      known.nextOffset,
      deadlineMs,
    )
    state.head = head
    this.#onAppend(partition, head, flushMs)
    return { baseOffset, head }
  }

  /** A head known before the append; flushed first where the flush beside producing does not keep up. */
  async #headBefore(state: PartitionState, partition: PartitionId): Promise<Head> {
    state.head ??= await this.#ports.index.readHead(partition)
    if (state.head && isPastHardLimit(state.head)) {
      const age = { nowMs: this.#ports.clock.nowMs(), flushMs: Number.POSITIVE_INFINITY }
      ;[state.head] = await flush(this.#ports, [{ partition, age }])
    }
    if (state.head) return state.head
    throw new TidemarkError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      'The partition does not exist, or its topic was deleted meanwhile. Create the topic, then try again.',
    )
  }

  #forgetIfGone(key: string, error: unknown): void {
    const isGone = error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (isGone) this.#partitions.delete(key)
  }
}

function runOf(commit: Commit, partition: PartitionId): PartitionRun {
  const last = commit.lastRun?.partition
  const isSame = last?.partition === partition.partition && last.topicId === partition.topicId
  if (!isSame) {
    commit.lastRun = getOrMake(commit.runs, partitionKey(partition), () => new PartitionRun(partition))
  }
  return commit.lastRun!
}

function getOrMake<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

function newState(): PartitionState {
  return { head: undefined, appended: Promise.resolve() }
}

function newCommit(): Commit {
  return { runs: new Map(), lastRun: undefined, bytes: 0, records: 0 }
}

/** Answers everybody whose batches are in the run. */
async function settle(run: PartitionRun, appended: Promise<AppendedEntry>): Promise<void> {
  try {
    const { baseOffset, head } = await appended
    for (const waiter of run.waiters) {
      waiter.resolve({ run: waiter.run, baseOffset: advance(baseOffset, waiter.recordsBefore), head })
    }
  } catch (error) {
    for (const waiter of run.waiters) waiter.reject(error)
  }
}
