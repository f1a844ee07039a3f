import type { Broker, Fetch, Fetched } from '../../../contract/broker.ts'
import { PORTION_BYTES, PORTION_RECORDS, TRIGGER_FETCH_BYTES } from '../../../core/limits.ts'
import { advance, later, type Offset, toOffset } from '../../../core/numbers.ts'
import { checkToRead } from '../../../core/record/batch-header.ts'
import { BatchRecords } from '../../../core/record/batch-records.ts'
import type { TriggerRecord } from '../../../core/trigger/trigger.ts'
import { nextTurn } from '../../../core/turns.ts'

const PORTION = { records: PORTION_RECORDS, bytes: PORTION_BYTES }

export interface Upcoming {
  readonly record: TriggerRecord
  /** As it stands in an event; made when it is first needed, and kept for the next try. */
  encoded: string | undefined
}

/**
 * Reads a partition in order, one stored batch after the other and a portion of it at a time, and keeps what is decoded
 * until it is dealt with: a record is decoded once, however often its batch is taken apart.
 */
export class RecordReader {
  readonly #broker: Pick<Broker, 'fetch'>
  readonly #place: Pick<Fetch, 'topic' | 'topicId' | 'partition'>
  readonly #passes: (record: TriggerRecord) => boolean
  /** Records from the position on that fit a filter. */
  #upcoming: Upcoming[] = []
  #readTo: Offset
  /** Stored batches that are fetched and not decoded. */
  #chunks: Uint8Array[] = []
  #chunkPosition = 0
  /** Where the next fetch goes on once they are read. */
  #fetchedTo: Offset | undefined
  /** The first one of them, if some of it is decoded and not all. */
  #reading: BatchRecords | undefined
  /** Where the log ended when it was last looked at; undefined: it is to be looked at. */
  #logEnd: Offset | undefined

  constructor(
    broker: Pick<Broker, 'fetch'>,
    place: Pick<Fetch, 'topic' | 'topicId' | 'partition'>,
    passes: (record: TriggerRecord) => boolean,
    from: Offset,
  ) {
    this.#broker = broker
    this.#place = place
    this.#passes = passes
    this.#readTo = from
  }

  get upcoming(): readonly Upcoming[] {
    return this.#upcoming
  }

  /** Every record before this offset is in `upcoming`, is dealt with, or fits no filter. */
  get readTo(): Offset {
    return this.#readTo
  }

  /**
   * Reads on to the next portion of a stored batch in which something fits a filter, or to the batch's end. False:
   * there is none before the log's end as it was last seen.
   * @throws TidemarkError as Broker.fetch, checkBatch and BatchRecords; what comes before was read
   */
  async readOn(): Promise<boolean> {
    while (this.#chunks.length === 0) {
      if (this.#logEnd !== undefined && this.#readTo >= this.#logEnd) return false
      const fetched = await this.#fetch()
      this.#logEnd = fetched.endOffset
      this.#chunks = fetched.chunks
      this.#chunkPosition = 0
      this.#fetchedTo = fetched.nextOffset
      if (fetched.chunks.length > 0) break
      // Records that were here have gone, up to the log's end or to what comes next.
      const before = this.#readTo
      this.#passHole()
      if (this.#readTo === before) return false
    }
    const { length } = this.#upcoming
    do await this.#decode(this.#chunks[0]!)
    while (this.#reading && this.#upcoming.length === length)
    return true
  }

  /** Lets the next readOn see what was appended meanwhile. */
  lookAgain(): void {
    this.#logEnd = undefined
  }

  /** Forgets the records before an offset: they are dealt with. */
  skipTo(offset: Offset): void {
    const left = this.#upcoming.findIndex(({ record }) => record.offset >= offset)
    this.#upcoming = left < 0 ? [] : this.#upcoming.slice(left)
  }

  /** Lets go of what reading on would have needed. */
  close(): void {
    this.#reading?.close()
  }

  #fetch(): Promise<Fetched> {
    return this.#broker.fetch({ ...this.#place, offset: this.#readTo, maxBytes: TRIGGER_FETCH_BYTES })
  }

  async #decode(chunk: Uint8Array): Promise<void> {
    // However many portions there are, others have their turn in between.
    if (this.#reading) await nextTurn()
    const header = this.#reading?.header ?? checkToRead(chunk, this.#chunkPosition)
    // Markers of transactions are no records.
    if (!header.isControl) {
      this.#reading ??= new BatchRecords(header, chunk, this.#chunkPosition, { from: this.#readTo })
      const timestampType = header.timestampType === 'CreateTime' ? 'CREATE_TIME' : 'LOG_APPEND_TIME'
      for (const each of await this.#reading.next(PORTION)) {
        const record: TriggerRecord = { ...each, timestampType }
        if (this.#passes(record)) this.#upcoming.push({ record, encoded: undefined })
        this.#readTo = advance(each.offset, 1)
      }
      if (!this.#reading.isAtEnd) return
      this.#reading.close()
      this.#reading = undefined
    }
    this.#readTo = advance(toOffset(header.baseOffset), header.lastOffsetDelta + 1)
    this.#chunkPosition += header.sizeBytes
    if (this.#chunkPosition < chunk.length) return
    this.#chunks.shift()
    this.#chunkPosition = 0
    if (this.#chunks.length === 0) this.#passHole()
  }

  /** What lies between what was read and where the next fetch goes on is no record. */
  #passHole(): void {
    this.#readTo = later(this.#readTo, this.#fetchedTo)
  }
}
