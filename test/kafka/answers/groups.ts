import { ConsumerGroupDescribe } from '../../../src/gateway/wire/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../../src/gateway/wire/messages/consumer-group-heartbeat.ts'
import { CreateTopics } from '../../../src/gateway/wire/messages/create-topics.ts'
import { DeleteGroups } from '../../../src/gateway/wire/messages/delete-groups.ts'
import { DescribeGroups } from '../../../src/gateway/wire/messages/describe-groups.ts'
import { FindCoordinator } from '../../../src/gateway/wire/messages/find-coordinator.ts'
import { Heartbeat } from '../../../src/gateway/wire/messages/heartbeat.ts'
import { JoinGroup } from '../../../src/gateway/wire/messages/join-group.ts'
import { LeaveGroup } from '../../../src/gateway/wire/messages/leave-group.ts'
import { ListGroups } from '../../../src/gateway/wire/messages/list-groups.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { OffsetCommit } from '../../../src/gateway/wire/messages/offset-commit.ts'
import { OffsetDelete } from '../../../src/gateway/wire/messages/offset-delete.ts'
import { OffsetFetch } from '../../../src/gateway/wire/messages/offset-fetch.ts'
import { SyncGroup } from '../../../src/gateway/wire/messages/sync-group.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import type { Asking, Scene } from './scene.ts'
import { settled } from './settled.ts'
import { staticConsumer } from './static-consumer.ts'

/** Version 1 of a subscription, of the topic "tides", without user data. */
function subscription(topic: string): Buffer {
  const name = Buffer.from(topic)
  const head = Buffer.from([0, 1, 0, 0, 0, 1, 0, name.length])
  return Buffer.concat([head, name, Buffer.from([255, 255, 255, 255])])
}

const joinOf = (groupId: string, more: object = {}) => ({
  groupId,
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 60_000,
  memberId: '',
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription('tides') }],
  reason: null,
  ...more,
})

const commitOf = (groupId: string, name: string, more: object = {}, partition: object = {}) => ({
  groupId,
  generationIdOrMemberEpoch: -1,
  memberId: '',
  groupInstanceId: null,
  retentionTimeMs: -1,
  topics: [
    {
      name,
      topicId: NO_UUID,
      partitions: [
        {
          partitionIndex: 0,
          committedOffset: 7,
          committedLeaderEpoch: 0,
          committedMetadata: 'm',
          ...partition,
        },
      ],
    },
  ],
  ...more,
})

export const classic: Scene = async (ask, prefix) => {
  const topic = `${prefix}tides`
  const topics = [{ name: topic, numPartitions: 3, replicationFactor: 1 }]
  await ask('create', CreateTopics, 4, { topics, timeoutMs: 5_000 })
  await coordinators(ask, `${prefix}g`)
  await refusals(ask, `${prefix}r`, topic)
  await oneMember(ask, `${prefix}g`, topic)
  await staticMember(ask, `${prefix}s`)
  await nobody(ask, `${prefix}n`, topic)
}

async function coordinators(ask: Asking, groupId: string): Promise<void> {
  for (const version of [0, 1, 3])
    await ask(`coordinator ${version}`, FindCoordinator, version, {
      key: groupId,
      keyType: 0,
      coordinatorKeys: [],
    })
  for (const keyType of [0, 9]) {
    const asked = { key: '', keyType, coordinatorKeys: [groupId, `${groupId}2`] }
    await ask(`coordinators of type ${keyType}`, FindCoordinator, 4, asked)
  }
}

async function refusals(ask: Asking, groupId: string, topic: string): Promise<void> {
  for (const [label, more] of Object.entries({
    'a short session': { sessionTimeoutMs: 5_999 },
    'a long session': { sessionTimeoutMs: 1_800_001 },
    'no group': { groupId: '' },
    'an id that nobody gave': { memberId: 'nobody' },
    'no protocols': { protocols: [] },
    'no type': { protocolType: '' },
  })) {
    await ask(`join with ${label}`, JoinGroup, 9, joinOf(groupId, more))
    await ask(`join of old with ${label}`, JoinGroup, 2, joinOf(groupId, more))
  }
  const name = { groupId, generationId: 1, memberId: 'nobody', groupInstanceId: null }
  const sync = { ...name, protocolType: 'consumer', protocolName: 'range', assignments: [] }
  for (const version of [0, 5]) await ask(`sync nobody ${version}`, SyncGroup, version, sync)
  await ask('sync without a protocol', SyncGroup, 5, { ...sync, protocolName: null })
  for (const version of [0, 4]) await ask(`heartbeat of nobody ${version}`, Heartbeat, version, name)
  const leave = {
    groupId,
    memberId: 'nobody',
    members: [{ memberId: 'nobody', groupInstanceId: null, reason: null }],
  }
  for (const version of [0, 2, 3, 5]) await ask(`leave of nobody ${version}`, LeaveGroup, version, leave)
  const member = { generationIdOrMemberEpoch: 1, memberId: 'nobody' }
  for (const version of [2, 8, 9]) {
    await ask(`commit of nobody ${version}`, OffsetCommit, version, commitOf(groupId, topic, member))
  }
  await ask('commit without a group', OffsetCommit, 8, commitOf('', topic))
  await ask('describe what is not', DescribeGroups, 5, {
    groups: [groupId, ''],
    includeAuthorizedOperations: false,
  })
  await ask('delete what is not', DeleteGroups, 2, { groupsNames: [groupId, ''] })
  const partitions = [{ partitionIndex: 0 }]
  await ask('forget what is not', OffsetDelete, 0, { groupId, topics: [{ name: topic, partitions }] })
}

async function oneMember(ask: Asking, groupId: string, topic: string): Promise<void> {
  const metadata = subscription(topic)
  const protocols = [{ name: 'range', metadata }]
  const join = (label: string, version: number, more: object = {}) =>
    ask(label, JoinGroup, version, joinOf(groupId, { protocols, ...more }))
  const first = await join('join', 9)
  const memberId = first?.memberId ?? ''
  await join('join with the id', 9, { memberId })
  const name = { groupId, generationId: 1, memberId, groupInstanceId: null }
  const sync = {
    ...name,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId, assignment: Buffer.from('abc') }],
  }
  const commit = (label: string, version: number, more: object = {}, partition: object = {}) =>
    ask(
      label,
      OffsetCommit,
      version,
      commitOf(groupId, topic, { generationIdOrMemberEpoch: 1, memberId, ...more }, partition),
    )
  await ask('heartbeat before the sync', Heartbeat, 4, name)
  await commit('commit before the sync', 8)
  await join('join again before the sync', 9, { memberId })
  for (const [label, more] of Object.entries({
    'another protocol': { protocolName: 'sticky' },
    'another type': { protocolType: 'connect' },
    'another generation': { generationId: 2 },
  })) {
    await ask(`sync of ${label}`, SyncGroup, 5, { ...sync, ...more })
  }
  await ask('sync', SyncGroup, 5, sync)
  await ask('sync again', SyncGroup, 5, { ...sync, assignments: [] })
  await ask('sync of old', SyncGroup, 0, { ...sync, assignments: [] })
  await ask('heartbeat', Heartbeat, 4, name)
  await ask('heartbeat of another generation', Heartbeat, 4, { ...name, generationId: 0 })
  await ask('heartbeat of an instance', Heartbeat, 4, { ...name, groupInstanceId: 'i' })
  for (const version of [2, 5, 8, 9]) await commit(`commit ${version}`, version)
  await commit('commit of another generation', 8, { generationIdOrMemberEpoch: 2 })
  await commit('commit of no generation', 8, { generationIdOrMemberEpoch: -1 })
  await commit('commit of nobody', 8, { generationIdOrMemberEpoch: -1, memberId: '' })
  await commit('commit without metadata', 8, {}, { committedMetadata: null })
  await commit('commit with long metadata', 8, {}, { committedMetadata: 'x'.repeat(4_097) })
  await commit('commit with metadata just so', 8, {}, { committedMetadata: 'x'.repeat(4_096) })
  await commit('commit to an unknown partition', 8, {}, { partitionIndex: 9 })
  await commit('commit beyond the end', 8, {}, { partitionIndex: 1, committedOffset: 5_000 })
  await offsets(ask, groupId, topic)
  for (const version of [0, 4, 5])
    await ask(`describe ${version}`, DescribeGroups, version, {
      groups: [groupId],
      includeAuthorizedOperations: true,
    })
  for (const version of [0, 4, 5])
    await ask(`list ${version}`, ListGroups, version, { statesFilter: [], typesFilter: [] })
  await ask('list stable ones', ListGroups, 5, { statesFilter: ['stable'], typesFilter: [] })
  await ask('list consumers', ListGroups, 5, { statesFilter: [], typesFilter: ['consumer'] })
  await ask('list what is none', ListGroups, 5, { statesFilter: ['Flooded'], typesFilter: [] })
  await ask('delete a group with members', DeleteGroups, 2, { groupsNames: [groupId] })
  const forget = (label: string, name: string) =>
    ask(label, OffsetDelete, 0, { groupId, topics: [{ name, partitions: [{ partitionIndex: 0 }] }] })
  await forget('forget what is subscribed', topic)
  await forget('forget an unknown topic', `${topic}-nope`)
  await join('join of another type', 3, { protocolType: 'connect' })
  await join('join of another protocol', 3, { protocols: [{ name: 'sticky', metadata }] })
  await ask('consumer heartbeat of a classic group', ConsumerGroupDescribe, 1, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  })
  await join('join with other metadata', 9, {
    memberId,
    protocols: [{ name: 'range', metadata: Buffer.concat([metadata, Buffer.from([0])]) }],
  })
  await ask('heartbeat of an old generation', Heartbeat, 4, name)
  const member = { memberId, groupInstanceId: null, reason: null }
  await ask('leave', LeaveGroup, 5, {
    groupId,
    memberId: '',
    members: [member, { ...member, memberId: 'x' }],
  })
  await ask('describe an empty one', DescribeGroups, 5, {
    groups: [groupId],
    includeAuthorizedOperations: false,
  })
  await ask('list empty ones', ListGroups, 5, { statesFilter: ['Empty'], typesFilter: [] })
  await forget('forget', topic)
  await ask('delete', DeleteGroups, 2, { groupsNames: [groupId] })
}

async function offsets(ask: Asking, groupId: string, topic: string): Promise<void> {
  const { topics = [] } =
    (await ask('metadata', Metadata, 12, {
      topics: [{ name: topic, topicId: NO_UUID }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })) ?? {}
  const topicId = topics[0]?.topicId ?? NO_UUID
  for (const version of [1, 2, 5, 7, 8, 9, 10]) {
    const asked = [{ name: topic, topicId, partitionIndexes: [0, 1, 2, 9] }]
    const group = { groupId, memberId: null, memberEpoch: -1, topics: asked }
    await ask(`fetch ${version}`, OffsetFetch, version, {
      groupId,
      topics: asked,
      groups: [group, { ...group, groupId: `${groupId}-other` }],
      requireStable: true,
    })
  }
  for (const version of [2, 7, 8, 10]) {
    await ask(`fetch all ${version}`, OffsetFetch, version, {
      groupId,
      topics: null,
      groups: [{ groupId, memberId: null, memberEpoch: -1, topics: null }],
      requireStable: false,
    })
  }
  const unknown = [
    { name: `${topic}-nope`, topicId: '0b1f3a52-7c1e-4a4e-9d55-0123456789ab', partitionIndexes: [0] },
  ]
  for (const version of [5, 9, 10]) {
    await ask(`fetch unknown ${version}`, OffsetFetch, version, {
      groupId,
      topics: unknown,
      groups: [{ groupId, memberId: null, memberEpoch: -1, topics: unknown }],
      requireStable: false,
    })
  }
}

async function staticMember(ask: Asking, groupId: string): Promise<void> {
  const instance = { groupInstanceId: 'one' }
  const first = await ask('join as an instance', JoinGroup, 9, joinOf(groupId, instance))
  const before = first?.memberId ?? ''
  const sync = (memberId: string) => ({
    groupId,
    generationId: 1,
    memberId,
    ...instance,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId, assignment: Buffer.from('abc') }],
  })
  await ask('sync as an instance', SyncGroup, 5, sync(before))
  const again = await ask('join in its place', JoinGroup, 9, joinOf(groupId, instance))
  const memberId = again?.memberId ?? ''
  await ask('sync in its place', SyncGroup, 5, { ...sync(memberId), assignments: [] })
  await ask('heartbeat of whom it replaces', Heartbeat, 4, {
    groupId,
    generationId: 1,
    memberId: before,
    ...instance,
  })
  await ask('sync of whom it replaces', SyncGroup, 5, { ...sync(before), assignments: [] })
  await ask('join of whom it replaces', JoinGroup, 9, joinOf(groupId, { ...instance, memberId: before }))
  const third = await ask('join of old in its place', JoinGroup, 5, joinOf(groupId, instance))
  await ask('heartbeat of the last', Heartbeat, 4, {
    groupId,
    generationId: 1,
    memberId: third?.memberId ?? '',
    ...instance,
  })
  const leave = (memberId: string, groupInstanceId: string) => ({
    groupId,
    memberId: '',
    members: [{ memberId, groupInstanceId, reason: null }],
  })
  await ask('leave as another', LeaveGroup, 5, leave('other', 'one'))
  await ask('leave as no instance', LeaveGroup, 5, leave('', 'two'))
  await ask('leave by its instance', LeaveGroup, 5, leave('', 'one'))
}

async function nobody(ask: Asking, groupId: string, topic: string): Promise<void> {
  await ask("commit as nobody's", OffsetCommit, 8, commitOf(groupId, topic))
  await ask('commit nothing', OffsetCommit, 8, commitOf(groupId, topic, {}, { committedOffset: -1 }))
  const asked = [{ name: topic, partitionIndexes: [0] }]
  await ask('fetch nothing', OffsetFetch, 5, { groupId, topics: asked, groups: [], requireStable: false })
  await ask("describe nobody's", DescribeGroups, 5, { groups: [groupId], includeAuthorizedOperations: false })
  await ask("list nobody's", ListGroups, 5, { statesFilter: ['Empty'], typesFilter: [] })
  await ask(
    "commit as somebody's",
    OffsetCommit,
    8,
    commitOf(groupId, topic, { generationIdOrMemberEpoch: 3, memberId: 'm' }),
  )
}

export const consumers: Scene = async (ask, prefix) => {
  const topic = `${prefix}ebbs`
  const groupId = `${prefix}k`
  const topics = [{ name: topic, numPartitions: 3, replicationFactor: 1 }]
  await ask('create', CreateTopics, 4, { topics, timeoutMs: 5_000 })
  await settled()
  const nothing = {
    groupId,
    memberId: 'one',
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: null,
  }
  const joining = {
    ...nothing,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: [topic],
    topicPartitions: [],
  }
  const beat = (label: string, more: object, version = 1) =>
    ask(label, ConsumerGroupHeartbeat, version, { ...joining, ...more })
  for (const [label, more] of Object.entries({
    'no group': { groupId: '' },
    'no member': { memberId: '' },
    'no time-out': { rebalanceTimeoutMs: -1 },
    'no partitions': { topicPartitions: null },
    'no subscription': { subscribedTopicNames: null },
    'no instance': { memberEpoch: -2 },
    'an empty instance': { instanceId: '' },
    'a wrong epoch': { memberEpoch: -3 },
    'an unknown assignor': { serverAssignor: 'mine' },
    'a wrong expression': { subscribedTopicRegex: '[' },
    'an epoch of nobody': { memberEpoch: 5 },
  })) {
    await beat(`heartbeat with ${label}`, more)
  }
  const first = await beat('join', {})
  const memberEpoch = first?.memberEpoch ?? 0
  const member = { ...nothing, memberEpoch }
  await settled()
  const later = await ask('heartbeat', ConsumerGroupHeartbeat, 1, member)
  const [own] = later?.assignment?.topicPartitions ?? first?.assignment?.topicPartitions ?? []
  const current = { ...member, memberEpoch: later?.memberEpoch ?? memberEpoch }
  const topicPartitions = own ? [own] : []
  await ask('heartbeat with what it has', ConsumerGroupHeartbeat, 1, { ...current, topicPartitions })
  await ask('heartbeat once more', ConsumerGroupHeartbeat, 1, current)
  await ask('heartbeat from the future', ConsumerGroupHeartbeat, 1, { ...current, memberEpoch: 77 })
  const commit = (label: string, version: number, more: object = {}) =>
    ask(
      label,
      OffsetCommit,
      version,
      commitOf(groupId, topic, { generationIdOrMemberEpoch: current.memberEpoch, memberId: 'one', ...more }),
    )
  await commit('commit 9', 9)
  await commit('commit 8', 8)
  await commit('commit from the future', 9, { generationIdOrMemberEpoch: 77 })
  await commit('commit of nobody', 9, { generationIdOrMemberEpoch: -1, memberId: '' })
  await commit('commit of somebody else', 9, { memberId: 'two' })
  for (const [label, asking] of Object.entries({
    'of a member': { memberId: 'one', memberEpoch: current.memberEpoch },
    'of an administrator': { memberId: null, memberEpoch: -1 },
    'from the past': { memberId: 'one', memberEpoch: current.memberEpoch - 1 },
    'from the future': { memberId: 'one', memberEpoch: 77 },
    'of somebody else': { memberId: 'two', memberEpoch: current.memberEpoch },
    'of nobody': { memberId: null, memberEpoch: current.memberEpoch },
    'without an epoch': { memberId: 'one', memberEpoch: -1 },
  })) {
    await ask(`fetch ${label}`, OffsetFetch, 9, {
      groupId,
      topics: [],
      groups: [{ groupId, ...asking, topics: [{ name: topic, topicId: NO_UUID, partitionIndexes: [0] }] }],
      requireStable: false,
    })
  }
  await ask('fetch of a member of no group', OffsetFetch, 9, {
    groupId,
    topics: [],
    groups: [
      {
        groupId: `${groupId}-other`,
        memberId: 'one',
        memberEpoch: 1,
        topics: [{ name: topic, topicId: NO_UUID, partitionIndexes: [0] }],
      },
    ],
    requireStable: false,
  })
  const groupIds = [groupId, `${groupId}-other`]
  await ask('describe', ConsumerGroupDescribe, 1, { groupIds, includeAuthorizedOperations: true })
  await ask('describe as classic', DescribeGroups, 5, {
    groups: groupIds,
    includeAuthorizedOperations: false,
  })
  await ask('list', ListGroups, 5, { statesFilter: [], typesFilter: ['consumer'] })
  await ask('delete with members', DeleteGroups, 2, { groupsNames: [groupId] })
  await ask('forget', OffsetDelete, 0, {
    groupId,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
  })
  await ask(
    'join as classic',
    JoinGroup,
    3,
    joinOf(groupId, { protocols: [{ name: 'x', metadata: Buffer.from('x') }] }),
  )
  await staticConsumer(ask, { ...joining, groupId: `${groupId}-static` })
  await ask('leave', ConsumerGroupHeartbeat, 1, { ...member, memberEpoch: -1 })
  await ask('leave again', ConsumerGroupHeartbeat, 1, { ...member, memberEpoch: -1 })
  await ask('heartbeat after it has left', ConsumerGroupHeartbeat, 1, current)
}
