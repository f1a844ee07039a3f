import { expect, test } from 'vitest'
import type { ClassicGroupBroker, JoinedGroup } from '../../../../src/contract/classic-groups.ts'
import { MemberIdRequired } from '../../../../src/contract/classic-groups.ts'
import {
  CLASSIC_GROUP_BYTES_MAX,
  CLASSIC_JOINED_BYTES_MAX,
  CLASSIC_MEMBER_BYTES_MAX,
  CLASSIC_PART_BYTES_MAX,
} from '../../../../src/core/limits.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { Harness } from '../../harness.ts'
import { joining, sync } from './classic-member.ts'

const G = 'g'

/** Some join an empty group together, and sync. */
async function form(harness: Harness, brokers: readonly ClassicGroupBroker[], instances: string[] = []) {
  const joined = await harness.run(
    Promise.all(
      brokers.map((broker, index) => broker.joinGroup(joining(G, { instanceId: instances[index] }))),
    ),
  )
  const synced = await harness.run(
    Promise.all(joined.map((one, index) => sync(brokers[index]!, G, one, instances[index]))),
  )
  return { joined, synced }
}

const nameOf = ({ memberId, generation }: JoinedGroup) => ({ groupId: G, memberId, generation })

test('members of two brokers join one generation, and each is assigned its own', async () => {
  const harness = new Harness()
  const brokers = [harness.open(), harness.open(), harness.open()]
  const { joined, synced } = await form(harness, brokers)
  expect(harness.clock.monotonicMs()).toBeGreaterThanOrEqual(3_000)
  expect(new Set(joined.map(({ generation }) => generation))).toEqual(new Set([1]))
  expect(new Set(joined.map(({ leader }) => leader)).size).toBe(1)
  const [leader] = joined.filter(({ members }) => members.length > 0)
  expect(leader!.leader).toBe(leader!.memberId)
  expect(leader!.members).toHaveLength(3)
  for (const { metadata } of leader!.members) expect(Buffer.from(metadata).toString()).toBe('metadata')
  expect(synced).toEqual(joined.map(({ memberId }) => `${memberId} in 1`))
  for (const one of joined) {
    expect(one).toMatchObject({ protocolType: 'consumer', protocolName: 'range', skipAssignment: false })
    expect(one.memberId).toMatch(/^tests-[0-9a-f-]{36}$/)
    await harness.run(brokers[0]!.heartbeatClassic(nameOf(one)))
  }
})

test('another member has all join anew, and a member that leaves is not waited for', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const { joined } = await form(harness, [broker, broker])
  const third = broker.joinGroup(joining(G))
  await harness.pass(100)
  const error = await harness.errorOf(broker.heartbeatClassic(nameOf(joined[0]!)))
  expect(error.kafkaName).toBe('REBALANCE_IN_PROGRESS')
  const again = await harness.run(
    Promise.all([third, ...joined.map(({ memberId }) => broker.joinGroup(joining(G, { memberId })))]),
  )
  expect(again.map(({ generation }) => generation)).toEqual([2, 2, 2])
  await harness.run(Promise.all(again.map(one => sync(broker, G, one))))
  const [left] = await harness.run(broker.leaveClassic({ groupId: G, members: [again[0]!] }))
  expect(left).toMatchObject({ memberId: again[0]!.memberId, error: undefined })
  const begunMs = harness.clock.monotonicMs()
  const rest = await harness.run(
    Promise.all(again.slice(1).map(({ memberId }) => broker.joinGroup(joining(G, { memberId })))),
  )
  expect(rest.map(({ generation }) => generation)).toEqual([3, 3])
  expect(harness.clock.monotonicMs() - begunMs).toBeLessThan(1_000)
})

test('a member that dies is given up after its session time-out, whichever broker looks', async () => {
  const harness = new Harness()
  const { joined } = await form(harness, [harness.open(), harness.open()])
  const [living, dead] = [joined[0]!, joined[1]!]
  const broker = harness.open()
  const errors: string[] = []
  for (let second = 0; second < 16; second += 1) {
    await harness.pass(1_000)
    await harness.run(broker.heartbeatClassic(nameOf(living)).catch(error => errors.push(error.kafkaName)))
    if (errors.length > 0) break
  }
  expect(errors).toEqual(['REBALANCE_IN_PROGRESS'])
  const alone = await harness.run(broker.joinGroup(joining(G, { memberId: living.memberId })))
  expect(alone).toMatchObject({ generation: 2, leader: living.memberId })
  expect((await harness.errorOf(broker.heartbeatClassic(nameOf(dead)))).kafkaName).toBe('UNKNOWN_MEMBER_ID')
})

test('a leader that never assigns is given up when its time is over', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const joined = await harness.run(Promise.all([broker.joinGroup(joining(G)), broker.joinGroup(joining(G))]))
  const leader = joined.find(({ members }) => members.length > 0)!
  const follower = joined.find(({ members }) => members.length === 0)!
  const waiting = sync(broker, G, follower).catch(error => error.kafkaName)
  let isOver = false
  const beat = async () => {
    while (!isOver) {
      await broker.heartbeatClassic(nameOf(leader)).catch(() => {})
      await harness.clock.sleep(3_000)
    }
  }
  const beats = beat()
  expect(await harness.run(waiting)).toBe('REBALANCE_IN_PROGRESS')
  isOver = true
  await harness.run(beats)
  expect((await harness.errorOf(broker.heartbeatClassic(nameOf(leader)))).kafkaName).toBe('UNKNOWN_MEMBER_ID')
})

test('a member id is given out first where it is asked for', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const needs = { requiresMemberId: true }
  const error = await harness.errorOf(broker.joinGroup(joining(G, needs)))
  expect(error).toBeInstanceOf(MemberIdRequired)
  const { memberId } = error as MemberIdRequired
  const joined = await harness.run(broker.joinGroup(joining(G, { ...needs, memberId })))
  expect(joined).toMatchObject({ memberId, leader: memberId, generation: 1 })
  const unknown = await harness.errorOf(broker.joinGroup(joining(G, { memberId: 'somebody' })))
  expect(unknown.kafkaName).toBe('UNKNOWN_MEMBER_ID')
})

test('a static member comes back in time, and nothing moves', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const { joined, synced } = await form(harness, [broker, broker], ['one', 'two'])
  for (const [index, instanceId] of ['one', 'two'].entries()) {
    const before = joined[index]!
    const back = await harness.run(harness.open().joinGroup(joining(G, { instanceId })))
    expect(back).toMatchObject({ generation: 1, skipAssignment: before.members.length > 0 })
    expect(back.memberId).not.toBe(before.memberId)
    const { assignment } = await harness.run(
      broker.syncGroup({ ...nameOf(back), instanceId, assignments: [] }),
    )
    expect(Buffer.from(assignment).toString()).toBe(synced[index])
    const fenced = await harness.errorOf(broker.heartbeatClassic({ ...nameOf(before), instanceId }))
    expect(fenced.kafkaName).toBe('FENCED_INSTANCE_ID')
  }
})

test('what members bring and are assigned can be larger than an item', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const metadata = Buffer.alloc(CLASSIC_PART_BYTES_MAX * 2 + 7, 1)
  const protocols = [
    { name: 'other', metadata: Buffer.alloc(3) },
    { name: 'range', metadata },
  ]
  const joined = await harness.run(broker.joinGroup(joining(G, { protocols })))
  expect(joined.protocolName).toBe('other')
  const again = await harness.run(
    broker.joinGroup(joining(G, { memberId: joined.memberId, protocols: protocols.toReversed() })),
  )
  expect(metadata.equals(again.members[0]!.metadata)).toBe(true)
  const assignments = [{ memberId: joined.memberId, assignment: metadata }]
  const { assignment } = await harness.run(broker.syncGroup({ ...nameOf(again), assignments }))
  expect(metadata.equals(assignment)).toBe(true)
})

test('what is larger than is kept is refused', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const metadata = Buffer.alloc(CLASSIC_MEMBER_BYTES_MAX)
  const tooMuch = await harness.errorOf(
    broker.joinGroup(joining(G, { protocols: [{ name: 'range', metadata }] })),
  )
  expect(tooMuch.kafkaName).toBe('INVALID_REQUEST')
  const name = 'x'.repeat(CLASSIC_GROUP_BYTES_MAX)
  const tooLong = await harness.errorOf(
    broker.joinGroup(joining(G, { protocols: [{ name, metadata: Buffer.alloc(0) }] })),
  )
  expect(tooLong.kafkaName).toBe('GROUP_MAX_SIZE_REACHED')
  const { joined } = await form(harness, [broker])
  const assignments = [
    { memberId: joined[0]!.memberId, assignment: Buffer.alloc(CLASSIC_MEMBER_BYTES_MAX + 1) },
  ]
  const error = await harness.errorOf(broker.syncGroup({ ...nameOf(joined[0]!), assignments }))
  expect(error.kafkaName).toBe('INVALID_REQUEST')
})

test('few members bring much, and a further one that does is refused: the leader is told all of it', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const protocols = [{ name: 'range', metadata: Buffer.alloc(CLASSIC_MEMBER_BYTES_MAX - 100) }]
  const most = Math.floor(CLASSIC_JOINED_BYTES_MAX / CLASSIC_MEMBER_BYTES_MAX)
  const joins = Array.from({ length: most }, () => broker.joinGroup(joining(G, { protocols })))
  await harness.pass(10)
  const refused = await harness.errorOf(broker.joinGroup(joining(G, { protocols })))
  expect(refused.kafkaName).toBe('GROUP_MAX_SIZE_REACHED')
  const small = broker.joinGroup(joining(G))
  const joined = await harness.run(Promise.all([...joins, small]))
  expect(joined.flatMap(({ members }) => members)).toHaveLength(most + 1)
})

test('parts of earlier generations are removed', async () => {
  const harness = new Harness()
  const broker = harness.open()
  let [memberId, kept] = ['', 0]
  for (let round = 0; round < 5; round += 1) {
    const protocols = [{ name: 'range', metadata: Buffer.from([round]) }]
    const joined = await harness.run(broker.joinGroup(joining(G, { memberId, protocols })))
    memberId = joined.memberId
    await harness.run(sync(broker, G, joined))
    kept = 0
    for await (const _ of harness.plain.groups.parts(G, 'joined')) kept += 1
    for await (const _ of harness.plain.groups.parts(G, 'assigned')) kept += 1
  }
  expect(kept).toBe(2)
})

test('only members of the present generation commit', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
  const offsets = [{ topic: 'tides', partition: 1, offset: 7, metadata: 'm', leaderEpoch: 3 }]
  const commit = (name: { memberId: string; generation: number }) =>
    broker.commitClassic({ groupId: G, ...name, offsets })
  const unknown = await harness.errorOf(commit({ memberId: 'm', generation: 1 }))
  expect(unknown.kafkaName).toBe('GROUP_ID_NOT_FOUND')
  expect(await harness.run(commit({ memberId: '', generation: -1 }))).toEqual([
    { topic: 'tides', partition: 1, error: null },
  ])
  const { joined } = await form(harness, [broker])
  for (const [name, kafkaName] of [
    [{ memberId: '', generation: -1 }, 'UNKNOWN_MEMBER_ID'],
    [{ memberId: joined[0]!.memberId, generation: 0 }, 'ILLEGAL_GENERATION'],
    [{ memberId: 'other', generation: 1 }, 'UNKNOWN_MEMBER_ID'],
  ] as const) {
    expect((await harness.errorOf(commit(name))).kafkaName).toBe(kafkaName)
  }
  const [done] = await harness.run(
    broker.commitClassic({ ...nameOf(joined[0]!), offsets: [{ ...offsets[0]!, offset: 9 }] }),
  )
  expect(done!.error).toBeNull()
  expect(await harness.run(broker.fetchOffsets({ groupId: G }))).toMatchObject([{ partition: 1, offset: 9 }])
  const many = await harness.run(
    broker.commitClassic({
      ...nameOf(joined[0]!),
      offsets: [
        { topic: 'tides', partition: 5, offset: 1 },
        { topic: 'tides', partition: 0, offset: 1, metadata: 'x'.repeat(5_000) },
        { topic: 'tides', partition: 1, offset: -1 },
      ],
    }),
  )
  expect(many.map(({ error }) => error?.kafkaName)).toEqual([
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_METADATA_TOO_LARGE',
    undefined,
  ])
  expect(await harness.run(broker.fetchOffsets({ groupId: G }))).toEqual([])
})

test('a commit that comes late takes none back that a later generation has made', async () => {
  const harness = new Harness()
  const [broker, slow] = [harness.open(), harness.open()]
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const { joined } = await form(harness, [broker])
  const late = { ...nameOf(joined[0]!), offsets: [{ topic: 'tides', partition: 0, offset: 5 }] }
  let isFirst = true
  harness.around = async (method, _, call) => {
    if (method === 'commit' && isFirst) {
      isFirst = false
      await harness.clock.sleep(3_600_000)
    }
    return await call()
  }
  const committed = slow.commitClassic(late).catch(error => error.kafkaName)
  await harness.pass(20_000)
  const next = await harness.run(broker.joinGroup(joining(G)))
  await harness.run(sync(broker, G, next))
  const offsets = [{ topic: 'tides', partition: 0, offset: 3 }]
  expect((await harness.run(broker.commitClassic({ ...nameOf(next), offsets })))[0]!.error).toBeNull()
  await harness.run(committed)
  await harness.pass(3_600_000)
  expect(await harness.run(broker.fetchOffsets({ groupId: G }))).toMatchObject([{ offset: 3 }])
})

test('members of two kinds are not in one group', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const member = { groupId: G, memberId: 'one', memberEpoch: 0, topics: ['tides'], owned: [] }
  await harness.run(broker.heartbeat(member))
  expect((await harness.errorOf(broker.joinGroup(joining(G)))).kafkaName).toBe('INCONSISTENT_GROUP_PROTOCOL')
  await harness.run(broker.leaveGroup({ groupId: G, memberId: 'one' }))
  const joined = await harness.run(broker.joinGroup(joining(G)))
  expect(joined.generation).toBe(1)
  expect((await harness.errorOf(broker.heartbeat(member))).kafkaName).toBe('INCONSISTENT_GROUP_PROTOCOL')
  await harness.run(broker.leaveClassic({ groupId: G, members: [joined] }))
  expect((await harness.run(broker.heartbeat(member))).assigned).toHaveLength(1)
  expect((await harness.errorOf(broker.heartbeatClassic(nameOf(joined)))).kafkaName).toBe('UNKNOWN_MEMBER_ID')
})

test('a member that slept while its group changed kind owns nothing any more', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const member = { groupId: G, memberId: 'one', memberEpoch: 0, topics: ['tides'], owned: [] }
  const { assigned } = await harness.run(broker.heartbeat(member))
  const { generation } = assigned[0]!
  await harness.pass(60_000)
  const { joined } = await form(harness, [broker])
  const zombie = { topic: 'tides', partition: 0, offset: toOffset(9), generation }
  const [refused] = await harness.run(
    broker.commitOffsets({ groupId: G, memberId: 'one', offsets: [zombie] }),
  )
  expect(refused!.error!.kafkaName).toBe('FENCED_MEMBER_EPOCH')
  const offsets = [{ topic: 'tides', partition: 0, offset: 1 }]
  expect((await harness.run(broker.commitClassic({ ...nameOf(joined[0]!), offsets })))[0]!.error).toBeNull()
  const stays = broker.heartbeat({ ...member, memberEpoch: 1 })
  expect((await harness.errorOf(stays)).kafkaName).toBe('UNKNOWN_MEMBER_ID')
})

test('in a steady state a heartbeat is one read and one write', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const { joined } = await form(harness, [broker])
  await harness.run(broker.heartbeatClassic(nameOf(joined[0]!)))
  await harness.pass(1_000)
  harness.calls.length = 0
  await harness.run(broker.heartbeatClassic(nameOf(joined[0]!)))
  expect(harness.calls.map(({ method }) => method)).toEqual(['readGroup', 'renewLease'])
  harness.calls.length = 0
  await harness.pass(600_000)
  expect(harness.calls).toEqual([])
})

test('who waits is told to look for another broker when this one ends', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const waiting = broker.joinGroup(joining(G)).catch(error => error.kafkaName)
  await harness.pass(500)
  await harness.run(broker.close())
  expect(await harness.run(waiting)).toBe('NOT_COORDINATOR')
  const gone = new AbortController()
  const other = harness
    .open()
    .joinGroup(joining(G), { signal: gone.signal })
    .catch(error => error.kafkaName)
  await harness.pass(500)
  gone.abort()
  expect(await harness.run(other)).toBe('NOT_COORDINATOR')
})

test('offsets are forgotten of topics that nobody subscribes to', async () => {
  const harness = new Harness()
  const broker = harness.open()
  for (const topic of ['tides', 'rivers']) await harness.run(broker.createTopic({ topic }))
  const offsets = ['tides', 'rivers'].map(topic => ({ topic, partition: 0, offset: 4 }))
  const name = { groupId: G, memberId: '', generation: -1 }
  const partitions = offsets.map(({ topic, partition }) => ({ topic, partition }))
  const unknown = await harness.errorOf(broker.deleteOffsets({ groupId: G, partitions }))
  expect(unknown.kafkaName).toBe('GROUP_ID_NOT_FOUND')
  await harness.run(broker.commitClassic({ ...name, offsets }))
  // Version 1, the topics, and no user data.
  const metadata = Buffer.from([0, 1, 0, 0, 0, 1, 0, 5, ...Buffer.from('tides'), 255, 255, 255, 255])
  const joined = await harness.run(broker.joinGroup(joining(G, { protocols: [{ name: 'range', metadata }] })))
  await harness.run(sync(broker, G, joined))
  const deleted = await harness.run(broker.deleteOffsets({ groupId: G, partitions }))
  expect(deleted.map(({ error }) => error?.kafkaName)).toEqual(['GROUP_SUBSCRIBED_TO_TOPIC', undefined])
  expect(await harness.run(broker.fetchOffsets({ groupId: G }))).toMatchObject([{ topic: 'tides' }])
})

test('a classic group is described as it is', async () => {
  const harness = new Harness()
  const broker = harness.open()
  expect((await harness.errorOf(broker.describeClassic(G))).kafkaName).toBe('GROUP_ID_NOT_FOUND')
  const { joined } = await form(harness, [broker])
  const described = await harness.run(broker.describeClassic(G))
  const { memberId } = joined[0]!
  expect(described).toMatchObject({
    groupId: G,
    state: 'Stable',
    protocolType: 'consumer',
    protocolName: 'range',
    generation: 1,
    members: [{ memberId, instanceId: null, clientId: 'tests', clientHost: '/127.0.0.1' }],
  })
  expect(Buffer.from(described!.members[0]!.metadata).toString()).toBe('metadata')
  expect(Buffer.from(described!.members[0]!.assignment).toString()).toBe(`${memberId} in 1`)
  await harness.pass(60_000)
  expect(await harness.run(broker.describeClassic(G))).toMatchObject({ state: 'Empty', members: [] })
})
