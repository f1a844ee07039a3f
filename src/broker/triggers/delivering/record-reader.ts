import type { Broker, Fetch, Fetched } from '../../../contract/broker.ts'
import { TRIGGER_FETCH_BYTES } from '../../../core/limits.ts'
import { advance, type Offset, toOffset } from '../../../core/numbers.ts'
import { decodeBatch } from '../../../core/record/index.ts'
import type { TriggerRecord } from '../../../core/trigger/trigger.ts'

export interface Upcoming {
  readonly record: TriggerRecord
  /** As it stands in an event; made when it is first needed, and kept for the next try. */
  encoded: string | undefined
}

/**
 * Reads a partition in order, one stored batch after the other, and keeps what is decoded until it is dealt with: a
 * record is decoded once, however often its batch is taken apart.
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
   * Reads on by one stored batch. False: there is none before the log's end as it was last seen.
   * @throws TidemarkError as Broker.fetch and decodeBatch
   */
  async readOn(): Promise<boolean> {
    if (this.#chunks.length === 0) {
      if (this.#logEnd !== undefined && this.#readTo >= this.#logEnd) return false
      const fetched = await this.#fetch()
      this.#logEnd = fetched.endOffset
      this.#chunks = fetched.chunks
      this.#chunkPosition = 0
      if (fetched.chunks.length === 0) return false
    }
    this.#decode(this.#chunks[0]!)
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

  #fetch(): Promise<Fetched> {
    return this.#broker.fetch({ ...this.#place, offset: this.#readTo, maxBytes: TRIGGER_FETCH_BYTES })
  }

  #decode(chunk: Uint8Array): void {
    const { header, records } = decodeBatch(chunk, this.#chunkPosition)
    const timestampType = header.timestampType === 'CreateTime' ? 'CREATE_TIME' : 'LOG_APPEND_TIME'
    const from = this.#readTo
    // Markers of transactions are no records.
    for (const each of header.isControl ? [] : records) {
      if (each.offset < from) continue
      const record: TriggerRecord = { ...each, timestampType }
      if (this.#passes(record)) this.#upcoming.push({ record, encoded: undefined })
    }
    this.#readTo = advance(toOffset(header.baseOffset), header.lastOffsetDelta + 1)
    this.#chunkPosition += header.sizeBytes
    if (this.#chunkPosition < chunk.length) return
    this.#chunks.shift()
    this.#chunkPosition = 0
  }
}
