import type { DeletedGroup } from '../errors.ts'

export type ConsumerGroupState =
  | 'Unknown'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Stable'
  | 'Dead'
  | 'Empty'

export type MemberDescription = {
  /** Always empty: nobody keeps it. */
  clientHost: string
  clientId: string
  memberId: string
  /** What it owns, in Kafka's encoding: `AssignerProtocol.MemberAssignment.decode` reads it. */
  memberAssignment: Buffer
  /** The topics of which it owns something, in Kafka's encoding: `AssignerProtocol.MemberMetadata.decode` reads it. */
  memberMetadata: Buffer
}

export type GroupDescription = {
  groupId: string
  members: MemberDescription[]
  /** How the group shares partitions out. */
  protocol: string
  protocolType: string
  state: ConsumerGroupState
}

export type GroupDescriptions = { groups: GroupDescription[] }

export type GroupOverview = { groupId: string; protocolType: string }

export type DeleteGroupsResult = DeletedGroup
