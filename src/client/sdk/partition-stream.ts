import type { OwnedPartition } from '../../contract/groups.ts'
import { advance, type Offset, toOffset } from '../../core/numbers.ts'
import { decodeBatch, type LogRecord, readBatchHeader } from '../../core/record/index.ts'

/** A batch that was fetched and not yet looked into. */
interface FetchedBatch {
  chunk: Uint8Array
  position: number
  records: number
  bytes: number
  endOffset: Offset
  isControl: boolean
}

/** One partition that a consumer owns: where it is, and what was fetched ahead of that. */
export class PartitionStream {
  readonly owned: OwnedPartition
  /** The next record to deliver; null: not known yet, and found out by the rule for partitions without a commit. */
  position: Offset | null
  /** What is committed; null: nothing. */
  committed: Offset | null
  /** The high watermark, as it was last heard. */
  endOffset: Offset
  startOffset: Offset = toOffset(0)
  /** Aborts when nothing more is to be read. */
  readonly ended = new AbortController()
  /** Counts the jumps: what was under way before one of them is stale. */
  jumps = 0
  isFetching = false
  isBusy = false
  isRevoking = false
  isLost = false
  /** Failures of the handler in a row, and until when it rests. */
  failures = 0
  restsUntilMs = 0
  /** Failed fetches in a row. */
  fetchFailures = 0
  bufferedRecords = 0
  bufferedBytes = 0
  #fetchOffset: Offset | null
  #fetched: FetchedBatch[] = []
  #decoded: LogRecord[] = []
  #decodedEnd: Offset | null = null
  #idle: (() => void)[] = []
  #longPoll = new AbortController()

  constructor(owned: OwnedPartition, committed: Offset | null) {
    this.owned = owned
    this.committed = committed
    this.position = committed
    this.#fetchOffset = committed
    this.endOffset = committed ?? toOffset(0)
  }

  get topic(): string {
    return this.owned.topic
  }

  get partition(): number {
    return this.owned.partition
  }

  /** Where the next fetch goes on; null as `position`. */
  get fetchOffset(): Offset | null {
    return this.#fetchOffset
  }

  /** Whether something can be delivered. */
  get hasRecords(): boolean {
    return this.#decoded.length > 0 || this.#fetched.length > 0
  }

  /** Ends a fetch that only waits, and with it the interest in what it brings. */
  get longPoll(): AbortSignal {
    return this.#longPoll.signal
  }

  /** Goes on from `offset`; what was fetched is forgotten. */
  jump(offset: Offset | null): void {
    this.jumps++
    this.position = offset
    this.#fetchOffset = offset
    this.#fetched = []
    this.#decoded = []
    this.#decodedEnd = null
    this.bufferedRecords = 0
    this.bufferedBytes = 0
    this.#longPoll.abort()
    this.#longPoll = new AbortController()
  }

  /** Nothing more is read; what is under way is let go. */
  end(): void {
    this.ended.abort()
    this.jump(this.position)
    this.#longPoll.abort()
  }

  /** Where to begin was found out. */
  start(offset: Offset): void {
    this.position = offset
    this.#fetchOffset = offset
  }

  /** Takes what a fetch brought; the bytes are looked into when it is their turn. */
  add(chunks: readonly Uint8Array[], nextOffset: Offset): void {
    for (const chunk of chunks) {
      for (let position = 0; position < chunk.length; ) {
        const header = readBatchHeader(chunk, position)
        this.#fetched.push({
          chunk,
          position,
          records: header.recordCount,
          bytes: header.sizeBytes,
          endOffset: toOffset(header.baseOffset + header.lastOffsetDelta + 1),
          isControl: header.isControl,
        })
        this.bufferedRecords += header.recordCount
        this.bufferedBytes += header.sizeBytes
        position += header.sizeBytes
      }
    }
    this.#fetchOffset = nextOffset
  }

  /** The next record to deliver, if one was fetched. */
  peek(): LogRecord | undefined {
    while (this.#decoded.length === 0 && this.#fetched.length > 0) {
      const endOffset = this.#decodeNext()
      // Nothing to deliver in it, so it is done with.
      if (this.#decoded.length === 0) this.position = endOffset
    }
    return this.#decoded.at(-1)
  }

  /** The record that `peek` gave has been dealt with. */
  advance(record: LogRecord): void {
    this.#decoded.pop()
    this.position = advance(record.offset, 1)
    if (this.#decoded.length === 0 && this.#decodedEnd !== null) this.position = this.#decodedEnd
  }

  /** Everything that was fetched; where the position is afterwards, the caller says with `resolve` and `jump`. */
  takeAll(): { records: LogRecord[]; endOffset: Offset | null } {
    const records: LogRecord[] = []
    while (this.hasRecords) {
      if (this.#decoded.length === 0) this.#decodeNext()
      for (let last = this.#decoded.pop(); last; last = this.#decoded.pop()) records.push(last)
    }
    return { records, endOffset: this.#decodedEnd }
  }

  /** Tells who waits for the handler that it has ended. */
  becameIdle(): void {
    this.isBusy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Resolves when no handler has a record of this partition. */
  idle(): Promise<void> {
    return this.isBusy ? new Promise(resolve => this.#idle.push(resolve)) : Promise.resolve()
  }

  /** @returns where the batch ends */
  #decodeNext(): Offset | null {
    const batch = this.#fetched.shift()
    if (!batch) return this.position
    this.bufferedRecords -= batch.records
    this.bufferedBytes -= batch.bytes
    this.#decodedEnd = batch.endOffset
    const from = this.position ?? 0
    // Markers of transactions, which no consumer gets to see; and records before the place that was asked for.
    const records = batch.isControl
      ? []
      : decodeBatch(batch.chunk, batch.position).records.filter(({ offset }) => offset >= from)
    // The next one last: taking from the end costs nothing.
    this.#decoded = records.reverse()
    return batch.endOffset
  }
}
