import type { PartitionOffsets } from '../../contract/broker.ts'
import type { GroupBroker, GroupOffset, GroupState } from '../../contract/groups.ts'
import type { Offset } from '../../core/numbers.ts'

/** How far a group is in one partition. */
export interface PartitionLag extends Omit<PartitionOffsets, 'bytes'> {
  /** null: nothing was ever committed. */
  committedOffset: Offset | null
  /** Records between the committed offset and the end; all that there are where nothing was committed. */
  lag: number
}

/** How far a group is in one topic. */
export interface TopicLag {
  groupId: string
  state: GroupState
  members: number
  lag: number
}

export function lagOf(
  offsets: readonly PartitionOffsets[],
  committed: readonly GroupOffset[],
): PartitionLag[] {
  const byPartition = new Map(committed.map(({ partition, offset }) => [partition, offset]))
  return offsets.map(({ partition, startOffset, endOffset }) => {
    const committedOffset = byPartition.get(partition) ?? null
    // Records that were deleted need no consuming any more.
    const next = Math.max(committedOffset ?? 0, startOffset)
    return { partition, startOffset, endOffset, committedOffset, lag: Math.max(0, endOffset - next) }
  })
}

/** Every group that has committed something in this topic. */
export async function findTopicLags(
  broker: GroupBroker,
  topic: string,
  offsets: readonly PartitionOffsets[],
): Promise<TopicLag[]> {
  const groups = await broker.listGroups()
  const lags: TopicLag[] = []
  for (const group of groups) {
    const committed = await broker.fetchOffsets({ groupId: group.groupId, topics: [topic] })
    if (committed.length === 0) continue
    const lag = lagOf(offsets, committed).reduce((sum, partition) => sum + partition.lag, 0)
    lags.push({ ...group, lag })
  }
  return lags
}
