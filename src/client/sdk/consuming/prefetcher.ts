import type { Broker, Fetch, Fetched } from '../../../contract/broker.ts'
import { FETCH_WAIT_DEFAULT_MS, LOCATED_READ_TIMEOUT_MS } from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import { pause } from '../../pause.ts'
import { isTopicGone, pauseAfter, tryOnce } from '../../retry.ts'
import type { Outages } from '../outages.ts'
import { requestRetries } from '../retry-options.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { ConsumerOptions, ConsumerWork } from './consumer-options.ts'
import { LocatedReads } from './located-reads.ts'
import type { PartitionStream } from './partition-stream.ts'

export interface PrefetchListener {
  /** Where to begin in a partition of which nothing is committed. */
  findStart(stream: PartitionStream): Promise<Offset>
  /** Where to go on when the position is gone; null: as in a partition of which nothing is committed. */
  findNext(stream: PartitionStream, error: unknown): Promise<Offset | null>
  isPaused(stream: PartitionStream): boolean
  fetchStarted(): void
  fetched(batches: number, durationMs: number): void
  /** Where it begins is known: perhaps there is nothing to fetch. */
  started(): void
  deleted(stream: PartitionStream, error: unknown): void
  /** A partition that cannot be read, and not for a passing reason. */
  failed(error: unknown): void
}

/** A fetch below this is not worth its request. */
const FETCH_BYTES_MIN = 16 * 1024
/** With more partitions than fetches, how long a round over all of them may take. */
const ROUND_MS = 1_000

/** Fetches ahead of delivery: every partition has its share, so that one that is not consumed holds up no other. */
export class Prefetcher {
  readonly #broker: Broker
  readonly #settings: ReturnType<typeof settingsOf>
  readonly #outages: Outages<ConsumerWork>
  readonly #listener: PrefetchListener
  readonly #waiting = new Set<PartitionStream>()
  #fetches = 0
  readonly #located: LocatedReads | undefined
  /** How many partitions share what may be fetched ahead. */
  partitions = 0

  constructor(
    broker: Broker,
    options: ConsumerOptions,
    outages: Outages<ConsumerWork>,
    listener: PrefetchListener,
  ) {
    this.#broker = broker
    this.#settings = settingsOf(options)
    this.#outages = outages
    this.#listener = listener
    if (options.located) this.#located = new LocatedReads(outages)
  }

  /** Fetches for a partition as soon as there is a free place, if it has less than it shall have. */
  want(stream: PartitionStream): void {
    if (this.#isWanted(stream)) this.#waiting.add(stream)
    this.#pump()
  }

  #isWanted(stream: PartitionStream): boolean {
    const { recordsAhead, bytesAhead } = this.#settings
    const sharing = Math.max(1, this.partitions) * 2
    return (
      !stream.isFetching &&
      !stream.ended.signal.aborted &&
      !stream.isRevoking &&
      !stream.isFetchedWhole &&
      !this.#listener.isPaused(stream) &&
      // Below half of its share, so that fetches are few and large.
      (!stream.hasRecords ||
        (stream.bufferedRecords < recordsAhead / sharing && stream.bufferedBytes < bytesAhead / sharing))
    )
  }

  #pump(): void {
    for (const stream of this.#waiting) {
      if (this.#fetches >= this.#settings.fetchesMax) return
      this.#waiting.delete(stream)
      if (this.#isWanted(stream)) void this.#step(stream)
    }
  }

  /** One fetch. Never rejects. */
  async #step(stream: PartitionStream): Promise<void> {
    this.#fetches++
    stream.isFetching = true
    const { jumps } = stream
    const beganMs = performance.now()
    let pauseMs = 0
    try {
      await this.#fetchInto(stream, jumps)
      stream.fetchFailures = 0
      this.#outages.passed('fetch', stream)
    } catch (error) {
      // After a jump nobody wants to know what became of it.
      if (!stream.ended.signal.aborted && stream.jumps === jumps)
        pauseMs = await this.#afterFailure(stream, error, beganMs)
    }
    this.#fetches--
    stream.isFetching = pauseMs > 0
    this.#pump()
    if (pauseMs > 0) {
      await pause(pauseMs, stream.ended.signal)
      stream.isFetching = false
    }
    this.want(stream)
  }

  async #fetchInto(stream: PartitionStream, jumps: number): Promise<void> {
    const { topic, partition, topicId } = stream
    if (stream.fetchOffset === null) {
      const offset = await this.#listener.findStart(stream)
      if (stream.jumps !== jumps) return
      stream.start(offset)
      this.#listener.started()
      if (stream.isFetchedWhole) return
    }
    const beganMs = performance.now()
    this.#listener.fetchStarted()
    const fetched = await this.#fetch(stream, {
      topic,
      topicId,
      partition,
      offset: stream.fetchOffset!,
      maxBytes: this.#bytesFor(stream),
      minBytes: this.#settings.minBytes,
      // After trouble at once, so that it is known to be over.
      maxWaitMs: stream.fetchFailures > 0 ? 0 : this.#waitMs(),
      signal: stream.longPoll,
    })
    if (stream.jumps !== jumps) return
    stream.endOffset = fetched.endOffset
    stream.startOffset = fetched.startOffset
    try {
      stream.add(fetched.chunks, fetched.nextOffset)
    } finally {
      // Also where some of it is damaged: what comes before can be delivered.
      this.#listener.fetched(fetched.chunks.length, performance.now() - beganMs)
    }
  }

  #fetch(stream: PartitionStream, request: Fetch & { signal: AbortSignal }): Promise<Fetched> {
    const { tryMs } = this.#settings.retry
    // What it waits at the broker, and then as long as any request.
    const settings = { tryMs: (request.maxWaitMs ?? 0) + tryMs, signal: stream.ended.signal, isRead: true }
    const source = {
      fetch: (wanted: Fetch) => tryOnce(call => this.#broker.fetch(wanted, call), settings),
      locate: (wanted: Fetch) => tryOnce(call => this.#broker.locate(wanted, call), settings),
    }
    const rangeMs = Math.min(LOCATED_READ_TIMEOUT_MS, tryMs)
    return this.#located?.fetch(request, source, rangeMs) ?? source.fetch(request)
  }

  #bytesFor({ bufferedBytes }: PartitionStream): number {
    const { bytesAhead, fetchBytesMax } = this.#settings
    const share = bytesAhead / Math.max(1, this.partitions) - bufferedBytes
    return Math.min(fetchBytesMax, Math.max(FETCH_BYTES_MIN, Math.floor(share)))
  }

  /** Many partitions take turns, and none may hold up the others for long by waiting. */
  #waitMs(): number {
    const { fetchesMax, waitMs } = this.#settings
    if (this.partitions <= fetchesMax) return waitMs
    return Math.min(waitMs, Math.floor((ROUND_MS * fetchesMax) / this.partitions))
  }

  /** @returns how long the partition rests */
  async #afterFailure(stream: PartitionStream, error: unknown, sinceMs: number): Promise<number> {
    if (isTopicGone(error)) {
      stream.isDeleted = true
      stream.ended.abort()
      this.#outages.forget(stream)
      this.#listener.deleted(stream, error)
      return 0
    }
    let failure = error
    if (isKafkaError(error, 'OFFSET_OUT_OF_RANGE')) {
      // Retention or a deletion has overtaken the consumer.
      try {
        stream.jump(await this.#listener.findNext(stream, error))
        return 0
      } catch (other) {
        failure = other
      }
    }
    const pauseMs = pauseAfter(stream.fetchFailures++, this.#settings.retry)
    if (!this.#outages.failed('fetch', stream, failure, sinceMs)) this.#listener.failed(failure)
    return pauseMs
  }
}

function settingsOf(options: ConsumerOptions) {
  return {
    recordsAhead: options.maxRecords ?? 1_000,
    bytesAhead: options.maxBytes ?? 200_000,
    fetchBytesMax: options.maxBytesPerPartition ?? 1024 * 1024,
    minBytes: options.minBytes ?? 1,
    waitMs: options.maxWaitTimeInMs ?? FETCH_WAIT_DEFAULT_MS,
    fetchesMax: options.maxInFlightRequests ?? 16,
    retry: requestRetries(
      options.retry ?? {},
      options.giveUpAfter ?? Number.POSITIVE_INFINITY,
      options.requestTimeout,
    ),
  }
}
