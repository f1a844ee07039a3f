import { FETCH_DEFAULT_BYTES, FETCH_WAIT_DEFAULT_MS } from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import { requestRetries } from '../retry-options.ts'
import type { ConsumerOptions } from './consumer-options.ts'
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
  /** How it waits for records from now on, and why not otherwise. */
  waits(how: 'woken' | 'polls', reason: Error | undefined): void
  /** A partition that cannot be read, and not for a passing reason. */
  failed(error: unknown): void
}

export type PrefetchSettings = ReturnType<typeof prefetchSettings>

/** What a consumer's options say of fetching ahead. */
export function prefetchSettings(options: ConsumerOptions) {
  return {
    recordsAhead: options.maxRecords ?? 10_000,
    bytesAhead: options.maxBytes ?? FETCH_DEFAULT_BYTES,
    fetchBytesMax: options.maxBytesPerPartition ?? 1024 * 1024,
    minBytes: options.minBytes ?? 1,
    waitMs: options.maxWaitTimeInMs ?? FETCH_WAIT_DEFAULT_MS,
    startsMax: options.maxInFlightRequests ?? 16,
    retry: requestRetries(
      options.retry ?? {},
      options.giveUpAfter ?? Number.POSITIVE_INFINITY,
      options.requestTimeout,
    ),
  }
}
