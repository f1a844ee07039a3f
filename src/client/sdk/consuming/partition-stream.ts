import { TidemarkError } from '../../../core/errors.ts'
import { DELIVERY_BYTES_MAX, DELIVERY_RECORDS_MAX } from '../../../core/limits.ts'
import { advance, type Offset, toOffset } from '../../../core/numbers.ts'
import { type BatchHeader, checkBatch } from '../../../core/record/batch-header.ts'
import { BatchRecords } from '../../../core/record/batch-records.ts'
import type { LogRecord } from '../../../core/record/record.ts'
import { nextTurn } from '../../../core/turns.ts'

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

const PORTION = { records: DELIVERY_RECORDS_MAX, bytes: DELIVERY_BYTES_MAX }

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
  /** What is read of the first one of these, where it is too large to be decoded at once. */
  #reading: BatchRecords | undefined
  /** Of one batch, or a portion of it; those before `#next` are delivered. */
  #decoded: LogRecord[] = []
  #next = 0
  /** Of the batch that they came in, as it is when decompressed. */
  #decodedBytes = 0
  #decodedEnd: Offset | null = null
  #idle: (() => void)[] = []
  /** Whether something was heard of it. */
  #isKnown = false
  /** Called when it is sent elsewhere or ends while a request for it is under way. */
  moved: (() => void) | undefined

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

  /** Whether nothing more is known to be in the log. */
  get isAtEnd(): boolean {
    return this.#isKnown && this.#fetchOffset !== null && !this.hasMore
  }

  /** Whether more is known to be in the log than was fetched, or it was sent past the end: that is asked for, and told. */
  get hasMore(): boolean {
    return this.#isKnown && this.#fetchOffset !== null && this.#fetchOffset !== this.endOffset
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
    this.#reading?.close()
    this.#reading = undefined
    this.#decoded = []
    this.#next = 0
    this.#decodedEnd = null
    this.bufferedRecords = 0
    this.bufferedBytes = 0
    this.moved?.()
  }

  /** Nothing more is read; what is under way is let go. */
  end(): void {
    this.ended.abort()
    this.jump(this.position)
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
    this.#isKnown = true
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

  /**
   * Makes the next records ready to be delivered, if there are any. A promise only where that takes a while: after it,
   * the consumer may have been sent elsewhere.
   * @throws TidemarkError where they cannot be read
   */
  prepare(): Promise<void> | undefined {
    while (this.#decoded.length === 0 && this.#fetched.length > 0) {
      if (!this.#decodeNext()) return this.#readOn()
      // Nothing to deliver in it, so it is done with.
      if (this.#decoded.length === 0) this.position = this.#decodedEnd
    }
    return undefined
  }

  /** Of the records that are ready, the next ones to deliver; they stay so until `advance`. */
  peek(recordsMax: number): LogRecord[] {
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
   * What is ready, and as much more of what was fetched as may be handed over together, up to a batch that is read in
   * portions or cannot be read: that is the next one then. Where the position is afterwards, the caller says, and with
   * `jump` what comes again.
   */
  takeAll(): { records: LogRecord[]; endOffset: Offset | null } {
    const records = this.#decoded.slice(this.#next)
    this.#decoded = []
    this.#next = 0
    let endOffset = this.#decodedEnd
    for (let bytes = this.#decodedBytes; this.#fetched.length > 0; bytes += this.#decodedBytes) {
      const { recordCount } = this.#fetched[0]!.header
      if (records.length + recordCount > DELIVERY_RECORDS_MAX || bytes >= DELIVERY_BYTES_MAX) break
      try {
        if (!this.#decodeNext()) break
      } catch {
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

  /** Decodes the next batch; false: it is to be read in portions. */
  #decodeNext(): boolean {
    if (this.#reading) return false
    const batch = this.#fetched[0]!
    const { header, chunk, position } = batch
    let decoded: LogRecord[] = []
    try {
      // Markers of transactions no consumer gets to see.
      if (!header.isControl) {
        const reading = new BatchRecords(header, chunk, position, { from: this.#firstWanted(header) })
        if (!reading.whole || header.recordCount > DELIVERY_RECORDS_MAX) {
          this.#reading = reading
          return false
        }
        decoded = reading.all()
        this.#decodedBytes = reading.whole.length
      }
    } catch (error) {
      throw unreadable(this, toOffset(header.baseOffset), error)
    }
    // Once it is decoded: a batch that cannot be is not passed over.
    this.#give(decoded, batch.endOffset)
    this.#passBatch()
    return true
  }

  /** Reads on in a batch that is too large, until there is something to deliver: of it, or of what follows. */
  async #readOn(): Promise<void> {
    const { jumps } = this
    while (this.#reading && this.#decoded.length === 0) {
      const reading = this.#reading
      // Heartbeats and other partitions go on meanwhile, however fast the handler is.
      await nextTurn()
      if (this.jumps !== jumps) return
      const place = reading.nextOffset
      let records: LogRecord[]
      try {
        records = await reading.next(PORTION)
      } catch (error) {
        if (this.jumps !== jumps) return
        throw unreadable(this, place, error)
      }
      if (this.jumps !== jumps) return
      const { endOffset } = this.#fetched[0]!
      const isOver = reading.isAtEnd || this.#isPastStop(reading.nextOffset)
      this.#give(records, isOver ? endOffset : reading.nextOffset)
      if (isOver) this.#passBatch()
    }
    if (this.#decoded.length > 0) return
    this.position = this.#decodedEnd
    await this.prepare()
  }

  /** Of what was read up to `endOffset`, makes ready what is wanted. */
  #give(records: LogRecord[], endOffset: Offset): void {
    const from = this.position ?? 0
    const stop = this.stopOffset ?? Number.POSITIVE_INFINITY
    const isWhole = (records[0]?.offset ?? from) >= from && endOffset <= stop
    this.#decoded = isWhole ? records : records.filter(({ offset }) => offset >= from && offset < stop)
    this.#decodedEnd = this.#bounded(endOffset)
  }

  #passBatch(): void {
    const { recordCount, sizeBytes } = this.#fetched.shift()!.header
    this.bufferedRecords -= recordCount
    this.bufferedBytes -= sizeBytes
    this.#reading?.close()
    this.#reading = undefined
  }

  #firstWanted({ baseOffset }: BatchHeader): Offset {
    return toOffset(Math.max(baseOffset, this.position ?? 0))
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
