import type { DeleteRecords } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil, WrittenByCall } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { partitionGone } from '../topics/topic-directory.ts'

/**
 * Moves the log's start and drops the blocks below it. The start moves first: a crash in between leaves blocks
 * that nobody reads, and the next deletion takes them along.
 */
export async function deleteRecords(
  ports: Ports,
  directory: TopicDirectory,
  { topic, partition, beforeOffset }: DeleteRecords,
): Promise<{ startOffset: Offset }> {
  const deadlineMs = ports.clock.monotonicMs() + PRODUCE_DEADLINE_MS
  const id = await directory.resolvePartition(topic, partition)
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
  await retryUntil(ports, deadlineMs, 'yes', async () => {
    // The last one may reach beyond it.
    const [last] = await ports.index.readBlocks(id, head.startOffset, 1)
    if (last) await ports.index.removeBlocksBelow(id, last.baseOffset)
  })
  return { startOffset: head.startOffset }
}
