import type { Written } from '../../core/errors.ts'
import { PRODUCERS_PARALLEL_MAX } from '../../core/limits.ts'
import { expiryMs, type FlushedProducer } from '../../core/log/producers/flushed-producer.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'

/**
 * What is known of producers outside of the head; undefined where that is nothing, or too old to count.
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline, with `written` as given
 */
export async function readRetired(
  ports: Ports,
  partition: PartitionId,
  producerIds: Iterable<bigint>,
  deadlineMs: number,
  written: Written,
): Promise<Map<bigint, FlushedProducer | undefined>> {
  const reads = Array.from(producerIds, async producerId => {
    const read = () => ports.index.readProducer(partition, producerId)
    const producer = await retryUntil(ports, deadlineMs, written, read)
    // The store may be slow to drop what has expired.
    const counts = producer && expiryMs(producer) > ports.clock.nowMs()
    return [producerId, counts ? producer : undefined] as const
  })
  return new Map(await Promise.all(reads))
}

/**
 * Keeps what is known of producers that are to leave the head, some at a time.
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline
 */
export async function putRetired(
  ports: Ports,
  partition: PartitionId,
  producers: ReadonlyMap<bigint, FlushedProducer>,
  deadlineMs: number,
): Promise<void> {
  const waiting = producers.entries()
  const putInTurn = async () => {
    for (const [producerId, producer] of waiting) {
      const put = () => ports.index.putProducer(partition, producerId, producer, ports.clock.nowMs())
      await retryUntil(ports, deadlineMs, 'no', put)
    }
  }
  await Promise.all(Array.from({ length: Math.min(producers.size, PRODUCERS_PARALLEL_MAX) }, putInTurn))
}
