import { TidemarkError } from '../errors.ts'
import { DECOMPRESSED_BYTES_MAX, PORTION_PASSED_RECORDS } from '../limits.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import { workBeside } from '../turns.ts'
import { type BatchHeader, isDense } from './batch-header.ts'
import { RECORD_BYTES_MIN, RECORDS_AT } from './batch-layout.ts'
import { type Inflation, inflate } from './inflation.ts'
import type { LogRecord } from './record.ts'
import { checkRoom, RecordFields, RecordTooLarge, trailingBytes, wrongLength } from './record-fields.ts'
import { VarintReader } from './varint.ts'

/** How much is decoded in a row. A single record comes in any case. */
export interface Portion {
  readonly records: number
  /** Of the batch as it is when decompressed. */
  readonly bytes: number
}

export interface RecordsWanted {
  /** The first record that is wanted; those before it are passed over, and not looked into. */
  from?: Offset
  /** What one wanted record may have; DECOMPRESSED_BYTES_MAX when it is left out. */
  recordBytesMax?: number
  /** Headers that it may have; BATCH_HEADERS_MAX when it is left out. */
  recordHeadersMax?: number
  /** Whether the records' offsets and timestamps are all that is wanted of them: the rest is passed over. */
  isBrief?: boolean
}

/** A record's attributes, its timestamp and its offset, at most. */
const BRIEF_BYTES_MAX = 16

const NOTHING = new Uint8Array(0)

/**
 * The records of a batch, a portion at a time. In memory is no more than a portion, what decompressing needs, and one
 * record that is larger; where a batch is small, all of it is decompressed at once.
 *
 * ```ts
 * const reading = new BatchRecords(checkBatch(bytes, position), bytes, position)
 * while (!reading.isAtEnd) for (const record of await reading.next(portion)) …
 * ```
 */
export class BatchRecords {
  readonly header: BatchHeader
  readonly #fields: RecordFields
  readonly #inflation: Inflation
  readonly #firstDelta: number
  readonly #recordBytesMax: number
  readonly #isBrief: boolean
  /** Then a record's number in the batch tells its offset before it is looked into. */
  readonly #isDense: boolean
  /** What is there of the records, from the reader's position on. */
  #reader: VarintReader
  /** What follows on a record that was put together of several pieces. */
  #following: Uint8Array = NOTHING
  /** A record that is larger than what is there, and how much of it is there. */
  #gathered: { readonly bytes: Uint8Array; filled: number } | undefined
  /** Bytes of a record that is passed over and not there yet. */
  #passBytes = 0
  #hasMore: boolean
  /** The next record's number in the batch. */
  #index = 0
  #isOver = false
  #failure: TidemarkError | undefined

  /**
   * @param header as `checkBatch` gave it; of a control batch, the records are markers
   * @throws TidemarkError INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE
   */
  constructor(header: BatchHeader, bytes: Uint8Array, position: number, wanted: RecordsWanted = {}) {
    const { from = toOffset(0), recordBytesMax = DECOMPRESSED_BYTES_MAX, isBrief = false } = wanted
    this.header = header
    this.#isDense = isDense(header)
    this.#fields = new RecordFields(header, wanted.recordHeadersMax)
    this.#firstDelta = Math.max(0, from - header.baseOffset)
    this.#recordBytesMax = recordBytesMax
    this.#isBrief = isBrief
    const records = bytes.subarray(position + RECORDS_AT, position + header.sizeBytes)
    this.#inflation = inflate(header.compression, records)
    const { whole, pieces } = this.#inflation
    if (whole && header.compression !== 'none') checkRoom(header, whole.length)
    this.#reader = new VarintReader(whole ?? NOTHING, 0)
    this.#hasMore = pieces !== undefined
  }

  /** What is in memory besides what was decoded, at most; 0 for a batch that is small. */
  get heldBytes(): number {
    return this.#inflation.heldBytes
  }

  /** The batch's records as they are when decompressed, of a batch that is small. */
  get whole(): Uint8Array | undefined {
    return this.#inflation.whole
  }

  /** Whether all that was wanted was given, and nothing is wrong behind it. */
  get isAtEnd(): boolean {
    return this.#isOver
  }

  /** The next record has this offset, or, where some are gone, a later one. */
  get nextOffset(): Offset {
    return advance(toOffset(this.header.baseOffset), Math.max(this.#index, this.#fields.nextDelta))
  }

  /**
   * All that is wanted of a batch that is small, before anything was read of it.
   * @throws TidemarkError INVALID_RECORD, and gives nothing of what comes before
   */
  all(): LogRecord[] {
    const records = this.next({ records: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY })
    if (this.#failure) throw this.#failure
    // One that comes in pieces is not small.
    return records as LogRecord[]
  }

  /**
   * What is wanted of the next portion. It may be nothing before the end, since passing over records takes its time as
   * well. A promise only where something has to be waited for.
   * @throws TidemarkError INVALID_RECORD, MESSAGE_TOO_LARGE: once what comes before was given
   */
  next(portion: Portion): LogRecord[] | Promise<LogRecord[]> {
    const records: LogRecord[] = []
    return this.#decode(records, portion) ? this.#given(records) : this.#readOn(records, portion)
  }

  /** Lets go of what the rest would have needed. */
  close(): void {
    this.#hasMore = false
    // Nobody waits for it, nor hears of it.
    this.#inflation.pieces?.return(undefined).catch(() => {})
  }

  async #readOn(records: LogRecord[], portion: Portion): Promise<LogRecord[]> {
    let readBytes = 0
    do {
      // Not in the middle of a portion that gets there without: others have waited for their turn.
      if (readBytes >= portion.bytes) return records
      readBytes += await this.#takePiece()
    } while (!this.#decode(records, portion))
    return this.#given(records)
  }

  #given(records: LogRecord[]): LogRecord[] {
    const failure = this.#failure
    if (failure === undefined || records.length > 0) return records
    this.close()
    throw failure
  }

  /** Decodes what is there. False: there is more, and it takes that. */
  #decode(records: LogRecord[], portion: Portion): boolean {
    if (this.#failure) return true
    try {
      return this.#decodeSome(records, portion)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      this.#failure = error
      return true
    }
  }

  #decodeSome(records: LogRecord[], portion: Portion): boolean {
    const { recordCount } = this.header
    let leftRecords = portion.records - records.length
    let leftBytes = portion.bytes
    let leftPassed = Math.max(PORTION_PASSED_RECORDS, portion.records)
    while (this.#index < recordCount) {
      if (leftRecords <= 0 || leftBytes <= 0 || leftPassed <= 0) return true
      if (this.#gathered || this.#passBytes > 0) return false
      const reader = this.#reader
      const end = reader.bytes.length
      const start = reader.position
      if (start === end && this.#following.length > 0) {
        this.#reader = new VarintReader(this.#following, 0)
        this.#following = NOTHING
        continue
      }
      if (start === end && this.#hasMore) return false
      const length = reader.readVarint()
      const isThere = reader.position <= end
      // Of a length that goes on in the next piece nothing is known yet.
      if (!isThere && this.#hasMore) return this.#back(start)
      if (length < RECORD_BYTES_MIN - 1 || length > DECOMPRESSED_BYTES_MAX) throw wrongLength(length)
      const recordEnd = reader.position + length
      if (recordEnd > end && !this.#hasMore) throw wrongLength(length)
      let delta = this.#index
      const isPeeked = !this.#isDense && (delta < this.#firstDelta || length > this.#recordBytesMax)
      const isCut = recordEnd > end && reader.position + BRIEF_BYTES_MAX > end
      if (isCut && (isPeeked || this.#isBrief)) return this.#back(start)
      if (isPeeked) delta = this.#fields.peekDelta(reader, recordEnd, this.#index)
      const isWanted = delta >= this.#firstDelta
      if (isWanted && this.#isBrief) {
        records.push(this.#fields.readBrief(reader, recordEnd, this.#index))
        leftRecords--
      }
      if (!isWanted || this.#isBrief) {
        if (!isWanted) this.#fields.nextDelta = delta + 1
        if (recordEnd > end) this.#passBytes = recordEnd - end
        reader.position = Math.min(recordEnd, end)
        if (recordEnd <= end) this.#index++
        leftPassed--
        continue
      }
      if (length > this.#recordBytesMax) {
        const offset = advance(toOffset(this.header.baseOffset), delta)
        throw new RecordTooLarge(offset, `${length} bytes`, `${this.#recordBytesMax}`, length)
      }
      if (recordEnd > end) {
        const gathered = new Uint8Array(recordEnd - start)
        gathered.set(reader.bytes.subarray(start))
        this.#gathered = { bytes: gathered, filled: end - start }
        return false
      }
      records.push(this.#fields.read(reader, recordEnd, this.#index))
      this.#index++
      leftRecords--
      leftBytes -= recordEnd - start
    }
    return this.#checkEnd()
  }

  /** Nothing may follow on the last record. */
  #checkEnd(): boolean {
    const { bytes, position } = this.#reader
    const leftBytes = bytes.length - position + this.#following.length
    if (leftBytes > 0) throw trailingBytes(this.header.recordCount, leftBytes)
    this.#isOver = !this.#hasMore
    return this.#isOver
  }

  #back(position: number): false {
    this.#reader.position = position
    return false
  }

  /** Tells how large it was. */
  async #takePiece(): Promise<number> {
    let piece: Uint8Array | undefined
    try {
      // Where there is one, pieces are what it comes in.
      piece = (await workBeside(this.#inflation.pieces!.next())).value as Uint8Array | undefined
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      this.#failure = error
      this.#hasMore = false
      return 0
    }
    if (piece === undefined) {
      this.#hasMore = false
      if (this.#gathered) this.#failure = wrongLength(this.#gathered.bytes.length)
      if (this.#passBytes > 0) this.#failure = wrongLength(this.#passBytes)
      return 0
    }
    this.#add(piece)
    return piece.length
  }

  #add(piece: Uint8Array): void {
    const gathered = this.#gathered
    if (this.#passBytes > 0) {
      const passed = Math.min(this.#passBytes, piece.length)
      this.#passBytes -= passed
      if (this.#passBytes === 0) this.#index++
      this.#reader = new VarintReader(piece.subarray(passed), 0)
    } else if (gathered) {
      const taken = Math.min(gathered.bytes.length - gathered.filled, piece.length)
      gathered.bytes.set(piece.subarray(0, taken), gathered.filled)
      gathered.filled += taken
      if (gathered.filled < gathered.bytes.length) return
      this.#gathered = undefined
      this.#reader = new VarintReader(gathered.bytes, 0)
      this.#following = piece.subarray(taken)
    } else {
      const { bytes, position } = this.#reader
      const rest = bytes.subarray(position)
      this.#reader = new VarintReader(rest.length === 0 ? piece : Buffer.concat([rest, piece]), 0)
    }
  }
}
