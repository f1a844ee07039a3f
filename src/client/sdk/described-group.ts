import type { GroupDescription, GroupState } from '../../contract/groups.ts'

export interface DescribedGroup {
  groupId: string
  protocolType: string
  /** The assignor; of a classic group what its members have agreed on. */
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
  PreparingRebalance: 'PreparingRebalance',
  CompletingRebalance: 'CompletingRebalance',
  Stable: 'Stable',
} as const satisfies Record<GroupState, DescribedGroup['state']>

export function toDescribed(group: GroupDescription): DescribedGroup {
  const { groupId, assignor, state, memberList, kind, protocolType, protocolName } = group
  const isClassic = kind === 'classic'
  return {
    groupId,
    protocolType: isClassic ? (protocolType ?? '') : 'consumer',
    protocol: isClassic ? (protocolName ?? '') : assignor,
    state: STATES[state],
    members: memberList.map(({ memberId, clientId, owned }) => ({ memberId, clientId, assignment: owned })),
  }
}
