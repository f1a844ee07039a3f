import type { GroupState } from '../../contract/groups.ts'
import type { Group, Member } from '../../core/group/group.ts'

/** Kafka's name for how far a group is. */
export function stateOf(group: Group, members: readonly Member[]): GroupState {
  if (members.length === 0) return 'Empty'
  if (group.marks !== group.marksSeen || group.epoch === 0) return 'Assigning'
  return members.every(member => member.settledEpoch === group.epoch) ? 'Stable' : 'Reconciling'
}
