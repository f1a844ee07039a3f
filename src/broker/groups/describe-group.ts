import type { GroupDescription } from '../../contract/groups.ts'
import type { Claim, GroupTopic, Member } from '../../core/group/group.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { groupTopics } from '../../core/group/subscribing/subscription.ts'
import { partitionKey, partitionsByKey, partitionsOf } from '../../core/topic/partition-id.ts'
import { type Trigger, triggerOwner } from '../../core/trigger/trigger.ts'
import { byPlace } from './fetch-offsets.ts'
import { type GroupCall, unknownGroup } from './group-call.ts'
import { readLiving, stateOf } from './group-state.ts'
import { readAllTopics } from './group-topics.ts'
import { readGroupTriggers } from './group-triggers.ts'

/**
 * A group with its members, and the partitions that they subscribe to or that somebody has owned or committed. A trigger
 * that is active is shown as a member.
 */
export async function describeGroup(call: GroupCall): Promise<GroupDescription> {
  const { groupId, groups } = call
  checkGroupId(groupId)
  const group = await call.read(() => groups.readGroup(groupId))
  if (!group) throw unknownGroup(groupId)
  const members = await readLiving(call, groupId)
  const triggers = await readGroupTriggers(call)
  const active = triggers.filter(trigger => trigger.state === 'active')
  const living = new Set([
    ...members.map(({ memberId }) => memberId),
    ...active.map(({ triggerId }) => triggerOwner(triggerId)),
  ])
  const topics = await readAllTopics(call)
  const claims = await call.readAll(() => groups.claims(groupId))
  const triggered = new Set(triggers.map(({ topic }) => topic))
  const subscribed = [...groupTopics(members, topics), ...topics.filter(({ name }) => triggered.has(name))]
  const partitions = await describePartitions(call, living, claims, topics, subscribed)
  return {
    groupId,
    state: stateOf(group, members, active),
    members: members.length + active.length,
    epoch: group.epoch,
    assignor: group.assignor,
    memberList: [...members.map(describeMember), ...active.map(describeTrigger)].map(member => ({
      ...member,
      owned: partitions
        .filter(({ memberId }) => memberId === member.memberId)
        .map(({ topic, partition }) => ({ topic, partition })),
    })),
    partitions,
  }
}

type DescribedMember = Omit<GroupDescription['memberList'][number], 'owned'>

function describeMember(member: Member): DescribedMember {
  const { memberId, instanceId, clientId, topics, topicPattern, leaseUntilMs } = member
  return { memberId, instanceId, clientId, topics: [...topics], topicPattern, leaseUntilMs }
}

function describeTrigger({ triggerId, target, topic }: Trigger): DescribedMember {
  return {
    memberId: triggerOwner(triggerId),
    instanceId: null,
    clientId: target,
    topics: [topic],
    topicPattern: null,
    leaseUntilMs: null,
  }
}

async function describePartitions(
  call: GroupCall,
  living: ReadonlySet<string>,
  claims: readonly Claim[],
  topics: readonly GroupTopic[],
  subscribed: readonly GroupTopic[],
): Promise<GroupDescription['partitions']> {
  const names = new Map(topics.map(({ topicId, name }) => [topicId, name]))
  const claimOf = new Map(claims.map(claim => [partitionKey(claim), claim]))
  const ids = partitionsByKey([...claims, ...subscribed.flatMap(partitionsOf)])
  const described = await call.forEach([...ids], async ([key, id]) => {
    const topic = names.get(id.topicId)
    const head = topic === undefined ? undefined : await call.read(() => call.ports.index.readHead(id))
    // The topic is gone, or was deleted just now.
    if (topic === undefined || !head) return undefined
    const { owner = null, committed = null } = claimOf.get(key) ?? {}
    const next = Math.max(committed?.offset ?? 0, head.startOffset)
    return {
      topic,
      partition: id.partition,
      memberId: owner !== null && living.has(owner) ? owner : null,
      committedOffset: committed?.offset ?? null,
      startOffset: head.startOffset,
      endOffset: head.nextOffset,
      lag: Math.max(0, head.nextOffset - next),
    }
  })
  return described.filter(partition => partition !== undefined).sort(byPlace)
}
