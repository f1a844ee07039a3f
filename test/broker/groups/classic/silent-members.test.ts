import { expect, test } from 'vitest'
import type { MemberIdRequired } from '../../../../src/contract/classic-groups.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { Harness } from '../../harness.ts'
import { joining, sync } from './classic-member.ts'

const G = 'g'

test('once all members of a group are silent, anybody commits for it', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const joined = await harness.run(broker.joinGroup(joining(G)))
  await harness.run(sync(broker, G, joined))
  const offsets = [{ topic: 'tides', partition: 0, offset: 7 }]
  const commit = () => broker.commitClassic({ groupId: G, memberId: '', generation: -1, offsets })
  expect((await harness.errorOf(commit())).kafkaName).toBe('UNKNOWN_MEMBER_ID')
  await harness.pass(60_000)
  expect((await harness.run(broker.describeClassic(G)))?.state).toBe('Empty')
  expect(await harness.run(commit())).toEqual([{ topic: 'tides', partition: 0, error: null }])
})

test('who comes again and has nothing new to say is heard all the same', async () => {
  const harness = new Harness()
  const [one, other] = [harness.open(), harness.open()]
  const first = await harness.run(one.joinGroup(joining(G, { sessionTimeoutMs: 60_000 })))
  await harness.run(sync(one, G, first))
  const again = { memberId: first.memberId, sessionTimeoutMs: 60_000 }
  const needs = await harness.errorOf(one.joinGroup(joining(G, { requiresMemberId: true })))
  const { memberId } = needs as MemberIdRequired
  // It waits for the first one, until its connection is cut.
  const cut = new AbortController()
  const waiting = one.joinGroup(joining(G, { memberId }), { signal: cut.signal }).catch(() => {})
  await harness.pass(100)
  cut.abort()
  await harness.run(waiting)
  await harness.pass(9_000)
  const back = other.joinGroup(joining(G, { memberId }))
  back.catch(() => {})
  await harness.pass(6_000)
  const joined = one.joinGroup(joining(G, again))
  expect(await harness.run(back)).toMatchObject({ generation: 2, memberId })
  await harness.run(joined)
})

test('where assignments have vanished, members join anew and do not wait for ever', async () => {
  const harness = new Harness()
  const [slow, broker] = [harness.open(), harness.open()]
  let memberId = ''
  harness.around = async (method, args, call) => {
    // Its process sleeps before it sweeps, and wakes up in another group of this name.
    if (method === 'removeOlderParts' && args[1] === 'assigned' && args[2] === 2) {
      await harness.clock.sleep(3_600_000)
    }
    return await call()
  }
  for (let round = 0; round < 2; round += 1) {
    const joined = await harness.run(slow.joinGroup(joining(G, { memberId })))
    memberId = joined.memberId
    const synced = sync(slow, G, joined)
    synced.catch(() => {})
    await harness.pass(5_000)
  }
  await harness.run(slow.leaveClassic({ groupId: G, members: [{ memberId }] }))
  await harness.run(slow.deleteGroup(G))
  const member = { instanceId: 'one', sessionTimeoutMs: 1_800_000 }
  const joined = await harness.run(broker.joinGroup(joining(G, member)))
  await harness.run(sync(broker, G, joined, 'one'))
  for (let hour = 0; hour < 4; hour += 1) {
    await harness.pass(900_000)
    await harness.run(broker.heartbeatClassic({ groupId: G, ...joined, instanceId: 'one' }))
  }
  const described = await harness.run(broker.describeClassic(G))
  expect(described).toMatchObject({ state: 'Stable', members: [{ assignment: new Uint8Array(0) }] })
  const syncing = { groupId: G, ...joined, instanceId: 'one', assignments: [] }
  const waited = new AbortController()
  const answer = broker.syncGroup(syncing, { signal: waited.signal })
  answer.catch(() => {})
  await harness.pass(60_000)
  waited.abort()
  expect((await harness.errorOf(answer)).kafkaName).toBe('REBALANCE_IN_PROGRESS')
})

test('a connection that still waits for a static member takes no place back', async () => {
  const harness = new Harness()
  const [old, broker] = [harness.open(), harness.open()]
  const first = await harness.run(broker.joinGroup(joining(G)))
  await harness.run(sync(broker, G, first))
  const waiting = old.joinGroup(joining(G, { instanceId: 'one' })).catch(error => error.kafkaName)
  await harness.pass(300)
  const again = (byte: number) => {
    const protocols = [{ name: 'range', metadata: Buffer.from([byte]) }]
    return broker.joinGroup(joining(G, { memberId: first.memberId, protocols }))
  }
  // One round ends, and the next one begins, before the old connection has looked.
  await harness.run(again(1))
  const leader = again(2)
  await harness.pass(250)
  const back = await harness.run(broker.joinGroup(joining(G, { instanceId: 'one' })))
  await harness.run(leader)
  await harness.pass(1_000)
  const name = { groupId: G, memberId: back.memberId, generation: back.generation, instanceId: 'one' }
  await harness.run(broker.heartbeatClassic(name))
  expect(await harness.run(waiting)).toBe('FENCED_INSTANCE_ID')
})

test('what silent members have brought goes when another kind of member has their group', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  await harness.run(sync(broker, G, await harness.run(broker.joinGroup(joining(G)))))
  await harness.pass(60_000)
  const member = { groupId: G, memberId: 'one', memberEpoch: 0, topics: ['tides'], owned: [] }
  expect((await harness.run(broker.heartbeat(member))).assigned).toHaveLength(1)
  const left: unknown[] = []
  for (const kind of ['joined', 'assigned'] as const)
    for await (const { name } of harness.plain.groups.parts(G, kind)) left.push(name)
  expect(left).toEqual([])
})

test('where what members bring has vanished, they bring it again, and nobody waits for a time-out', async () => {
  const harness = new Harness()
  const broker = harness.open()
  const beganMs = harness.clock.monotonicMs()
  const waiting = broker.joinGroup(joining(G))
  await harness.pass(1_000)
  // By somebody who slept while the group was deleted, or had become one of the other kind.
  await harness.plain.groups.removeOlderParts(G, 'joined', 9, new Set())
  const joined = await harness.run(waiting)
  expect(harness.clock.monotonicMs() - beganMs).toBeLessThan(5_000)
  expect(joined.members.map(({ metadata }) => Buffer.from(metadata).toString())).toEqual(['metadata'])
  expect(await harness.run(sync(broker, G, joined))).toBe(`${joined.memberId} in 2`)
})

test('a member that wakes up takes back nothing that was committed once it was silent', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const joined = await harness.run(broker.joinGroup(joining(G)))
  await harness.run(sync(broker, G, joined))
  await harness.pass(60_000)
  const place = { topic: 'tides', partition: 0 }
  const reset = { groupId: G, offsets: [{ ...place, offset: toOffset(3) }] }
  expect((await harness.run(broker.commitOffsets(reset)))[0]!.error).toBeNull()
  const { memberId, generation } = joined
  const late = broker.commitClassic({ groupId: G, memberId, generation, offsets: [{ ...place, offset: 9 }] })
  expect((await harness.errorOf(late)).kafkaName).toBe('UNKNOWN_MEMBER_ID')
  expect(await harness.run(broker.fetchOffsets({ groupId: G }))).toMatchObject([{ offset: 3 }])
})
