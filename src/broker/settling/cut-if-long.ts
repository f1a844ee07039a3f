import { FLUSH_BY_PRODUCER_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { crossesLimit, PAID_LIMIT, SHARED_LIMIT } from '../../core/log/tail.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { flush } from './flush.ts'

/** Cuts a tail that the newest append, of so many entries, has made too long. Undefined: it has not. */
export function cutIfLong(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  appended: number,
): ReturnType<typeof flush> | undefined {
  const { clock, index } = ports
  const inBlock = index.headCost !== undefined && crossesLimit(head, PAID_LIMIT, appended)
  if (!inBlock && !crossesLimit(head, SHARED_LIMIT, appended)) return undefined
  const age = inBlock ? 'all' : { nowMs: clock.nowMs(), flushMs: Number.POSITIVE_INFINITY }
  return flush(ports, [{ partition, age, head, inBlock }], clock.monotonicMs() + FLUSH_BY_PRODUCER_MS)
}
