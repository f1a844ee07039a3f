import type { GroupDescription, GroupState } from '../../contract/groups.ts'

export interface DescribedGroup {
  groupId: string
  protocolType: 'consumer'
  /** The assignor. */
  protocol: string
  state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'
  members: DescribedMember[]
}

export interface DescribedMember {
  memberId: string
  clientId: string
  /** What it owns. In place of KafkaJS's encoded memberAssignment. */
  assignment: { topic: string; partition: number }[]
}

/** Kafka's words for a group's states. */
export const STATES = {
  Empty: 'Empty',
  Assigning: 'PreparingRebalance',
  Reconciling: 'CompletingRebalance',
  Stable: 'Stable',
} as const satisfies Record<GroupState, DescribedGroup['state']>

export function toDescribed({ groupId, assignor, state, memberList }: GroupDescription): DescribedGroup {
  return {
    groupId,
    protocolType: 'consumer',
    protocol: assignor,
    state: STATES[state],
    members: memberList.map(({ memberId, clientId, owned }) => ({ memberId, clientId, assignment: owned })),
  }
}
