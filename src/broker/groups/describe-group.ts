import type { GroupDescription } from '../../contract/groups.ts'
import type { Claim, GroupTopic, Member } from '../../core/group/group.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { isExpired } from '../../core/group/session.ts'
import { groupTopics } from '../../core/group/subscribing/subscription.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import { type Trigger, triggerOwner } from '../../core/trigger/trigger.ts'
import { readGroupTriggers } from '../triggers/group-triggers.ts'
import { byPlace } from './fetch-offsets.ts'
import { type GroupCall, unknownGroup } from './group-call.ts'
import { stateOf } from './group-state.ts'
import { readAllTopics } from './group-topics.ts'

/**
 * A group with its members, and the partitions that they subscribe to or that somebody has owned or committed. A trigger
 * that is active is shown as a member.
 */
export async function describe(call: GroupCall): Promise<GroupDescription> {
  const { groupId, groups } = call
  checkGroupId(groupId)
  const group = await call.read(() => groups.readGroup(groupId))
  if (!group) throw unknownGroup(groupId)
  const all = await call.readAll(() => groups.members(groupId))
  const members = all.filter(member => !isExpired(member, call.nowMs()))
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
    memberList: [
      ...members.map(member => describeMember(member, partitions)),
      ...active.map(trigger => describeTrigger(trigger, partitions)),
    ],
    partitions,
  }
}

function describeMember(
  { memberId, instanceId, clientId, topics, topicPattern, leaseUntilMs }: Member,
  partitions: GroupDescription['partitions'],
): GroupDescription['memberList'][number] {
  return {
    memberId,
    instanceId,
    clientId,
    topics: [...topics],
    topicPattern,
    owned: ownedBy(memberId, partitions),
    leaseUntilMs,
  }
}

function describeTrigger(
  { triggerId, target, topic }: Trigger,
  partitions: GroupDescription['partitions'],
): GroupDescription['memberList'][number] {
  const memberId = triggerOwner(triggerId)
  return {
    memberId,
    instanceId: null,
    clientId: target,
    topics: [topic],
    topicPattern: null,
    owned: ownedBy(memberId, partitions),
    leaseUntilMs: null,
  }
}

function ownedBy(
  memberId: string,
  partitions: GroupDescription['partitions'],
): { topic: string; partition: number }[] {
  return partitions
    .filter(partition => partition.memberId === memberId)
    .map(({ topic, partition }) => ({ topic, partition }))
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
  const ids = new Map<string, PartitionId>()
  for (const { topicId, partition } of claims)
    ids.set(partitionKey({ topicId, partition }), { topicId, partition })
  for (const { topicId, partitions } of subscribed) {
    for (let partition = 0; partition < partitions; partition += 1) {
      ids.set(partitionKey({ topicId, partition }), { topicId, partition })
    }
  }
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
