import type { GroupDescription } from '../../contract/groups.ts'
import {
  assignedPartitionsIn,
  CONSUMER_PROTOCOL_TYPE,
  subscribedTopicsIn,
} from '../../core/group/classic/consumer-protocol.ts'
import type { Claim, Group, GroupTopic, Member } from '../../core/group/group.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { groupTopics } from '../../core/group/subscribing/subscription.ts'
import { partitionKey, partitionsByKey, partitionsOf } from '../../core/topic/partition-id.ts'
import { type Trigger, triggerOwner } from '../../core/trigger/trigger.ts'
import { describeClassic } from './classic/describe-classic.ts'
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
  if (group.classic) return await describeClassicGroup(call, group)
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

/** A classic group: who owns what is read from what its leader has assigned, where that is in Kafka's own form. */
async function describeClassicGroup(call: GroupCall, group: Group): Promise<GroupDescription> {
  const { groupId } = call
  const described = await describeClassic(call)
  if (!described) return await describeGroup(call)
  const { state, protocolType, protocolName, generation } = described
  const leases = new Map((await readLiving(call, groupId)).map(member => [member.memberId, member]))
  const isConsumer = protocolType === CONSUMER_PROTOCOL_TYPE
  const memberList = described.members.map(({ metadata, assignment, ...member }) => {
    const assigned = isConsumer ? (assignedPartitionsIn(assignment) ?? []) : []
    return {
      ...member,
      topics: isConsumer ? (subscribedTopicsIn(metadata) ?? []) : [],
      topicPattern: null,
      leaseUntilMs: leases.get(member.memberId)?.leaseUntilMs ?? 0,
      owned: assigned.flatMap(({ topic, partitions }) => partitions.map(partition => ({ topic, partition }))),
    }
  })
  const ownerOf = new Map(
    memberList.flatMap(({ memberId, owned }) =>
      owned.map(({ topic, partition }) => [`${topic}/${partition}`, memberId] as const),
    ),
  )
  const topics = await readAllTopics(call)
  const claims = await call.readAll(() => call.groups.claims(groupId))
  const subscribed = new Set(memberList.flatMap(member => member.topics))
  const shown = topics.filter(({ name }) => subscribed.has(name))
  const partitions = await describePartitions(call, new Set(), claims, topics, shown)
  return {
    groupId,
    state,
    members: memberList.length,
    kind: 'classic',
    protocolType,
    ...(state === 'Stable' && { protocolName }),
    epoch: generation,
    assignor: group.assignor,
    memberList,
    partitions: partitions.map(partition => ({
      ...partition,
      memberId: ownerOf.get(`${partition.topic}/${partition.partition}`) ?? null,
    })),
  }
}

type DescribedMember = Omit<GroupDescription['memberList'][number], 'owned'>

function describeMember(member: Member): DescribedMember {
  const { memberId, instanceId, clientId, clientHost, topics, topicPattern, leaseUntilMs } = member
  const host = clientHost !== undefined && { clientHost }
  return { memberId, instanceId, clientId, ...host, topics: [...topics], topicPattern, leaseUntilMs }
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
