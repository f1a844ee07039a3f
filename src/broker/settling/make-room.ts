import type { Head } from '../../core/log/head.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { flush } from './flush.ts'

/** Cuts a tail that takes no more, or hardly more. Tells the head after it; undefined where there is none. */
export async function makeRoom(
  ports: Ports,
  partition: PartitionId,
  deadlineMs: number,
): Promise<Head | undefined> {
  const age = { nowMs: ports.clock.nowMs(), flushMs: Number.POSITIVE_INFINITY }
  const [cut] = await flush(ports, [{ partition, age }], deadlineMs)
  if (cut?.status === 'rejected') throw cut.reason
  return cut?.value
}
