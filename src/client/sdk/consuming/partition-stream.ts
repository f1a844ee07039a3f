import { TidemarkError } from '../../../core/errors.ts'
import { advance, type Offset, toOffset } from '../../../core/numbers.ts'
import { type BatchHeader, checkBatch, decodeChecked, type LogRecord } from '../../../core/record/index.ts'

/** A partition that is read. */
export interface ReadPartition {
  readonly topic: string
  readonly partition: number
  /** Of the topic that is meant; undefined: not known. */
  readonly topicId?: string | undefined
  /** In a group: under which ownership it is read. */
  readonly generation?: number | undefined
  /** Whether nothing of it is old: it is read from its first record on. */
  readonly isNew?: boolean | undefined
}

/** A place whose offset changes. */
export type SeekPlace = 'earliest' | 'latest'

/** A batch that was fetched whole and undamaged, and not yet looked into. */
interface FetchedBatch {
  chunk: Uint8Array
  position: number
  header: BatchHeader
  endOffset: Offset
}

/** One partition that a consumer reads: where it is, and what was fetched ahead of that. */
export class PartitionStream {
  readonly topic: string
  readonly partition: number
  readonly generation: number | undefined
  readonly isNew: boolean
  topicId: string | undefined
  /** The first record not to deliver; null: there is no end. */
  readonly stopOffset: Offset | null
  /** The next record to deliver; null: not known yet, and found out by the rule for partitions without a commit. */
  position: Offset | null
  /** Where it was sent by `seek`, while nobody has looked where that is; `position` is null until then. */
  sought: SeekPlace | null = null
  /** What is committed; null: nothing. */
  committed: Offset | null
  /** The position that the last commit, by whomever it was chosen, was for: it need not be committed again. */
  accounted: Offset | null
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
    { topic, partition, topicId, generation, isNew = false }: ReadPartition,
    committed: Offset | null,
    stop: Offset | null,
  ) {
    this.topic = topic
    this.partition = partition
    this.topicId = topicId
    this.generation = generation
    this.isNew = isNew
    this.stopOffset = stop
    this.committed = committed
    this.accounted = committed
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
    this.accounted = null
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

  /**
   * Takes what a fetch brought, as far as it is what was written; the records are looked into when it is their turn.
   * @throws TidemarkError where something is damaged: the next fetch goes on there
   */
  add(chunks: readonly Uint8Array[], nextOffset: Offset): void {
    let isFirst = true
    for (const chunk of chunks) {
      for (let position = 0; position < chunk.length; ) {
        const batch = this.#check(chunk, position, isFirst, nextOffset)
        isFirst = false
        this.#fetched.push(batch)
        this.#fetchOffset = batch.endOffset
        this.bufferedRecords += batch.header.recordCount
        this.bufferedBytes += batch.header.sizeBytes
        position += batch.header.sizeBytes
      }
    }
    if (nextOffset < (this.#fetchOffset ?? 0)) throw misplaced(this, this.#fetchOffset)
    this.#fetchOffset = nextOffset
    this.#passNoRecords()
  }

  #check(chunk: Uint8Array, position: number, isFirst: boolean, nextOffset: Offset): FetchedBatch {
    let header: BatchHeader
    try {
      header = checkBatch(chunk, position)
    } catch (error) {
      throw unreadable(this, this.#fetchOffset, error)
    }
    const endOffset = toOffset(header.baseOffset + header.lastOffsetDelta + 1)
    // A batch's offset stands outside of its checksum. The first one may begin before what was asked for.
    const from = this.#fetchOffset ?? 0
    const isInPlace = isFirst ? endOffset > from : header.baseOffset >= from
    if (!isInPlace || endOffset > nextOffset) throw misplaced(this, this.#fetchOffset)
    return { chunk, position, header, endOffset }
  }

  /** The next records to deliver, of one batch; they stay the next ones until `advance`. @throws TidemarkError */
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
   * Everything that was fetched, up to a batch that cannot be read: that is the next one then. Where the position is
   * afterwards, the caller says, and with `jump` what comes again.
   * @throws TidemarkError where the very next batch cannot be read
   */
  takeAll(): { records: LogRecord[]; endOffset: Offset | null } {
    const records = this.#decoded.slice(this.#next)
    this.#decoded = []
    this.#next = 0
    let endOffset = this.#decodedEnd
    while (this.#fetched.length > 0) {
      try {
        this.#decodeNext()
      } catch (error) {
        if (records.length === 0) throw error
        break
      }
      for (const record of this.#decoded) records.push(record)
      this.#decoded = []
      endOffset = this.#decodedEnd
    }
    return { records, endOffset }
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
    const decoded = this.#decode(batch)
    // Once it is decoded: a batch that cannot be is not passed over.
    this.#fetched.shift()
    this.bufferedRecords -= batch.header.recordCount
    this.bufferedBytes -= batch.header.sizeBytes
    const from = this.position ?? 0
    const stop = this.stopOffset ?? Number.POSITIVE_INFINITY
    const isWhole = (decoded[0]?.offset ?? from) >= from && batch.endOffset <= stop
    this.#decoded = isWhole ? decoded : decoded.filter(({ offset }) => offset >= from && offset < stop)
    this.#decodedEnd = this.#bounded(batch.endOffset)
  }

  #decode({ chunk, position, header }: FetchedBatch): LogRecord[] {
    // Markers of transactions no consumer gets to see.
    if (header.isControl) return []
    try {
      return decodeChecked(header, chunk, position)
    } catch (error) {
      throw unreadable(this, toOffset(header.baseOffset), error)
    }
  }
}

/** The failure with its place. */
function unreadable({ topic, partition }: ReadPartition, offset: Offset | null, cause: unknown): unknown {
  if (!(cause instanceof TidemarkError)) return cause
  const message = `What came of partition ${partition} of ${topic} at offset ${offset} cannot be read: ${cause.message}`
  return new TidemarkError(cause.kafkaName, message, 'no', { cause, retriable: cause.retriable })
}

function misplaced(partition: ReadPartition, offset: Offset | null): unknown {
  return unreadable(
    partition,
    offset,
    new TidemarkError('CORRUPT_MESSAGE', 'it belongs elsewhere in the log.'),
  )
}
