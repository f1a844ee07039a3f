import { RETRY_DEFAULT, type RetrySettings, withRetries } from '../client/retry.ts'
import type { Broker, Fetched } from '../contract/broker.ts'
import { TidemarkError } from '../core/errors.ts'
import { FETCH_DEFAULT_BYTES } from '../core/limits.ts'
import { advance, toOffset } from '../core/numbers.ts'
import { decodeBatch } from '../core/record/index.ts'
import type { FormatRecord } from './consumed-record.ts'
import type { PartitionCursor } from './partition-cursor.ts'
import { note, type Terminal, write } from './terminal.ts'

export interface ReaderSettings {
  topic: string
  /** null: no end. */
  recordsMax: number | null
  format: FormatRecord
  /** Fetches at the same time. */
  fetchesMax: number
  /** How long a fetch at the end of a partition waits for records. */
  waitMsMax: number
  /** With more partitions than fetches, how long a round over all of them may take. */
  roundMs: number
  /** How often to look whether the topic has got more partitions. */
  topicCheckMs: number
  retry: RetrySettings
}

export const RECORD_READER_DEFAULT = {
  fetchesMax: 16,
  waitMsMax: 10_000,
  roundMs: 1_000,
  topicCheckMs: 30_000,
  retry: RETRY_DEFAULT,
}

/** Reads partitions side by side and prints their records. */
export class RecordReader {
  readonly #broker: Broker
  readonly #settings: ReaderSettings
  readonly #terminal: Terminal
  readonly #stop = new AbortController()
  /** Partitions to fetch from, the longest waiting first. */
  readonly #ready: PartitionCursor[] = []
  #cursors = 0
  #fetches = 0
  #recordsLeft: number
  /** Whether the user was told of failures that have not ended. */
  #inOutage = false
  #failure: { error: unknown } | undefined

  constructor(broker: Broker, settings: ReaderSettings, terminal: Terminal) {
    this.#broker = broker
    this.#settings = settings
    this.#terminal = terminal
    this.#recordsLeft = settings.recordsMax ?? Number.POSITIVE_INFINITY
  }

  /** Whether all that was asked for was printed. */
  get isComplete(): boolean {
    return this.#recordsLeft === 0 || this.#cursors === 0
  }

  add(cursor: PartitionCursor): void {
    if (cursor.stopOffset !== null && cursor.offset >= cursor.stopOffset) return
    this.#cursors++
    this.#ready.push(cursor)
  }

  /**
   * Runs until everything is printed, or the terminal ends it.
   * @param partitions how many the topic has, to look for new ones; null: not to look
   */
  async run(partitions: number | null): Promise<void> {
    const { interrupted, outputClosed } = this.#terminal
    const stop = () => this.#stop.abort()
    for (const signal of [interrupted, outputClosed]) {
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop)
    }
    const check = partitions === null ? undefined : this.#checkForPartitions(partitions)
    // Fetches in flight are not waited for: nobody wants what they bring, and a broker can be slow to end them.
    await new Promise<void>(resolve => {
      if (this.#stop.signal.aborted) resolve()
      else this.#stop.signal.addEventListener('abort', () => resolve())
      this.#pump()
    })
    clearInterval(check)
    for (const signal of [interrupted, outputClosed]) signal.removeEventListener('abort', stop)
    if (this.#failure) throw this.#failure.error
  }

  #pump(): void {
    if (this.#cursors === 0 || this.#recordsLeft === 0) this.#stop.abort()
    while (!this.#stop.signal.aborted && this.#fetches < this.#settings.fetchesMax) {
      const cursor = this.#ready.shift()
      if (!cursor) break
      this.#fetches++
      void this.#step(cursor)
    }
  }

  /** One fetch of one partition. Never rejects: the first failure ends the run. */
  async #step(cursor: PartitionCursor): Promise<void> {
    try {
      const fetched = await this.#fetch(cursor)
      if (fetched) await this.#print(cursor, fetched)
      this.#inOutage = false
      if (cursor.stopOffset !== null && cursor.offset >= cursor.stopOffset) this.#cursors--
      else this.#ready.push(cursor)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failure ??= { error }
      this.#stop.abort()
    }
    this.#fetches--
    this.#pump()
  }

  async #fetch(cursor: PartitionCursor): Promise<Fetched | null> {
    const { topic, retry } = this.#settings
    const { signal } = this.#stop
    const { partition, offset } = cursor
    try {
      return await withRetries(
        () =>
          this.#broker.fetch({
            topic,
            partition,
            offset,
            maxBytes: FETCH_DEFAULT_BYTES,
            maxWaitMs: this.#waitMs(),
            signal,
          }),
        { ...retry, signal, onRetry: error => this.#tellOutage(error) },
      )
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.kafkaName !== 'OFFSET_OUT_OF_RANGE') throw error
      await this.#skipDeleted(cursor, error)
      return null
    }
  }

  #tellOutage(error: TidemarkError): void {
    if (!this.#inOutage) note(this.#terminal, `${error.kafkaName}: ${error.message} Trying again.`)
    this.#inOutage = true
  }

  /** Many partitions take turns, and none may hold up the others for long by waiting. */
  #waitMs(): number {
    const { fetchesMax, waitMsMax, roundMs } = this.#settings
    if (this.#cursors <= fetchesMax) return waitMsMax
    return Math.min(waitMsMax, Math.floor((roundMs * fetchesMax) / this.#cursors))
  }

  /** Retention or `delete-records` overtook us. */
  async #skipDeleted(cursor: PartitionCursor, error: TidemarkError): Promise<void> {
    const { topic } = this.#settings
    const { partition, offset } = cursor
    const { offset: startOffset } = await this.#broker.offsetFor({ topic, partition, at: 'earliest' })
    // Beyond the end: not the topic that we began with.
    if (startOffset === null || startOffset <= offset) throw error
    note(
      this.#terminal,
      `partition ${partition}: records ${offset} to ${startOffset - 1} were deleted before they were read`,
    )
    cursor.offset = startOffset
  }

  async #print(cursor: PartitionCursor, fetched: Fetched): Promise<void> {
    for (const chunk of fetched.chunks) {
      // Batch by batch: decompressed, one can be large, and a whole fetch of them larger than memory.
      for (let position = 0; position < chunk.length && !this.#stop.signal.aborted; ) {
        const { header, records } = decodeBatch(chunk, position)
        position += header.sizeBytes
        // Markers of transactions, which no consumer gets to see.
        if (header.isControl) continue
        const lines: Uint8Array[] = []
        for (const record of records) {
          if (record.offset < cursor.offset) continue
          if (record.offset >= (cursor.stopOffset ?? Number.POSITIVE_INFINITY) || this.#recordsLeft === 0)
            break
          this.#recordsLeft--
          cursor.offset = advance(record.offset, 1)
          lines.push(
            ...this.#settings.format({ topic: this.#settings.topic, partition: cursor.partition, record }),
          )
        }
        await write(this.#terminal, Buffer.concat(lines))
        if (this.#recordsLeft === 0) return
      }
    }
    if (!this.#stop.signal.aborted) cursor.offset = toOffset(Math.max(cursor.offset, fetched.nextOffset))
  }

  #checkForPartitions(known: number): NodeJS.Timeout {
    let partitions = known
    const check = async () => {
      // A failure here is one of the fetches as well, or passes.
      const topic = await this.#broker.describeTopic(this.#settings.topic).catch(() => null)
      if (!topic || this.#stop.signal.aborted) return
      for (const { partition, startOffset } of topic.offsets.slice(partitions)) {
        this.add({ partition, offset: startOffset, stopOffset: null })
      }
      partitions = Math.max(partitions, topic.partitions)
      this.#pump()
    }
    return setInterval(() => void check(), this.#settings.topicCheckMs)
  }
}
