import type { ClassicGroupBroker, JoinedGroup, JoinGroup } from '../../../../src/contract/classic-groups.ts'

/** What a member of a test joins with, unless it says something else. */
export function joining(groupId: string, others: Partial<JoinGroup> = {}): JoinGroup {
  return {
    groupId,
    memberId: '',
    clientId: 'tests',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('metadata') }],
    requiresMemberId: false,
    canSkipAssignment: true,
    ...others,
  }
}

/** Sends what its generation's member sends; a leader assigns each its own id, and the generation. */
export async function sync(
  broker: ClassicGroupBroker,
  groupId: string,
  joined: JoinedGroup,
  instanceId?: string,
): Promise<string> {
  const { generation, memberId, members } = joined
  const assignments = members.map(member => ({
    memberId: member.memberId,
    assignment: Buffer.from(`${member.memberId} in ${generation}`),
  }))
  const { assignment } = await broker.syncGroup({ groupId, generation, memberId, instanceId, assignments })
  return Buffer.from(assignment).toString()
}
