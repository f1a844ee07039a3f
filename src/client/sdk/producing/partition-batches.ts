import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError, type Written } from '../../../core/errors.ts'
import { PRODUCE_BYTES_MAX } from '../../../core/limits.ts'
import { RECORDS_AT as BATCH_HEADER_BYTES } from '../../../core/record/batch-layout.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { type RetrySettings, withRetries } from '../../retry.ts'
import type { Outages } from '../outages.ts'
import type { Room } from '../room.ts'
import { isKafkaError, type TopicFacts } from '../topic-facts.ts'
import { OutgoingBatch, type WrittenBatch } from './outgoing-batch.ts'
import { ProducerSequence } from './producer-sequence.ts'

export interface BatchSettings {
  /** How long a batch that is not full waits for more. */
  lingerMs: number
  /** What a batch gathers, before compression; never more than the topic's max.message.bytes. */
  batchBytes: number
  /** Records in a batch. */
  batchRecords: number
  /** How long a batch may take from when its first record was handed in, all tries together. */
  deliveryMs: number
  /** What ends the tries and the waiting, whatever is left of that time. */
  ending?: () => AbortSignal
  isIdempotent: boolean
  /** For each call. */
  retry: RetrySettings
  /** Told of calls that are tried again. */
  outages?: Outages<ProducerWork, ProducerPlace>
}

/** What a producer was at when something failed: asking about a topic, or writing to it. */
export type ProducerWork = 'describe' | 'produce'

/** Where it failed. */
export interface ProducerPlace {
  readonly topic: string
  readonly partition?: number
}

/** What became of records of one partition that went out together, or were to. */
export interface Delivery<Tag> {
  partition: number
  records: number
  /** What their sender calls the first and the last one. In this partition none but them lie in between. */
  first: Tag
  last: Tag
  /** As they were encoded. */
  bytes: number
  /** Whether they are in the log. */
  written: Written
  /** The first one's; null where they are not in the log, or it is not known. */
  baseOffset: number | null
  /** Why they are not in the log, or why nobody knows; undefined: they are. */
  error: unknown
  /** Given up before they were sent, since the writer stops at the first failure; `error` is that one. */
  isAbandoned: boolean
}

/** What partitions of one topic have in common, and whom they tell. */
export interface TopicSending<Tag> {
  readonly broker: Broker
  readonly settings: BatchSettings
  readonly room: Room
  /** As the topic was last heard of. */
  readonly facts: () => TopicFacts
  /** The open batch of a partition takes no more records. */
  readonly onClosed: (partition: number) => void
  /** There is something to send: `send` is to be called. */
  readonly onDue: (batches: PartitionBatches<Tag>) => void
  readonly onSettled: (delivery: Delivery<Tag>) => void
}

/** One partition's records: gathered into batches, which are sent in their order, one call at a time. */
export class PartitionBatches<Tag> {
  readonly partition: number
  readonly #sending: TopicSending<Tag>
  readonly #sequence = new ProducerSequence()
  readonly #place: ProducerPlace
  #open: OutgoingBatch<Tag> | undefined
  /** Runs while the open batch waits for more. */
  #linger: NodeJS.Timeout | undefined
  #closed: OutgoingBatch<Tag>[] = []
  /** Since it was told that there is something to send, until that has settled. */
  #isBusy = false

  constructor(partition: number, sending: TopicSending<Tag>) {
    this.partition = partition
    this.#sending = sending
    this.#place = { topic: sending.facts().topic, partition }
  }

  /** Whether a record of so many bytes goes into the batch that is open, if there is one. */
  hasRoomFor(bytes: number): boolean {
    return !this.#open || this.#open.bytes + bytes <= this.#recordBytesMax
  }

  /**
   * @param bytes the record's upper bound
   * @param sinceMs when it was handed in
   * @returns the batch whose last record it is
   * @throws TidemarkError MESSAGE_TOO_LARGE: it was not taken
   */
  add(
    record: RecordInput,
    bytes: number,
    tag: Tag,
    compression: CompressionName,
    sinceMs = performance.now(),
  ): OutgoingBatch<Tag> {
    const { settings, facts, room } = this.#sending
    // Such a one fits compressed, or because its bound is a few bytes above the truth, or never.
    const isOversize = BATCH_HEADER_BYTES + bytes > facts().batchBytesMax
    if (isOversize || this.#open?.compression !== compression || !this.hasRoomFor(bytes)) this.flush()
    const batch = this.#open ?? new OutgoingBatch<Tag>(this.partition, compression, tag)
    batch.add(record, bytes, tag, sinceMs)
    if (isOversize) batch.encode(facts())
    room.take(isOversize ? batch.bytes : bytes)
    this.#open = batch
    const isFull = batch.bytes >= this.#recordBytesMax || batch.records >= settings.batchRecords
    if (isOversize || isFull) this.flush()
    else if (batch.records === 1) this.#linger = setTimeout(() => this.hurry(), settings.lingerMs)
    return batch
  }

  /** Sends what is there without waiting for more. */
  flush(): void {
    this.#close()
    this.#tellIfDue()
  }

  /** As if what is open had waited long enough. Until it can be sent it goes on filling: under load batches grow. */
  hurry(): void {
    clearTimeout(this.#linger)
    this.#linger = undefined
    this.#tellIfDue()
  }

  /** Sends the oldest batches, as many as one call takes. Never rejects: the batches do. */
  async send(): Promise<void> {
    if (this.#closed.length === 0) this.#close()
    const batches = this.#takeForCall()
    if (batches.length > 0) await this.#deliver(batches)
    this.#isBusy = false
    this.#tellIfDue()
  }

  /** Gives up what is not on its way yet. */
  abandon(error: unknown): void {
    clearTimeout(this.#linger)
    const batches = this.#open ? [...this.#closed, this.#open] : this.#closed
    this.#open = undefined
    this.#closed = []
    if (batches.length > 0) this.#failed(batches, error, true)
  }

  get #recordBytesMax(): number {
    const { settings, facts } = this.#sending
    return Math.min(settings.batchBytes, facts().batchBytesMax) - BATCH_HEADER_BYTES
  }

  #close(): void {
    const batch = this.#open
    if (!batch) return
    const { facts, room, onClosed } = this.#sending
    clearTimeout(this.#linger)
    this.#linger = undefined
    this.#open = undefined
    onClosed(this.partition)
    const gatheredBytes = batch.bytes
    try {
      if (batch.encoded.length === 0) batch.encode(facts())
    } catch (error) {
      this.#failed([batch], error)
      return
    }
    room.giveBack(gatheredBytes - batch.bytes)
    this.#closed.push(batch)
  }

  #tellIfDue(): void {
    const isDue = this.#closed.length > 0 || (this.#open !== undefined && this.#linger === undefined)
    if (!isDue || this.#isBusy) return
    this.#isBusy = true
    this.#sending.onDue(this)
  }

  #takeForCall(): OutgoingBatch<Tag>[] {
    let bytes = 0
    let count = 0
    for (const batch of this.#closed) {
      bytes += batch.bytes
      if (count > 0 && bytes > PRODUCE_BYTES_MAX) break
      count++
    }
    return this.#closed.splice(0, count)
  }

  async #deliver(batches: OutgoingBatch<Tag>[]): Promise<void> {
    try {
      const written = await this.#insistAsKnown(batches)
      this.#sequence.advance(countRecords(batches))
      this.#wrote(batches, written)
    } catch (error) {
      // What follows must not look like a repetition of what may be in the log, nor leave a gap after it.
      if (writtenOf(error) !== 'no') this.#sequence.restart()
      this.#failed(batches, error)
    }
  }

  async #insistAsKnown(batches: OutgoingBatch<Tag>[]): Promise<WrittenBatch> {
    try {
      return await this.#insist(batches)
    } catch (error) {
      const isLost =
        isKafkaError(error, 'OUT_OF_ORDER_SEQUENCE_NUMBER') || isKafkaError(error, 'INVALID_PRODUCER_EPOCH')
      if (!isLost || error.written !== 'no') throw error
      // The broker has lost count of this producer, and none of the tries can have been taken: under a new name it can.
      this.#sequence.restart()
      return this.#insist(batches)
    }
  }

  async #insist(batches: OutgoingBatch<Tag>[]): Promise<WrittenBatch> {
    const { broker, settings, facts } = this.#sending
    if (settings.isIdempotent) this.#sequence.number(batches)
    const waitedMs = performance.now() - Math.min(...batches.map(({ sinceMs }) => sinceMs))
    try {
      const written = await withRetries(
        call =>
          broker.produce(
            {
              topic: facts().topic,
              partition: this.partition,
              // A copy for each try: the bytes of the one before belonged to the broker.
              batches: Buffer.concat(batches.map(({ encoded }) => encoded)),
            },
            call,
          ),
        {
          ...settings.retry,
          forMs: Math.min(settings.retry.forMs, settings.deliveryMs - waitedMs),
          isRepeatable: true,
          ...(settings.ending && { signal: settings.ending() }),
          onRetry: (error, pauseMs) => {
            // Throttling is back-pressure, and no trouble.
            if (error.kafkaName !== 'THROTTLING_QUOTA_EXCEEDED') {
              settings.outages?.failed('produce', this.#place, error)
            }
            settings.retry.onRetry?.(error, pauseMs)
          },
        },
      )
      settings.outages?.passed('produce', this.#place)
      return written
    } catch (error) {
      settings.outages?.forget(this.#place)
      if (!isKafkaError(error, 'DUPLICATE_SEQUENCE_NUMBER')) throw error
      return { baseOffset: null, startOffset: null, logAppendTimeMs: null }
    }
  }

  #wrote(batches: OutgoingBatch<Tag>[], { baseOffset, ...written }: WrittenBatch): void {
    this.#tell(batches, { written: 'yes', baseOffset, error: undefined, isAbandoned: false })
    let records = 0
    for (const batch of batches) {
      batch.resolve({ ...written, baseOffset: baseOffset === null ? null : baseOffset + records })
      records += batch.records
    }
  }

  #failed(batches: OutgoingBatch<Tag>[], error: unknown, isAbandoned = false): void {
    const written = isAbandoned ? 'no' : writtenOf(error)
    this.#tell(batches, { written, baseOffset: null, error, isAbandoned })
    for (const batch of batches) batch.reject(error)
  }

  #tell(
    batches: OutgoingBatch<Tag>[],
    outcome: Pick<Delivery<Tag>, 'written' | 'baseOffset' | 'error' | 'isAbandoned'>,
  ): void {
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0)
    this.#sending.room.giveBack(bytes)
    this.#sending.onSettled({
      partition: this.partition,
      records: countRecords(batches),
      first: batches[0]!.first,
      last: batches.at(-1)!.last,
      bytes,
      ...outcome,
    })
  }
}

function countRecords(batches: readonly OutgoingBatch<unknown>[]): number {
  return batches.reduce((sum, { records }) => sum + records, 0)
}

/** An error that is none of the broker's tells nothing about the records. */
function writtenOf(error: unknown): Written {
  return error instanceof TidemarkError ? error.written : 'unknown'
}
