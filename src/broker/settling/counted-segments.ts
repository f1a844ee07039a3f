import { SEGMENTS_READ_MAX } from '../../core/limits.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import { type LevelRange, levelsOf } from '../../core/log/settled/levels.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import type { Settled } from '../../core/log/settled/settled.ts'
import { type Offset, toOffset, toPosition } from '../../core/numbers.ts'
import { decodeFooter, type Footer } from '../../core/segment/footer.ts'
import { logObjectKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'

/** The segments that count between two offsets of a level, in order; at most `limit`, the first ones. */
export async function readCounted(
  ports: Ports,
  partition: PartitionId,
  { level, lo, hi }: LevelRange,
  deadlineMs: number,
  limit: number = SEGMENTS_READ_MAX,
): Promise<Segment[]> {
  if (lo >= hi) return []
  const read = () => ports.index.readSegments(partition, level, lo, limit)
  return countedIn(await retryUntil(ports, deadlineMs, 'no', read), lo, hi)
}

/** The segment that ends where all that has settled does; undefined where nothing has, or somebody has gone on since. */
export async function lastSegment(
  ports: Ports,
  partition: PartitionId,
  settled: Settled,
  deadlineMs: number,
): Promise<Segment | undefined> {
  const { settledOffset } = settled
  const range = levelsOf(settled).findLast(({ lo, hi }) => lo < hi)
  if (!range) return undefined
  const read = () => ports.index.readSegments(partition, range.level, toOffset(settledOffset - 1), 1)
  const [last] = await retryUntil(ports, deadlineMs, 'no', read)
  return last?.end === settledOffset ? last : undefined
}

/** The segment that stands at exactly this base, whether it counts or not. */
export async function segmentAt(
  ports: Ports,
  partition: PartitionId,
  level: Level,
  baseOffset: Offset,
  deadlineMs: number,
): Promise<Segment | undefined> {
  const read = () => ports.index.readSegments(partition, level, baseOffset, 1)
  const [found] = await retryUntil(ports, deadlineMs, 'no', read)
  return found?.baseOffset === baseOffset ? found : undefined
}

/** What stands behind a segment's batches; undefined where it cannot be read, or makes no sense. */
export async function readFooter(
  ports: Ports,
  partition: PartitionId,
  { baseOffset, id, bytes, footerBytes }: Segment,
  deadlineMs: number,
): Promise<Footer | undefined> {
  const key = logObjectKey(partition, baseOffset, id)
  const read = () => ports.objects.get(key, toPosition(bytes), footerBytes)
  const encoded = await retryUntil(ports, deadlineMs, 'no', read)
  try {
    return encoded && decodeFooter(encoded)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
