import { recordBytesMax } from '../client/record-size.ts'
import { type RetrySettings, withRetries } from '../client/retry.ts'
import type { Broker } from '../contract/broker.ts'
import { TidemarkError } from '../core/errors.ts'
import { PRODUCE_BYTES_MAX } from '../core/limits.ts'
import type { RecordInput } from '../core/record/index.ts'
import type { PartitionChoice } from './partition-choice.ts'
import { PartitionOutbox } from './partition-outbox.ts'
import { ProducerIdentity } from './producer-identity.ts'
import {
  type BatchLimits,
  encodeOversize,
  isOversize,
  OpenBatch,
  type SourcedBatch,
  type SourcedRecord,
} from './record-batcher.ts'

export interface SenderSettings {
  topic: string
  choice: PartitionChoice
  limits: BatchLimits
  /** How long a batch that is not full waits for more. */
  lingerMs: number
  /** Produce calls at the same time, each to another partition. */
  callsMax: number
  /** Bytes that were taken and not yet acknowledged; above it `add` waits. */
  pendingBytesMax: number
  retry: RetrySettings
  /** One drawn by chance when it is left out. */
  identity?: ProducerIdentity
}

export const SENDER_DEFAULT = { lingerMs: 20, callsMax: 8, pendingBytesMax: 16 * 1024 * 1024 }

/** Lines whose fate the user has to know. */
export interface FailedLines {
  partition: number
  firstLine: number
  lastLine: number
  error: unknown
}

/**
 * Gathers records into batches and sends them: several partitions at the same time, each one's batches in
 * their order, in bounded memory. The first failure ends it; what is in flight then is still waited for.
 */
export class RecordSender {
  readonly #broker: Broker
  readonly #settings: SenderSettings
  readonly #open = new Map<number, { batch: OpenBatch; bytes: number }>()
  readonly #outboxes = new Map<number, PartitionOutbox>()
  readonly #identity: ProducerIdentity
  /** Partitions that have something to send and nothing in flight, the longest waiting first. */
  #ready: PartitionOutbox[] = []
  #calls = 0
  #pendingBytes = 0
  #linger: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined

  recordsTaken = 0
  /** Acknowledged. */
  recordsWritten = 0
  bytesWritten = 0
  /** May be in the log. */
  recordsUnknown = 0
  readonly failures: FailedLines[] = []

  constructor(broker: Broker, settings: SenderSettings) {
    this.#broker = broker
    this.#settings = settings
    this.#identity = settings.identity ?? new ProducerIdentity()
  }

  get failed(): boolean {
    return this.failures.length > 0
  }

  /**
   * Takes a record; the caller then awaits `room`.
   * @throws TidemarkError MESSAGE_TOO_LARGE; what was taken before is not touched by that
   */
  add(line: number, record: RecordInput): void {
    const { choice, limits } = this.#settings
    const bytes = recordBytesMax(record)
    let partition = choice.of(record.key ?? null)
    if (this.#open.get(partition)?.batch.hasRoomFor(bytes) === false) {
      this.#close(partition)
      // The sticky partition has moved on, and an unkeyed record goes along.
      partition = choice.of(record.key ?? null)
    }
    if (isOversize(bytes, limits)) {
      // First those before it, which come before it in the sequence, too.
      this.#close(partition)
      const batch = encodeOversize({ line, record }, limits, this.#identity.fieldsOf(partition))
      this.recordsTaken++
      this.#enqueue(partition, batch)
      return
    }
    this.#addToBatch(partition, { line, record }, bytes)
  }

  #addToBatch(partition: number, sourced: SourcedRecord, bytes: number): void {
    let open = this.#open.get(partition)
    if (open?.batch.hasRoomFor(bytes) === false) {
      this.#close(partition)
      open = undefined
    }
    if (!open) {
      open = { batch: new OpenBatch(this.#settings.limits), bytes: 0 }
      this.#open.set(partition, open)
    }
    open.batch.add(sourced, bytes)
    open.bytes += bytes
    this.#pendingBytes += bytes
    this.recordsTaken++
    if (open.batch.isFull) this.#close(partition)
    else this.#linger ??= setTimeout(() => this.#lingerPassed(), this.#settings.lingerMs)
  }

  get hasRoom(): boolean {
    return this.#pendingBytes <= this.#settings.pendingBytesMax || this.failed
  }

  /** Waits until little enough is unacknowledged. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      if (this.#calls === 0) this.#closeAll()
      await this.#progress()
    }
  }

  /** Sends what is left and waits for every acknowledgement. Afterwards the counts are final. */
  async finish(): Promise<void> {
    this.#closeAll()
    while (this.#calls > 0) await this.#progress()
  }

  #progress(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  #lingerPassed(): void {
    this.#linger = undefined
    for (const partition of [...this.#open.keys()]) {
      // A batch that could not be sent yet goes on filling: under load batches grow by themselves.
      const canSend = this.#calls < this.#settings.callsMax && !this.#outboxes.get(partition)?.busy
      if (canSend) this.#close(partition)
    }
    if (this.#open.size > 0) this.#linger = setTimeout(() => this.#lingerPassed(), this.#settings.lingerMs)
  }

  #closeAll(): void {
    clearTimeout(this.#linger)
    this.#linger = undefined
    for (const partition of [...this.#open.keys()]) this.#close(partition)
  }

  #close(partition: number): void {
    const open = this.#open.get(partition)
    if (!open) return
    this.#open.delete(partition)
    this.#pendingBytes -= open.bytes
    this.#settings.choice.batchClosed(partition)
    if (!this.failed) this.#enqueue(partition, open.batch.close(this.#identity.fieldsOf(partition)))
  }

  #enqueue(partition: number, batch: SourcedBatch): void {
    this.#identity.advance(partition, batch.records)
    let outbox = this.#outboxes.get(partition)
    if (!outbox) {
      outbox = new PartitionOutbox(partition)
      this.#outboxes.set(partition, outbox)
    }
    if (outbox.isEmpty && !outbox.busy) this.#ready.push(outbox)
    outbox.push(batch)
    this.#pendingBytes += batch.bytes.length
    this.#startCalls()
  }

  #startCalls(): void {
    while (this.#calls < this.#settings.callsMax && !this.failed) {
      const outbox = this.#ready.shift()
      if (!outbox) return
      void this.#send(outbox)
    }
  }

  /** Never rejects: a failure is kept for the summary. */
  async #send(outbox: PartitionOutbox): Promise<void> {
    const batches = outbox.take(PRODUCE_BYTES_MAX)
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
    const { topic, retry } = this.#settings
    outbox.busy = true
    this.#calls++
    try {
      await withRetries(
        () =>
          this.#broker.produce({
            topic,
            partition: outbox.partition,
            // Joined anew for each try: the bytes of the one before belonged to the broker.
            batches: Buffer.concat(batches.map(batch => batch.bytes)),
          }),
        { ...retry, isRepeatable: true },
      )
      this.recordsWritten += spanOf(batches)
      this.bytesWritten += bytes
    } catch (error) {
      this.#fail(outbox.partition, batches, error)
    } finally {
      outbox.busy = false
      this.#calls--
      this.#pendingBytes -= bytes
      if (!outbox.isEmpty) this.#ready.push(outbox)
      this.#startCalls()
      this.#wake?.()
    }
  }

  #fail(partition: number, batches: SourcedBatch[], error: unknown): void {
    if (error instanceof TidemarkError && error.written === 'yes') this.recordsWritten += spanOf(batches)
    // An error that is none of the broker's tells nothing about the data.
    else if (!(error instanceof TidemarkError) || error.written === 'unknown')
      this.recordsUnknown += spanOf(batches)
    const firstLine = batches[0]?.firstLine ?? 0
    const lastLine = batches.at(-1)?.lastLine ?? 0
    this.failures.push({ partition, firstLine, lastLine, error })
  }
}

function spanOf(batches: SourcedBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.records, 0)
}
