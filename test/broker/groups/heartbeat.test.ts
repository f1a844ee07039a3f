import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { HEARTBEAT_UNSETTLED_INTERVAL_MS } from '../../../src/core/limits.ts'
import { Harness, NOW_MS } from '../harness.ts'
import { GROUP, Member, settle } from './harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 6 }))
})

function member(memberId: string, settings = {}): Member {
  return new Member(harness, broker, memberId, settings)
}

test('where heartbeats are paid for they come less often, and every second one of a member looks at the group', async () => {
  broker = harness.open({ heartbeatIntervalMsMax: 15_000 })
  const one = member('one')
  expect((await one.send()).heartbeatIntervalMs).toBe(15_000)
  await settle([one])
  harness.calls.length = 0
  for (let beat = 0; beat < 10; beat++) {
    await harness.pass(15_000)
    await one.beat()
  }
  expect(harness.count('winCheck')).toBe(5)
  // Whoever joins or leaves is seen at once.
  const two = member('two')
  await settle([one, two])
  expect(two.partitions).toHaveLength(3)
})

describe('joining', () => {
  test('the first member gets all partitions, and where to begin', async () => {
    const one = member('one')
    expect(await one.beat()).toEqual([0, 1, 2, 3, 4, 5])
    expect(one.isSettled).toBe(true)
    expect(one.assigned[0]).toMatchObject({ topic: 'orders', generation: NOW_MS, committedOffset: null })
  })

  test('a second one gets its share when the first has let go of it', async () => {
    const [one, two] = [member('one'), member('two')]
    await one.beat()
    expect(await two.beat()).toEqual([])
    expect(two.isSettled).toBe(false)
    expect(await one.beat()).toEqual([0, 1, 2, 3, 4, 5])
    expect(one.toRelease).toHaveLength(3)
    await settle([one, two])
    expect([...one.partitions, ...two.partitions].sort()).toEqual([0, 1, 2, 3, 4, 5])
    expect(two.partitions).toHaveLength(3)
  })

  test('says where the one before has stopped', async () => {
    const [one, two] = [member('one'), member('two')]
    await one.beat()
    for (const partition of one.partitions) expect(await one.commit(partition, 7 + partition)).toBeNull()
    await settle([one, two])
    expect(two.assigned.map(({ partition, committedOffset }) => committedOffset! - partition)).toEqual([
      7, 7, 7,
    ])
  })

  describe('a partition that is newer than the group is told as new:', () => {
    const news = (member: Member) =>
      member.assigned.filter(({ isNew }) => isNew).map(({ topic, partition }) => `${topic}/${partition}`)

    test('one that a topic got since, whoever gets it, until something is committed', async () => {
      const one = member('one')
      await one.beat()
      expect(news(one)).toEqual([])
      await harness.pass(1_000)
      await harness.run(harness.open().alterTopic({ topic: 'orders', partitions: 8 }))
      await harness.pass(5_000)
      await one.beat()
      expect(news(one)).toEqual(['orders/6', 'orders/7'])
      await one.commit(7, 3)
      await one.leave()
      const two = member('two')
      await two.beat()
      expect(news(two)).toEqual(['orders/6'])
    })

    test('that of a topic made since, or made anew, also while nobody was there', async () => {
      const one = member('one', { topicPattern: 'o.*' })
      await one.beat()
      await one.commit(0, 9)
      await one.leave()
      await harness.pass(1_000)
      const other = harness.open()
      await harness.run(other.createTopic({ topic: 'others' }))
      await harness.run(other.deleteTopic('orders'))
      await harness.run(other.createTopic({ topic: 'orders' }))
      await harness.pass(5_000)
      const two = member('two', { topicPattern: 'o.*' })
      await two.beat()
      expect(news(two).sort()).toEqual(['orders/0', 'others/0'])
      expect(two.assigned.every(({ committedOffset }) => committedOffset === null)).toBe(true)
    })

    test('and not what is older than a group of that name which was made anew', async () => {
      const one = member('one')
      await one.beat()
      await harness.pass(1_000)
      await harness.run(broker.alterTopic({ topic: 'orders', partitions: 7 }))
      await one.leave()
      await harness.run(broker.deleteGroup(GROUP))
      await harness.pass(1_000)
      const two = member('two')
      await two.beat()
      expect(two.partitions).toHaveLength(7)
      expect(news(two)).toEqual([])
    })
  })

  test('needs topics or a pattern, and ids that can be stored', async () => {
    const { topics, ...rest } = member('one').request
    expect((await harness.errorOf(broker.heartbeat(rest))).kafkaName).toBe('INVALID_REQUEST')
    for (const bad of [{ groupId: '' }, { groupId: 'a\nb' }]) {
      expect((await harness.errorOf(broker.heartbeat({ ...rest, topics: topics!, ...bad }))).kafkaName).toBe(
        'INVALID_GROUP_ID',
      )
    }
    for (const bad of [
      { memberId: 'instance-a' },
      { topicPattern: '(' },
      { sessionTimeoutMs: 5 },
      { instanceId: '' },
    ]) {
      expect((await harness.errorOf(broker.heartbeat({ ...rest, topics: topics!, ...bad }))).kafkaName).toBe(
        'INVALID_REQUEST',
      )
    }
  })
})

describe('many that join at the same time', () => {
  const names = Array.from({ length: 30 }, (_, index) => `member-${index}`)

  test.each([false, true])('work out few targets, where there is one already: %s', async isThere => {
    if (isThere) await member('first').beat()
    const members = names.map(name => member(name, { topics: ['orders'] }))
    harness.calls.length = 0
    await Promise.all(members.map(each => each.beat()))
    // All others would have read as many members as they are, for nothing.
    expect(harness.count('setTarget')).toBeLessThan(4)
    const epochs = new Set(members.map(({ request }) => request.memberEpoch))
    expect([...epochs].sort()).toEqual(isThere ? [1, 2] : [1])
    await harness.pass(HEARTBEAT_UNSETTLED_INTERVAL_MS)
    await settle(isThere ? [...members, member('first')] : members)
    expect(members.filter(({ partitions }) => partitions.length > 1)).toEqual([])
  })

  test('are asked to come back soon when another target is due', async () => {
    await member('first').beat()
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method === 'putTargetChunk' && isFirst) {
        isFirst = false
        harness.around = (__, ___, other) => other()
        const answer = await broker.heartbeat(member('third').request)
        expect(answer).toMatchObject({
          memberEpoch: 1,
          assigned: [],
          isSettled: false,
          heartbeatIntervalMs: HEARTBEAT_UNSETTLED_INTERVAL_MS,
        })
      }
      return await call()
    }
    await member('second').beat()
    expect(isFirst).toBe(false)
  })
})

describe('a steady state', () => {
  test('costs one write and one read, whatever the size of the group', async () => {
    const members = ['one', 'two', 'three'].map(id => member(id))
    await settle(members)
    for (const each of members) {
      harness.calls.length = 0
      await each.beat()
      expect(harness.calls.map(({ method }) => method)).toEqual(['renewLease', 'readGroup'])
      expect(each.isSettled).toBe(true)
    }
  })

  test('has one look an interval, of one heartbeat', async () => {
    const members = ['one', 'two', 'three'].map(id => member(id))
    await settle(members)
    await harness.pass(3_000)
    harness.calls.length = 0
    for (const each of members) await each.beat()
    expect(harness.count('winCheck')).toBe(1)
    expect(harness.count('setTarget')).toBe(0)
    expect(harness.count('renewLease')).toBe(3)
  })

  test('ends when a topic grows, and nothing moves but what is new', async () => {
    const members = ['one', 'two'].map(id => member(id))
    await settle(members)
    const before = members.map(each => each.assigned)
    await harness.run(broker.alterTopic({ topic: 'orders', partitions: 8 }))
    await harness.pass(3_000)
    await settle(members)
    for (const [index, each] of members.entries()) {
      expect(each.assigned).toHaveLength(4)
      expect(each.assigned.map(({ partition, generation }) => ({ partition, generation }))).toEqual(
        expect.arrayContaining(
          before[index]!.map(({ partition, generation }) => ({ partition, generation })),
        ),
      )
    }
  })

  test('ends when a topic comes that a pattern matches, and when it goes', async () => {
    const one = member('one', { topics: undefined, topicPattern: 'ord.*' })
    await one.beat()
    await harness.run(broker.createTopic({ topic: 'ordinals', partitions: 1 }))
    await harness.run(broker.createTopic({ topic: 'my-orders', partitions: 1 }))
    await harness.pass(3_000)
    await one.beat()
    expect(new Set(one.assigned.map(({ topic }) => topic))).toEqual(new Set(['orders', 'ordinals']))
    await harness.run(broker.deleteTopic('ordinals'))
    await harness.pass(3_000)
    await settle([one])
    expect(new Set(one.assigned.map(({ topic }) => topic))).toEqual(new Set(['orders']))
  })
})

describe('silence', () => {
  test('of a session time-out costs a member its partitions, and it is told so', async () => {
    const [one, two] = [member('one'), member('two', { sessionTimeoutMs: 6_000 })]
    await settle([one, two])
    const mine = two.partitions
    await harness.pass(5_000)
    expect(await one.beat()).toHaveLength(3)
    await harness.pass(3_000)
    expect(await one.beat()).toEqual([0, 1, 2, 3, 4, 5])
    expect(await two.commit(mine[0]!, 3)).toBe('FENCED_MEMBER_EPOCH')
    expect((await harness.errorOf(two.send())).kafkaName).toBe('UNKNOWN_MEMBER_ID')
  })

  test('with an expired lease that nobody noticed is forgiven', async () => {
    const one = member('one', { sessionTimeoutMs: 6_000 })
    await one.beat()
    await harness.pass(60_000)
    expect(await one.beat()).toHaveLength(6)
    expect(await one.commit(0, 1)).toBeNull()
  })
})

describe('leaving', () => {
  test('frees the partitions at once, and may be repeated', async () => {
    const [one, two] = [member('one'), member('two')]
    await settle([one, two])
    await two.leave()
    await two.leave()
    expect(await one.beat()).toEqual([0, 1, 2, 3, 4, 5])
    expect(await two.commit(two.partitions[0]!, 3)).toBe('FENCED_MEMBER_EPOCH')
    expect((await harness.errorOf(two.send())).kafkaName).toBe('UNKNOWN_MEMBER_ID')
  })

  test('leaves no group without a target behind when it is the last', async () => {
    const one = member('one')
    await one.beat()
    await one.leave()
    expect(await harness.run(broker.listGroups())).toEqual([{ groupId: GROUP, state: 'Empty', members: 0 }])
    const two = member('two')
    expect(await two.beat()).toHaveLength(6)
  })
})

describe('a static member', () => {
  test('comes back under another id to what it had, and nothing else moves', async () => {
    const one = member('one')
    const first = member('two', { instanceId: 'left' })
    await settle([one, first])
    const { memberEpoch } = one.request
    const again = member('three', { instanceId: 'left' })
    expect(await again.beat()).toEqual(first.partitions)
    expect(again.isSettled).toBe(true)
    expect(again.request.memberEpoch).toBe(memberEpoch)
    expect(await first.commit(first.partitions[0]!, 3)).toBe('FENCED_MEMBER_EPOCH')
    expect((await harness.errorOf(first.send())).kafkaName).toBe('FENCED_INSTANCE_ID')
    expect(await again.commit(again.partitions[0]!, 3)).toBeNull()
    await one.beat()
    expect(one.isSettled).toBe(true)
  })

  test('that says nothing keeps its place; with its instance id it leaves for good', async () => {
    const [one, two] = [member('one'), member('two', { instanceId: 'left' })]
    await settle([one, two])
    await harness.run(broker.leaveGroup({ groupId: GROUP, memberId: 'two' }))
    expect(await one.beat()).toHaveLength(3)
    await two.leave()
    expect(await one.beat()).toHaveLength(6)
  })

  test('whose place was taken cannot make the other leave', async () => {
    const [first, again] = [member('one', { instanceId: 'left' }), member('two', { instanceId: 'left' })]
    await first.beat()
    await again.beat()
    await first.leave()
    expect(await again.beat()).toHaveLength(6)
  })
})

describe('a changed subscription', () => {
  test('changes the target', async () => {
    await harness.run(broker.createTopic({ topic: 'payments', partitions: 2 }))
    const [one, two] = [member('one'), member('two')]
    await settle([one, two])
    two.request.topics = ['payments']
    await settle([two, one])
    expect(one.assigned).toHaveLength(6)
    expect(two.assigned.map(({ topic }) => topic)).toEqual(['payments', 'payments'])
  })
})
