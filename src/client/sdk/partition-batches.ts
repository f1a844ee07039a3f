import type { Broker } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import {
  BATCH_HEADER_BYTES,
  type CompressionName,
  encodeBatch,
  type RecordInput,
} from '../../core/record/index.ts'
import { type RetrySettings, withRetries } from '../retry.ts'
import { ProducerSequence } from './producer-sequence.ts'
import { isKafkaError } from './topic-facts.ts'

/** Where a batch came to lie. */
export interface WrittenBatch {
  /** null where the broker has it, from an earlier try, and no longer knows where. */
  baseOffset: number | null
  /** null where that is not known. */
  startOffset: number | null
  logAppendTimeMs: number | null
}

/** A record that was taken: which batch it is in, and where in it. */
export interface TakenRecord {
  batch: OpenBatch
  index: number
}

export interface BatchSettings {
  /** How long a batch that is not full waits for more. */
  lingerMs: number
  /** What a batch gathers, before compression. */
  batchBytes: number
  /** How long a batch may take from its first record on, all tries together. */
  deliveryMs: number
  isIdempotent: boolean
  retry: Omit<RetrySettings, 'forMs'>
}

/** Records on their way to one partition, together. */
export class OpenBatch {
  readonly records: RecordInput[] = []
  readonly compression: CompressionName
  readonly openedMs = performance.now()
  /** What its records take at most. */
  recordBytes = 0
  /** Settles with the batch. */
  readonly written: Promise<WrittenBatch>
  resolve!: (written: WrittenBatch) => void
  reject!: (error: unknown) => void

  constructor(compression: CompressionName) {
    this.compression = compression
    this.written = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // Whoever sent a record of it may still be handing in others, and looks later.
    this.written.catch(() => {})
  }
}

/** One partition's records: gathered into batches, which are sent in their order, one call at a time. */
export class PartitionBatches {
  readonly #broker: Broker
  readonly #topic: string
  readonly #partition: number
  readonly #settings: BatchSettings
  readonly #sequence = new ProducerSequence()
  /** Called when a batch takes no more records. */
  readonly #onClosed: () => void
  /** Called when a batch has settled, one way or the other. */
  readonly #onSettled: (batch: OpenBatch, error: unknown) => void
  #open: OpenBatch | undefined
  #closed: OpenBatch[] = []
  #linger: NodeJS.Timeout | undefined
  #isSending = false
  /** The topic's max.message.bytes, as it was last heard. */
  batchBytesMax: number

  constructor(
    broker: Broker,
    place: { topic: string; partition: number; batchBytesMax: number },
    settings: BatchSettings,
    on: { closed: () => void; settled: (batch: OpenBatch, error: unknown) => void },
  ) {
    this.#broker = broker
    this.#topic = place.topic
    this.#partition = place.partition
    this.batchBytesMax = place.batchBytesMax
    this.#settings = settings
    this.#onClosed = on.closed
    this.#onSettled = on.settled
  }

  /** Whether a record of so many bytes goes into the batch that is open, if there is one. */
  hasRoomFor(bytes: number): boolean {
    return !this.#open || this.#open.recordBytes + bytes <= this.#recordBytesMax
  }

  /** @param bytes the record's upper bound */
  add(record: RecordInput, bytes: number, compression: CompressionName): TakenRecord {
    const open = this.#open
    if (open && (open.compression !== compression || open.recordBytes + bytes > this.#recordBytesMax))
      this.#close()
    this.#open ??= new OpenBatch(compression)
    const batch = this.#open
    batch.records.push(record)
    batch.recordBytes += bytes
    if (batch.recordBytes >= this.#recordBytesMax) this.#close()
    else this.#linger ??= setTimeout(() => this.#lingerPassed(), this.#settings.lingerMs)
    this.#sendNext()
    return { batch, index: batch.records.length - 1 }
  }

  /** Sends what is there without waiting for more. */
  flush(): void {
    this.#close()
    this.#sendNext()
  }

  get #recordBytesMax(): number {
    return Math.min(this.#settings.batchBytes, this.batchBytesMax) - BATCH_HEADER_BYTES
  }

  #lingerPassed(): void {
    this.#linger = undefined
    // While a call is on its way the batch goes on filling: under load batches grow by themselves.
    if (this.#isSending) return
    this.#close()
    this.#sendNext()
  }

  #close(): void {
    clearTimeout(this.#linger)
    this.#linger = undefined
    if (!this.#open) return
    this.#closed.push(this.#open)
    this.#open = undefined
    this.#onClosed()
  }

  #sendNext(): void {
    if (this.#isSending) return
    const batch = this.#closed.shift()
    if (batch) void this.#send(batch)
  }

  /** Never rejects: the batch does. */
  async #send(batch: OpenBatch): Promise<void> {
    this.#isSending = true
    try {
      const written = await this.#deliver(batch)
      this.#sequence.advance(batch.records.length)
      this.#onSettled(batch, undefined)
      batch.resolve(written)
    } catch (error) {
      // What follows must not look like a repetition of what may be in the log, nor leave a gap after it.
      if (!(error instanceof TidemarkError) || error.written !== 'no') this.#sequence.restart()
      this.#onSettled(batch, error)
      batch.reject(error)
    }
    this.#isSending = false
    // What gathered meanwhile has waited long enough if its own time is over.
    if (this.#closed.length === 0 && this.#open && this.#linger === undefined) this.#close()
    this.#sendNext()
  }

  async #deliver(batch: OpenBatch): Promise<WrittenBatch> {
    try {
      return await this.#insist(batch)
    } catch (error) {
      const isLost =
        isKafkaError(error, 'OUT_OF_ORDER_SEQUENCE_NUMBER') || isKafkaError(error, 'INVALID_PRODUCER_EPOCH')
      if (!isLost || error.written !== 'no') throw error
      // The broker has lost count of this producer, and none of the tries can have been taken: under a new name it can.
      this.#sequence.restart()
      return this.#insist(batch)
    }
  }

  async #insist(batch: OpenBatch): Promise<WrittenBatch> {
    const { deliveryMs, retry } = this.#settings
    const encoded = this.#encode(batch)
    try {
      const produced = await withRetries(
        () =>
          this.#broker.produce({
            topic: this.#topic,
            partition: this.#partition,
            // A copy for each try: the bytes of the one before belonged to the broker.
            batches: Uint8Array.from(encoded),
          }),
        { ...retry, forMs: batch.openedMs + deliveryMs - performance.now(), isRepeatable: true },
      )
      return produced
    } catch (error) {
      if (!isKafkaError(error, 'DUPLICATE_SEQUENCE_NUMBER')) throw error
      return { baseOffset: null, startOffset: null, logAppendTimeMs: null }
    }
  }

  /** @throws TidemarkError MESSAGE_TOO_LARGE */
  #encode({ records, compression }: OpenBatch): Uint8Array {
    const producer = this.#settings.isIdempotent ? this.#sequence.fields : {}
    let encoded = encodeBatch(records, { compression, ...producer })
    // Compression makes noise a little larger than it was; as it was, it fits.
    if (encoded.length > this.batchBytesMax && compression !== 'none')
      encoded = encodeBatch(records, producer)
    if (encoded.length <= this.batchBytesMax) return encoded
    throw new TidemarkError(
      'MESSAGE_TOO_LARGE',
      `A record makes a batch of ${encoded.length} bytes; ${this.#topic} takes ${this.batchBytesMax} (max.message.bytes). ` +
        'Raise that, compress, or send less in a record.',
    )
  }
}
