import { FETCH_DEFAULT_BYTES, FETCH_PARTITIONS_MAX, FETCH_WAIT_DEFAULT_MS } from '../../../core/limits.ts'
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

/** A fetch below this is not worth its request. */
const FETCH_BYTES_MIN = 16 * 1024

/** What a fetch may bring of one of so many partitions that share the room. */
export function bytesFor(
  { bufferedBytes }: PartitionStream,
  { bytesAhead, fetchBytesMax }: PrefetchSettings,
  partitions: number,
): number {
  const share = bytesAhead / Math.max(1, partitions) - bufferedBytes
  return Math.min(fetchBytesMax, Math.max(FETCH_BYTES_MIN, Math.floor(share)))
}

/**
 * Each has its share, but a batch is what comes at least: for some of those there is always room, since a request costs the
 * same whatever it brings.
 */
export function bytesForAll(streams: Iterable<PartitionStream>, { bytesAhead }: PrefetchSettings): number {
  let left = bytesAhead
  for (const { bufferedBytes } of streams) left -= bufferedBytes
  return Math.max(left, FETCH_DEFAULT_BYTES)
}

/** With more partitions than one request takes, how long a round over all of them may take. */
const ROUND_MS = 1_000
/** How long a request waits while it is still looked up where other partitions begin. */
export const STARTING_WAIT_MS = 100
/**
 * While a partition has as much as it shall have, the others are not asked for for long, so that it need not wait for them: so
 * long at first, and longer as long as nothing comes.
 */
const SHORT_WAIT_MS = 500

/**
 * How long a request waits at the broker.
 * @param quiet while some partition has as much as it shall have: how many requests in a row have brought nothing
 */
export function waitMsFor(
  { waitMs }: PrefetchSettings,
  {
    isStarting,
    partitions,
    quiet,
  }: {
    readonly isStarting: boolean
    readonly partitions: number
    readonly quiet: number | undefined
  },
): number {
  if (isStarting) return Math.min(waitMs, STARTING_WAIT_MS)
  const rounds = partitions / FETCH_PARTITIONS_MAX
  if (rounds > 1) return Math.min(waitMs, Math.floor(ROUND_MS / rounds))
  return quiet === undefined ? waitMs : Math.min(waitMs, SHORT_WAIT_MS * 2 ** quiet)
}
