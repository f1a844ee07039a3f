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
  /** Whether partitions come and go: the last one's end is not the run's, and one that is deleted is no failure. */
  partitionsComeAndGo?: boolean
  /** Resolves when records may be printed; before each batch. */
  mayPrint?: () => Promise<void>
  /** A partition's last wanted record was printed. */
  onEnd?: () => void
}

export const RECORD_READER_DEFAULT = {
  fetchesMax: 16,
  waitMsMax: 10_000,
  roundMs: 1_000,
  topicCheckMs: 30_000,
  retry: RETRY_DEFAULT,
}

/** One partition that is read. */
interface Reading {
  readonly cursor: PartitionCursor
  /** Ends this partition's fetch, and with it its turn. */
  readonly stop: AbortController
  /** What is being printed; resolved where nothing is. */
  printing: Promise<void>
}

/** Reads partitions side by side and prints their records. */
export class RecordReader {
  readonly #broker: Broker
  readonly #settings: ReaderSettings
  readonly #terminal: Terminal
  readonly #stop = new AbortController()
  /** Partitions to fetch from, the longest waiting first. */
  readonly #ready: Reading[] = []
  readonly #readings = new Map<PartitionCursor, Reading>()
  #fetches = 0
  #isRunning = false
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
    return this.#recordsLeft === 0 || (this.#readings.size === 0 && !this.#settings.partitionsComeAndGo)
  }

  /** Reads a partition, too, from its cursor's offset on; that is moved with each record that is printed. */
  add(cursor: PartitionCursor): void {
    if (cursor.stopOffset !== null && cursor.offset >= cursor.stopOffset) return
    const reading = { cursor, stop: new AbortController(), printing: Promise.resolve() }
    this.#readings.set(cursor, reading)
    this.#ready.push(reading)
    if (this.#isRunning) this.#pump()
  }

  /** Lets go of a partition. Once it resolves, nothing more of it is printed, and its cursor stands still. */
  async remove(cursor: PartitionCursor): Promise<void> {
    const reading = this.#readings.get(cursor)
    if (!reading) return
    this.#readings.delete(cursor)
    reading.stop.abort()
    const at = this.#ready.indexOf(reading)
    if (at >= 0) this.#ready.splice(at, 1)
    await reading.printing
  }

  /** Ends the run; what failed then is what the run fails with. */
  stop(failure?: { error: unknown }): void {
    this.#failure ??= failure
    this.#stop.abort()
    for (const { stop } of this.#readings.values()) stop.abort()
  }

  /**
   * Runs until everything is printed, or the terminal ends it.
   * @param followed the topic in which to look for new partitions; null: not to look
   */
  async run(followed: { topic: string; partitions: number } | null): Promise<void> {
    const { interrupted, outputClosed } = this.#terminal
    const stop = () => this.stop()
    for (const signal of [interrupted, outputClosed]) {
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop)
    }
    this.#isRunning = true
    const check = followed === null ? undefined : this.#checkForPartitions(followed)
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
    if (this.isComplete) this.stop()
    while (!this.#stop.signal.aborted && this.#fetches < this.#settings.fetchesMax) {
      const reading = this.#ready.shift()
      if (!reading) break
      this.#fetches++
      void this.#step(reading)
    }
  }

  /** One fetch of one partition. Never rejects: the first failure ends the run. */
  async #step(reading: Reading): Promise<void> {
    const { cursor, stop } = reading
    try {
      const fetched = await this.#fetch(reading)
      if (fetched) {
        const printing = this.#print(reading, fetched)
        // Whoever lets go of the partition waits for this; how it fails is told below.
        reading.printing = printing.catch(() => {})
        await printing
      }
      this.#inOutage = false
      if (!stop.signal.aborted) this.#goOn(reading)
    } catch (error) {
      // Of a partition that was let go, nobody wants to know.
      if (!stop.signal.aborted) this.#fail(cursor, error)
    }
    this.#fetches--
    this.#pump()
  }

  #goOn(reading: Reading): void {
    const { cursor } = reading
    if (cursor.stopOffset === null || cursor.offset < cursor.stopOffset) {
      this.#ready.push(reading)
      return
    }
    this.#readings.delete(cursor)
    this.#settings.onEnd?.()
  }

  #fail(cursor: PartitionCursor, error: unknown): void {
    const isDeleted = error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (isDeleted && this.#settings.partitionsComeAndGo) {
      note(this.#terminal, `${cursor.topic}, partition ${cursor.partition}: it was deleted`)
      this.#readings.delete(cursor)
    } else this.stop({ error })
  }

  async #fetch({ cursor, stop: { signal } }: Reading): Promise<Fetched | null> {
    const { retry } = this.#settings
    const { topic, partition, offset } = cursor
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
    if (this.#readings.size <= fetchesMax) return waitMsMax
    return Math.min(waitMsMax, Math.floor((roundMs * fetchesMax) / this.#readings.size))
  }

  /** Retention or `delete-records` overtook us. */
  async #skipDeleted(cursor: PartitionCursor, error: TidemarkError): Promise<void> {
    const { topic, partition, offset } = cursor
    const { offset: startOffset } = await this.#broker.offsetFor({ topic, partition, at: 'earliest' })
    // Beyond the end: not the topic that we began with.
    if (startOffset === null || startOffset <= offset) throw error
    note(
      this.#terminal,
      `partition ${partition}: records ${offset} to ${startOffset - 1} were deleted before they were read`,
    )
    cursor.offset = startOffset
  }

  async #print({ cursor, stop: { signal } }: Reading, fetched: Fetched): Promise<void> {
    const { topic, partition, generation } = cursor
    const place = { topic, partition, ...(generation === undefined ? {} : { generation }) }
    for (const chunk of fetched.chunks) {
      // Batch by batch: decompressed, one can be large, and a whole fetch of them larger than memory.
      for (let position = 0; position < chunk.length; ) {
        await this.#settings.mayPrint?.()
        if (signal.aborted) return
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
          lines.push(...this.#settings.format({ ...place, record }))
        }
        // Nothing between moving the cursor and this: who looks at the cursor looks at what was written.
        await write(this.#terminal, Buffer.concat(lines))
        if (this.#recordsLeft === 0) return
      }
    }
    if (signal.aborted) return
    // Past what is no record; but not past records that are not to be printed, which nobody has consumed.
    const nextOffset = Math.min(fetched.nextOffset, cursor.stopOffset ?? Number.POSITIVE_INFINITY)
    cursor.offset = toOffset(Math.max(cursor.offset, nextOffset))
  }

  #checkForPartitions(followed: { topic: string; partitions: number }): NodeJS.Timeout {
    const { topic: name } = followed
    let { partitions } = followed
    const check = async () => {
      // A failure here is one of the fetches as well, or passes.
      const topic = await this.#broker.describeTopic(name).catch(() => null)
      if (!topic || this.#stop.signal.aborted) return
      for (const { partition, startOffset } of topic.offsets.slice(partitions)) {
        this.add({ topic: name, partition, offset: startOffset, stopOffset: null })
      }
      partitions = Math.max(partitions, topic.partitions)
    }
    return setInterval(() => void check(), this.#settings.topicCheckMs)
  }
}
