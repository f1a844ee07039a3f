import { blockEnd } from '../../core/log/block.ts'
import { type Cut, isCutCheaper } from '../../core/log/changes/cut.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { foldProducers } from '../../core/log/producers/fold-producers.ts'
import { isDead, makeBlock, movedEpoch } from '../../core/log/tail.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { inTime } from '../store-calls/retry.ts'

/**
 * What is to leave the tail with the next append, where that is cheaper: its block is put beforehand, with the payloads in it as they
 * are. Whatever comes of that, the append is possible without: a block that nobody cuts by is found by the next flush, and does no harm.
 * @param head as it is, unless others have just appended: then the cut is refused, and in vain
 */
export async function cutBeside(
  { index, clock }: Ports,
  partition: PartitionId,
  head: Head,
  entry: IndexEntry,
  deadlineMs: number,
): Promise<Cut | undefined> {
  if (!index.headCost || !isCutCheaper(index.headCost, partition, head, entry)) return undefined
  const own = makeBlock(head, head.tail)
  // Producers that are to leave the head do so with a flush: without any it would grow with each that comes, and never stop.
  if (foldProducers(head, own).retired.size > 0) return undefined
  try {
    const block = await inTime(clock, deadlineMs, index.putBlock(partition, own))
    // Somebody else's may stand there, and decides: as it is, or not at all.
    if (blockEnd(block) !== head.nextOffset || isDead(head, block)) return undefined
    return { block, changes: foldProducers(head, block, 0), movedEpoch: movedEpoch(head, block) }
  } catch {
    // What is wrong with the store the append tells.
    return undefined
  }
}
