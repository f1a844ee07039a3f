import { TidemarkError } from '../../../core/errors.ts'
import { encodeBatch } from '../../../core/record/batch-encoder.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { isKafkaError, type TopicFacts } from '../topic-facts.ts'

/** Where a batch came to lie. */
export interface WrittenBatch {
  /** null where the broker has it, from an earlier try, and no longer knows where. */
  baseOffset: number | null
  /** null where that is not known. */
  startOffset: number | null
  logAppendTimeMs: number | null
}

/** Records on their way to one partition, together: gathered, then encoded, then sent. */
export class OutgoingBatch<Tag> {
  readonly partition: number
  readonly compression: CompressionName
  /** When the first of its records were handed in, by the clock that only goes forward. */
  sinceMs = Number.POSITIVE_INFINITY
  /** How many there are, and what their sender calls the first and the last of them. */
  records = 0
  first: Tag
  last: Tag
  /** What its records take: at most, while it is gathered; then as they are encoded. */
  bytes = 0
  /** Nothing until it is closed. */
  encoded: Uint8Array = new Uint8Array(0)
  /** Settles with the batch. */
  readonly written: Promise<WrittenBatch>
  resolve!: (written: WrittenBatch) => void
  reject!: (error: unknown) => void
  #gathered: RecordInput[] = []

  /** @param tag that of the record that comes first */
  constructor(partition: number, compression: CompressionName, tag: Tag) {
    this.partition = partition
    this.first = tag
    this.last = tag
    this.compression = compression
    this.written = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // Whoever sent a record of it may still be handing in others, and looks later.
    this.written.catch(() => {})
  }

  /**
   * @param bytes the record's upper bound
   * @param sinceMs when it was handed in
   */
  add(record: RecordInput, bytes: number, tag: Tag, sinceMs: number): void {
    this.sinceMs = Math.min(this.sinceMs, sinceMs)
    this.#gathered.push(record)
    this.records++
    this.last = tag
    this.bytes += bytes
  }

  /**
   * Makes the bytes that are sent, in place of the records, which need much more memory.
   * @throws TidemarkError MESSAGE_TOO_LARGE
   */
  encode({ topic, batchBytesMax }: TopicFacts): void {
    // Compression makes noise a little larger than it was; as it was, it fits.
    const encoded =
      this.#encodeWith(this.compression, batchBytesMax) ?? this.#encodeWith('none', batchBytesMax)
    if (!encoded) {
      throw new TidemarkError(
        'MESSAGE_TOO_LARGE',
        `A record makes a batch of ${this.bytes} bytes or so; ${topic} takes ${batchBytesMax} (max.message.bytes). ` +
          'Raise that, compress, or send less in a record.',
      )
    }
    this.#gathered = []
    this.encoded = encoded
    this.bytes = encoded.length
  }

  #encodeWith(compression: CompressionName, bytesMax: number): Uint8Array | null {
    try {
      const encoded = encodeBatch(this.#gathered, { compression })
      return encoded.length <= bytesMax ? encoded : null
    } catch (error) {
      if (isKafkaError(error, 'MESSAGE_TOO_LARGE')) return null
      throw error
    }
  }
}
