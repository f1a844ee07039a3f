import { advance, type Offset, toOffset } from '../../../core/numbers.ts'
import { decodeBatch, type LogRecord, readBatchHeader } from '../../../core/record/index.ts'

/** A partition that is read. */
export interface ReadPartition {
  readonly topic: string
  readonly partition: number
  /** In a group: under which ownership it is read. */
  readonly generation?: number | undefined
}

/** A place whose offset changes. */
export type SeekPlace = 'earliest' | 'latest'

/** A batch that was fetched and not yet looked into. */
interface FetchedBatch {
  chunk: Uint8Array
  position: number
  records: number
  bytes: number
  endOffset: Offset
  isControl: boolean
}

/** One partition that a consumer reads: where it is, and what was fetched ahead of that. */
export class PartitionStream {
  readonly topic: string
  readonly partition: number
  readonly generation: number | undefined
  /** The first record not to deliver; null: there is no end. */
  readonly stopOffset: Offset | null
  /** The next record to deliver; null: not known yet, and found out by the rule for partitions without a commit. */
  position: Offset | null
  /** Where it was sent by `seek`, while nobody has looked where that is; `position` is null until then. */
  sought: SeekPlace | null = null
  /** What is committed; null: nothing. */
  committed: Offset | null
  /** Commits of it that were asked for: the last one counts, in whichever order they arrive. */
  commits = 0
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
  /** Whether the partition is there no more. */
  isDeleted = false
  /** Failures of the handler in a row, and until when it rests. */
  failures = 0
  restsUntilMs = 0
  /** Failed fetches in a row. */
  fetchFailures = 0
  bufferedRecords = 0
  bufferedBytes = 0
  #fetchOffset: Offset | null
  #fetched: FetchedBatch[] = []
  /** Of one batch; those before `#next` are delivered. */
  #decoded: LogRecord[] = []
  #next = 0
  #decodedEnd: Offset | null = null
  #idle: (() => void)[] = []
  #longPoll = new AbortController()

  constructor(
    { topic, partition, generation }: ReadPartition,
    committed: Offset | null,
    stop: Offset | null,
  ) {
    this.topic = topic
    this.partition = partition
    this.generation = generation
    this.stopOffset = stop
    this.committed = committed
    this.position = committed
    this.#fetchOffset = committed
    this.endOffset = committed ?? toOffset(0)
  }

  /** Where the next fetch goes on; null as `position`. */
  get fetchOffset(): Offset | null {
    return this.#fetchOffset
  }

  /** Whether something can be delivered. */
  get hasRecords(): boolean {
    return this.#decoded.length > 0 || this.#fetched.length > 0
  }

  /** Whether all that is wanted of it is delivered. */
  get isAtStop(): boolean {
    return this.#isPastStop(this.position)
  }

  /** Whether there is nothing more to fetch. */
  get isFetchedWhole(): boolean {
    return this.#isPastStop(this.#fetchOffset)
  }

  /** Ends a fetch that only waits, and with it the interest in what it brings. */
  get longPoll(): AbortSignal {
    return this.#longPoll.signal
  }

  /** Goes on from the first record or from the end, or from an offset; what was fetched is forgotten. */
  seek(to: Offset | SeekPlace): void {
    this.jump(typeof to === 'number' ? to : null)
    if (typeof to !== 'number') this.sought = to
    this.failures = 0
    this.restsUntilMs = 0
  }

  /** Goes on from `offset`; what was fetched is forgotten. */
  jump(offset: Offset | null): void {
    this.jumps++
    this.sought = null
    this.position = offset
    this.#fetchOffset = offset
    this.#fetched = []
    this.#decoded = []
    this.#next = 0
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

  /** Where to begin was found out; whoever does so first is right. */
  start(offset: Offset): void {
    if (this.position !== null) return
    this.sought = null
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
    this.#passNoRecords()
  }

  /** The next records to deliver, of one batch; they stay the next ones until `advance`. @throws CORRUPT_MESSAGE */
  peek(recordsMax: number): LogRecord[] {
    while (this.#decoded.length === 0 && this.#fetched.length > 0) {
      this.#decodeNext()
      // Nothing to deliver in it, so it is done with.
      if (this.#decoded.length === 0) this.position = this.#decodedEnd
    }
    if (this.#next === 0 && this.#decoded.length <= recordsMax) return this.#decoded
    return this.#decoded.slice(this.#next, this.#next + recordsMax)
  }

  /** So many of the records that `peek` gave have been dealt with. */
  advance(records: number): void {
    this.#next += records
    const last = this.#decoded[this.#next - 1]
    if (this.#next < this.#decoded.length) {
      if (last) this.position = advance(last.offset, 1)
      return
    }
    this.#decoded = []
    this.#next = 0
    this.position = this.#decodedEnd
  }

  /**
   * Everything that was fetched; where the position is afterwards, the caller says, and with `jump` what comes again.
   * @throws CORRUPT_MESSAGE
   */
  takeAll(): { records: LogRecord[]; endOffset: Offset | null } {
    const records: LogRecord[] = []
    do {
      for (const record of this.#decoded.slice(this.#next)) records.push(record)
      this.#decoded = []
      this.#next = 0
      if (this.#fetched.length > 0) this.#decodeNext()
    } while (this.hasRecords)
    return { records, endOffset: this.#decodedEnd }
  }

  /** Tells who waits for the handler that it has ended. */
  becameIdle(): void {
    this.isBusy = false
    this.#passNoRecords()
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Resolves when no handler has a record of this partition. */
  idle(): Promise<void> {
    return this.isBusy ? new Promise(resolve => this.#idle.push(resolve)) : Promise.resolve()
  }

  /** What lies between the last record that was delivered and the next fetch is no record. */
  #passNoRecords(): void {
    if (this.isBusy || this.hasRecords || this.#fetchOffset === null) return
    this.position = toOffset(Math.max(this.position ?? 0, this.#bounded(this.#fetchOffset)))
  }

  #isPastStop(offset: Offset | null): boolean {
    return offset !== null && this.stopOffset !== null && offset >= this.stopOffset
  }

  /** Not past records that are not to be delivered, which nobody has consumed. */
  #bounded(offset: Offset): Offset {
    return this.#isPastStop(offset) ? this.stopOffset! : offset
  }

  #decodeNext(): void {
    const batch = this.#fetched[0]!
    // Markers of transactions no consumer gets to see.
    const decoded = batch.isControl ? [] : decodeBatch(batch.chunk, batch.position).records
    // Once it is decoded: a batch that cannot be is not passed over.
    this.#fetched.shift()
    this.bufferedRecords -= batch.records
    this.bufferedBytes -= batch.bytes
    const from = this.position ?? 0
    const stop = this.stopOffset ?? Number.POSITIVE_INFINITY
    const isWhole = (decoded[0]?.offset ?? from) >= from && batch.endOffset <= stop
    this.#decoded = isWhole ? decoded : decoded.filter(({ offset }) => offset >= from && offset < stop)
    this.#decodedEnd = this.#bounded(batch.endOffset)
  }
}
