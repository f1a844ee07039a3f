import type { DeleteRecords } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil, WrittenByCall } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { partitionGone, type Topic } from '../topics/topic-directory.ts'

/**
 * Moves the log's start, below which nothing is read any more. What lies there goes with the next visit of whoever has logs
 * settle.
 * @param onStartMoved told of the partition then
 * @throws TidemarkError POLICY_VIOLATION where records go by their keys alone, as in Kafka
 */
export async function deleteRecords(
  ports: Ports,
  directory: TopicDirectory,
  { topic, partition, beforeOffset }: DeleteRecords,
  onStartMoved: (partition: PartitionId) => void = () => {},
): Promise<{ startOffset: Offset }> {
  const deadlineMs = ports.clock.monotonicMs() + PRODUCE_DEADLINE_MS
  const id = await directory.resolvePartition(topic, partition)
  // What is remembered may be from before an alteration.
  if (isCompactAlone(await directory.resolve(topic)) && isCompactAlone(await directory.refresh(topic)))
    throw new TidemarkError(
      'POLICY_VIOLATION',
      `Records of "${topic}" go by their keys alone: its cleanup.policy is compact. Write tombstones, or make it compact,delete.`,
    )
  const head = await retryUntil(ports, deadlineMs, new WrittenByCall(), () =>
    ports.index.moveStart(id, beforeOffset),
  )
  if (!head) {
    directory.forget(topic)
    throw partitionGone('no')
  }
  if (beforeOffset > head.nextOffset) {
    throw new TidemarkError(
      'OFFSET_OUT_OF_RANGE',
      `Records before ${beforeOffset} cannot be deleted: the log ends at ${head.nextOffset}.`,
    )
  }
  onStartMoved(id)
  return { startOffset: head.startOffset }
}

function isCompactAlone({ settings }: Topic): boolean {
  return settings.isCompacted && !settings.isDeleted
}
