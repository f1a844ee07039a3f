import { beforeEach, expect, test } from 'vitest'
import { DeleteGroups } from '../../../../src/gateway/wire/messages/delete-groups.ts'
import { DescribeGroups } from '../../../../src/gateway/wire/messages/describe-groups.ts'
import { FindCoordinator } from '../../../../src/gateway/wire/messages/find-coordinator.ts'
import { Heartbeat } from '../../../../src/gateway/wire/messages/heartbeat.ts'
import { JoinGroup } from '../../../../src/gateway/wire/messages/join-group.ts'
import { LeaveGroup } from '../../../../src/gateway/wire/messages/leave-group.ts'
import { ListGroups } from '../../../../src/gateway/wire/messages/list-groups.ts'
import { OffsetCommit } from '../../../../src/gateway/wire/messages/offset-commit.ts'
import { OffsetDelete } from '../../../../src/gateway/wire/messages/offset-delete.ts'
import { OffsetFetch } from '../../../../src/gateway/wire/messages/offset-fetch.ts'
import { SyncGroup } from '../../../../src/gateway/wire/messages/sync-group.ts'
import { NO_UUID } from '../../../../src/gateway/wire/schema.ts'
import { NotApplied } from '../../../../src/ports/outcome.ts'
import { AskedGateway } from '../asking.ts'

let gateway: AskedGateway
beforeEach(() => {
  gateway = new AskedGateway()
})

const JOIN = {
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('about me') }],
  reason: null,
}
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString()

/** Joins as a client of this version does, with the id that it is given first. */
async function join(version: number, more: Partial<typeof JOIN> = {}) {
  const first = await gateway.ask(JoinGroup, version, { ...JOIN, ...more })
  if (first.errorCode !== 79) return first
  return await gateway.ask(JoinGroup, version, { ...JOIN, ...more, memberId: first.memberId })
}

async function sync(version: number, joined: { generationId: number; memberId: string }) {
  return await gateway.ask(SyncGroup, version, {
    groupId: 'g',
    generationId: joined.generationId,
    memberId: joined.memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId: joined.memberId, assignment: Buffer.from('all of it') }],
  })
}

const commit = (version: number, more: object) =>
  gateway.ask(OffsetCommit, version, {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    retentionTimeMs: -1,
    topics: [topicOf(7)],
    ...more,
  })

const topicOf = (committedOffset: number, partitionIndex = 0, committedMetadata: string | null = 'm') => ({
  name: 'tides',
  topicId: NO_UUID,
  partitions: [{ partitionIndex, committedOffset, committedLeaderEpoch: 3, committedMetadata }],
})

test('every gateway is the coordinator of every group, in every version', async () => {
  for (let version = 0; version <= 6; version += 1) {
    const keys = version < 4 ? { key: 'g', coordinatorKeys: [] } : { key: '', coordinatorKeys: ['g', 'h'] }
    const answer = await gateway.ask(FindCoordinator, version, { keyType: 0, ...keys })
    const here = { errorCode: 0, nodeId: 1, host: 'tide.example', port: 9092 }
    if (version < 4) expect(answer).toMatchObject(here)
    else
      expect(answer.coordinators).toMatchObject([
        { key: 'g', ...here },
        { key: 'h', ...here },
      ])
  }
  const refused = await gateway.ask(FindCoordinator, 4, { key: '', keyType: 2, coordinatorKeys: ['x'] })
  expect(refused.coordinators).toMatchObject([{ errorCode: 42, nodeId: -1, port: -1 }])
})

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('a member lives in a group by version %i', async version => {
  await gateway.createTopic('tides')
  const joined = await join(version)
  expect(joined).toMatchObject({
    errorCode: 0,
    generationId: 1,
    protocolName: 'range',
    leader: joined.memberId,
  })
  expect(joined.protocolType).toBe(version < 7 ? null : 'consumer')
  expect(joined.members.map(({ metadata }) => utf8(metadata))).toEqual(['about me'])
  const syncVersion = Math.min(5, version)
  const synced = await sync(syncVersion, joined)
  expect([synced.errorCode, utf8(synced.assignment)]).toEqual([0, 'all of it'])
  const name = { groupId: 'g', memberId: joined.memberId, groupInstanceId: null }
  const beat = (generationId: number) =>
    gateway.ask(Heartbeat, Math.min(4, version), { ...name, generationId })
  expect(await beat(1)).toMatchObject({ errorCode: 0 })
  expect(await beat(0)).toMatchObject({ errorCode: 22 })
  const member = { memberId: joined.memberId, groupInstanceId: null, reason: null }
  const leave = { groupId: 'g', memberId: joined.memberId, members: [member] }
  const left = await gateway.ask(LeaveGroup, Math.min(5, version), leave)
  expect(left.errorCode).toBe(0)
  expect(left.members).toEqual(
    version < 3 ? [] : [{ memberId: joined.memberId, groupInstanceId: null, errorCode: 0 }],
  )
  const again = await gateway.ask(LeaveGroup, Math.min(5, version), leave)
  expect(version < 3 ? again.errorCode : again.members[0]!.errorCode).toBe(25)
})

test('what is wrong with a member that joins is told', async () => {
  expect((await join(9, { sessionTimeoutMs: 5_999 })).errorCode).toBe(26)
  expect((await join(9, { groupId: '' })).errorCode).toBe(24)
  expect((await join(9, { memberId: 'nobody' })).errorCode).toBe(25)
  expect((await join(9, { protocols: [] })).errorCode).toBe(23)
  const old = await join(0, { memberId: 'nobody' })
  expect([old.errorCode, old.protocolName, old.memberId]).toEqual([25, '', 'nobody'])
  const synced = await gateway.ask(SyncGroup, 5, {
    groupId: 'g',
    generationId: 1,
    memberId: 'nobody',
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [],
  })
  expect(synced.errorCode).toBe(23)
})

test('offsets are committed and told, by names and by ids', async () => {
  const topicId = await gateway.createTopic('tides', 2)
  const joined = await join(9)
  await sync(5, joined)
  const member = { generationIdOrMemberEpoch: 1, memberId: joined.memberId }
  for (let version = 2; version <= 10; version += 1) {
    const topics = [{ ...topicOf(version), topicId: version < 10 ? NO_UUID : topicId }]
    const answer = await commit(version, { ...member, topics })
    expect(answer.topics[0]!.partitions).toEqual([{ partitionIndex: 0, errorCode: 0 }])
    for (let fetched = 1; fetched <= 10; fetched += 1) {
      const asked = { name: 'tides', topicId, partitionIndexes: [0, 1] }
      const { groups, topics } = await gateway.ask(OffsetFetch, fetched, {
        groupId: 'g',
        topics: [asked],
        groups: [{ groupId: 'g', memberId: null, memberEpoch: -1, topics: [asked] }],
        requireStable: false,
      })
      const [told] = fetched < 8 ? topics : groups[0]!.topics
      expect(told!.partitions).toEqual([
        {
          partitionIndex: 0,
          committedOffset: version,
          committedLeaderEpoch: version < 6 || fetched < 5 ? -1 : 3,
          metadata: 'm',
          errorCode: 0,
        },
        { partitionIndex: 1, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 },
      ])
    }
  }
  const all = await gateway.ask(OffsetFetch, 8, {
    groupId: '',
    topics: null,
    groups: [
      { groupId: 'g', memberId: null, memberEpoch: -1, topics: null },
      { groupId: 'other', memberId: null, memberEpoch: -1, topics: null },
    ],
    requireStable: true,
  })
  expect(all.groups).toMatchObject([
    { groupId: 'g', errorCode: 0, topics: [{ name: 'tides', partitions: [{ committedOffset: 10 }] }] },
    { groupId: 'other', errorCode: 0, topics: [] },
  ])
})

test('who may not commit is told why', async () => {
  await gateway.createTopic('tides')
  const codeOf = async (version: number, more: object) =>
    (await commit(version, more)).topics[0]!.partitions[0]!.errorCode
  expect(await codeOf(8, { generationIdOrMemberEpoch: 1, memberId: 'm' })).toBe(22)
  expect(await codeOf(9, { generationIdOrMemberEpoch: 1, memberId: 'm' })).toBe(69)
  expect(await codeOf(9, {})).toBe(0)
  const joined = await join(9)
  expect(await codeOf(9, { generationIdOrMemberEpoch: 1, memberId: joined.memberId })).toBe(27)
  await sync(5, joined)
  expect(await codeOf(9, {})).toBe(25)
  expect(await codeOf(9, { memberId: joined.memberId })).toBe(22)
  expect(await codeOf(9, { generationIdOrMemberEpoch: 1, memberId: 'm' })).toBe(25)
  const member = { generationIdOrMemberEpoch: 1, memberId: joined.memberId }
  expect(await codeOf(9, { ...member, topics: [topicOf(1, 7)] })).toBe(3)
  expect(await codeOf(9, { ...member, topics: [topicOf(1, 0, 'x'.repeat(4_097))] })).toBe(12)
  expect(await codeOf(9, { ...member, topics: [topicOf(1, 0, null)] })).toBe(0)
  const unknownId = { ...topicOf(1), topicId: '0b1f3a52-7c1e-4a4e-9d55-0123456789ab' }
  expect(await codeOf(10, { ...member, topics: [unknownId] })).toBe(100)
})

test('groups are described, listed and deleted', async () => {
  const joined = await join(9)
  await sync(5, joined)
  const describe = async (version: number, groupId: string) => {
    const request = { groups: [groupId], includeAuthorizedOperations: true }
    return (await gateway.ask(DescribeGroups, version, request)).groups[0]!
  }
  for (let version = 0; version <= 5; version += 1) {
    const described = await describe(version, 'g')
    expect(described).toMatchObject({
      errorCode: 0,
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [{ memberId: joined.memberId, clientId: 'test', clientHost: '/127.0.0.1' }],
    })
    const [member] = described.members
    expect([utf8(member!.memberMetadata), utf8(member!.memberAssignment)]).toEqual(['about me', 'all of it'])
    expect(await describe(version, 'other')).toMatchObject({ errorCode: 0, groupState: 'Dead', members: [] })
  }
  const list = async (version: number, statesFilter: string[], typesFilter: string[]) =>
    (await gateway.ask(ListGroups, version, { statesFilter, typesFilter })).groups.map(
      ({ groupId }) => groupId,
    )
  for (let version = 0; version <= 5; version += 1) expect(await list(version, [], [])).toEqual(['g'])
  expect(await list(4, ['stable'], [])).toEqual(['g'])
  expect(await list(4, ['Empty'], [])).toEqual([])
  expect(await list(5, [], ['Classic'])).toEqual(['g'])
  expect(await list(5, [], ['consumer'])).toEqual([])
  const [listed] = (await gateway.ask(ListGroups, 5, { statesFilter: [], typesFilter: [] })).groups
  expect(listed).toEqual({
    groupId: 'g',
    protocolType: 'consumer',
    groupState: 'Stable',
    groupType: 'classic',
  })
  const remove = async (...groupsNames: string[]) =>
    (await gateway.ask(DeleteGroups, 2, { groupsNames })).results.map(({ groupId, errorCode }) => [
      groupId,
      errorCode,
    ])
  expect(await remove('g', 'other')).toEqual([
    ['g', 68],
    ['other', 69],
  ])
  await gateway.harness.pass(60_000)
  expect(await describe(5, 'g')).toMatchObject({ groupState: 'Empty', protocolType: 'consumer', members: [] })
  expect(await remove('g')).toEqual([['g', 0]])
})

test('offsets are forgotten', async () => {
  await gateway.createTopic('tides')
  const forget = (groupId: string) =>
    gateway.ask(OffsetDelete, 0, {
      groupId,
      topics: [{ name: 'tides', partitions: [{ partitionIndex: 0 }] }],
    })
  expect(await forget('g')).toMatchObject({ errorCode: 69, topics: [] })
  await commit(9, {})
  expect(await forget('g')).toMatchObject({
    errorCode: 0,
    topics: [{ name: 'tides', partitions: [{ partitionIndex: 0, errorCode: 0 }] }],
  })
  expect(await gateway.harness.run(gateway.broker.fetchOffsets({ groupId: 'g' }))).toEqual([])
})

test('a store that answers nobody is a coordinator that will be there again', async () => {
  gateway.harness.around = async (method, _, call) => {
    if (method === 'readGroup') throw new NotApplied('it is away')
    return await call()
  }
  expect((await join(9)).errorCode).toBe(15)
  const name = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
  expect(await gateway.ask(Heartbeat, 4, name)).toMatchObject({ errorCode: 15 })
})
