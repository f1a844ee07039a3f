import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { OffsetToCommit } from '../../../src/contract/groups.ts'
import { SESSION_TIMEOUT_DEFAULT_MS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { batchOf, Harness, NOW_MS } from '../harness.ts'
import { GROUP, Member, settle } from './harness.ts'

/** The generation of a partition's first owner. */
const FIRST = NOW_MS

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 2 }))
})

function at(partition: number, offset: number, more: Partial<OffsetToCommit> = {}): OffsetToCommit {
  return { topic: 'orders', partition, offset: toOffset(offset), ...more }
}

async function commit(offsets: OffsetToCommit[], memberId?: string): Promise<(string | null)[]> {
  const request = { groupId: GROUP, offsets, ...(memberId !== undefined && { memberId }) }
  const committed = await harness.run(broker.commitOffsets(request))
  return committed.map(({ error }) => error?.kafkaName ?? null)
}

async function committed(): Promise<number[]> {
  const offsets = await harness.run(broker.fetchOffsets({ groupId: GROUP }))
  return offsets.map(({ offset }) => offset)
}

describe('a member', () => {
  test('commits what it owns, under its generation, and nothing else', async () => {
    await new Member(harness, broker, 'one').beat()
    const offsets = [at(0, 5, { generation: FIRST }), at(1, 5, { generation: FIRST + 1 })]
    expect(await commit(offsets, 'one')).toEqual([null, 'FENCED_MEMBER_EPOCH'])
    expect(await commit([at(0, 6, { generation: FIRST })], 'two')).toEqual(['FENCED_MEMBER_EPOCH'])
    expect(await committed()).toEqual([5])
  })

  test('goes back only when it says so', async () => {
    await new Member(harness, broker, 'one').beat()
    await commit([at(0, 5, { generation: FIRST })], 'one')
    expect(await commit([at(0, 3, { generation: FIRST })], 'one')).toEqual([null])
    expect(await committed()).toEqual([5])
    expect(await commit([at(0, 3, { generation: FIRST, rewinds: true })], 'one')).toEqual([null])
    expect(await committed()).toEqual([3])
  })

  test('that counts its commits goes where the last one says, in whichever order they arrive', async () => {
    const one = new Member(harness, broker, 'one')
    await one.beat()
    const counted = (offset: number, sequence: number) => at(0, offset, { generation: FIRST, sequence })
    for (const [offset, sequence, standing] of [
      [10, 1, 10],
      [3, 2, 3],
      // The first one once more, and late; then the second, whose answer got lost.
      [10, 1, 3],
      [3, 2, 3],
      [7, 4, 7],
      [2, 3, 7],
    ] as const) {
      expect(await commit([counted(offset, sequence)], 'one')).toEqual([null])
      expect(await committed()).toEqual([standing])
    }
  })

  test('counts anew under each generation, and what it counted before is refused', async () => {
    const one = new Member(harness, broker, 'one')
    await one.beat()
    await commit([at(0, 10, { generation: FIRST, sequence: 9 })], 'one')
    await one.leave()
    const two = new Member(harness, broker, 'two')
    await two.beat()
    const { generation } = two.assigned[0]!
    expect(await commit([at(0, 5, { generation, sequence: 1 })], 'two')).toEqual([null])
    expect(await committed()).toEqual([5])
    expect(await commit([at(0, 11, { generation: FIRST, sequence: 10 })], 'one')).toEqual([
      'FENCED_MEMBER_EPOCH',
    ])
    // Whoever resets the group counts nothing, and the next owner begins from there.
    await two.leave()
    await commit([at(0, 1)])
    const three = new Member(harness, broker, 'three')
    await three.beat()
    const next = at(0, 0, { generation: three.assigned[0]!.generation, sequence: 1 })
    expect(await commit([next], 'three')).toEqual([null])
    expect(await committed()).toEqual([0])
  })

  test('is answered for each partition by itself', async () => {
    await new Member(harness, broker, 'one').beat()
    const offsets = [
      at(0, 5, { generation: FIRST, metadata: 'x'.repeat(4097) }),
      at(9, 5, { generation: FIRST }),
      { ...at(0, 5, { generation: FIRST }), topic: 'payments' },
      at(1, 5, { generation: FIRST }),
    ]
    expect(await commit(offsets, 'one')).toEqual([
      'OFFSET_METADATA_TOO_LARGE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      null,
    ])
  })

  test.each([
    [[at(0, 5)], 'one'],
    [[at(0, 5), at(0, 6)], undefined],
    [[at(0, 5, { sequence: 1 })], undefined],
    [[at(0, 5, { generation: FIRST, sequence: 0 })], 'one'],
    [[{ ...at(0, 0), offset: -1 as never }], undefined],
  ])('must say what it means: %j', async (offsets, memberId) => {
    const request = { groupId: GROUP, offsets, ...(memberId !== undefined && { memberId }) }
    expect((await harness.errorOf(broker.commitOffsets(request))).kafkaName).toBe('INVALID_REQUEST')
  })
})

describe('without a member', () => {
  test('offsets can be committed of what nobody owns, and back again', async () => {
    expect(await commit([at(0, 5), at(1, 6)])).toEqual([null, null])
    expect(await commit([at(0, 2)])).toEqual([null])
    expect(await committed()).toEqual([2, 6])
    expect(await harness.run(broker.listGroups())).toEqual([
      { groupId: GROUP, state: 'Empty', members: 0, protocolType: '' },
    ])
    const one = new Member(harness, broker, 'one')
    await one.beat()
    expect(one.assigned.map(({ committedOffset }) => committedOffset)).toEqual([2, 6])
  })

  test('no offset is committed of what a member owns', async () => {
    const one = new Member(harness, broker, 'one')
    await one.beat()
    expect(await commit([at(0, 5)])).toEqual(['UNKNOWN_MEMBER_ID'])
    await one.leave()
    expect(await commit([at(0, 5)])).toEqual([null])
    expect(await one.commit(0, 7)).toBe('FENCED_MEMBER_EPOCH')
  })

  test('what a silent member owned is free when its lease has run out by any clock', async () => {
    await new Member(harness, broker, 'one', { sessionTimeoutMs: 6_000 }).beat()
    await harness.pass(10_000)
    expect(await commit([at(0, 5)])).toEqual(['UNKNOWN_MEMBER_ID'])
    await harness.pass(2_000)
    expect(await commit([at(0, 5)])).toEqual([null])
  })
})

test('a topic that was made anew is another: nothing that was committed for the old one counts', async () => {
  const one = new Member(harness, broker, 'one')
  await one.beat()
  const { topicId } = one.assigned[0]!
  await commit([at(0, 5, { generation: FIRST, topicId, sequence: 1 })], 'one')
  const other = harness.open()
  await harness.run(other.deleteTopic('orders'))
  await harness.run(other.createTopic({ topic: 'orders' }))
  // By a broker that knew the old one.
  const late = at(0, 6, { generation: FIRST, topicId, sequence: 2 })
  await harness.pass(2_000)
  expect(await commit([late], 'one')).toEqual(['UNKNOWN_TOPIC_ID'])
  await one.leave()
  expect(await commit([at(0, 6, { topicId })])).toEqual(['UNKNOWN_TOPIC_ID'])
  expect(await committed()).toEqual([])
  const two = new Member(harness, broker, 'two')
  await two.beat()
  expect(two.assigned).toMatchObject([{ partition: 0, committedOffset: null }])
  expect(two.assigned[0]!.topicId).not.toBe(topicId)
})

describe('a commit of unknown outcome', () => {
  test.each(['lost', 'done'])('is recognized when it was %s', async fate => {
    await new Member(harness, broker, 'one').beat()
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method !== 'commit' || !isFirst) return await call()
      isFirst = false
      if (fate === 'done') await call()
      throw new OutcomeUnknown('lost')
    }
    harness.calls.length = 0
    expect(await commit([at(0, 5, { generation: FIRST })], 'one')).toEqual([null])
    expect(harness.count('commit')).toBe(fate === 'done' ? 1 : 2)
    expect(await committed()).toEqual([5])
  })

  test.each(['lost', 'done'])('that goes back is recognized when it was %s', async fate => {
    await new Member(harness, broker, 'one').beat()
    await commit([at(0, 9, { generation: FIRST, sequence: 1 })], 'one')
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method !== 'commit' || !isFirst) return await call()
      isFirst = false
      if (fate === 'done') await call()
      throw new OutcomeUnknown('lost')
    }
    harness.calls.length = 0
    expect(await commit([at(0, 5, { generation: FIRST, sequence: 2 })], 'one')).toEqual([null])
    expect(harness.count('commit')).toBe(fate === 'done' ? 1 : 2)
    expect(await committed()).toEqual([5])
  })

  test('that lands after a later one changes nothing', async () => {
    await new Member(harness, broker, 'one').beat()
    let land: () => Promise<unknown> = async () => {}
    harness.around = async (method, _, call) => {
      if (method !== 'commit') return await call()
      land = call
      throw new OutcomeUnknown('late')
    }
    expect(await commit([at(0, 5, { generation: FIRST })], 'one')).toEqual(['REQUEST_TIMED_OUT'])
    harness.around = (_, __, call) => call()
    await commit([at(0, 9, { generation: FIRST })], 'one')
    await land()
    expect(await committed()).toEqual([9])
  })
})

describe('tools', () => {
  test('see members, owners, offsets and lag', async () => {
    const batches = batchOf(['a', 'b', 'c'])
    await harness.run(broker.produce({ topic: 'orders', partition: 0, batches }))
    const [one, two] = [
      new Member(harness, broker, 'one', { clientId: 'c' }),
      new Member(harness, broker, 'two', { instanceId: 'left' }),
    ]
    await settle([one, two])
    await one.beat()
    await two.beat()
    const [owner] = [one, two].filter(each => each.partitions.includes(0))
    await owner!.commit(0, 1)
    const described = await harness.run(broker.describeGroup(GROUP))
    expect(described).toMatchObject({ state: 'Stable', members: 2, assignor: 'cooperative-sticky' })
    expect(described.memberList.map(({ memberId, owned }) => [memberId, owned.length])).toEqual([
      ['instance-left', 1],
      ['one', 1],
    ])
    expect(described.partitions).toMatchObject([
      { partition: 0, committedOffset: 1, startOffset: 0, endOffset: 3, lag: 2 },
      { partition: 1, committedOffset: null, endOffset: 0, lag: 0 },
    ])
    await one.leave()
    expect(await harness.run(broker.listGroups())).toMatchObject([{ state: 'Reconciling', members: 1 }])
  })

  test('delete a group when its members are gone, and its offsets with it', async () => {
    const one = new Member(harness, broker, 'one')
    await one.beat()
    await one.commit(0, 5)
    expect((await harness.errorOf(broker.deleteGroup(GROUP))).kafkaName).toBe('NON_EMPTY_GROUP')
    await one.leave()
    await harness.run(broker.deleteGroup(GROUP))
    expect((await harness.errorOf(broker.deleteGroup(GROUP))).kafkaName).toBe('GROUP_ID_NOT_FOUND')
    expect(await committed()).toEqual([])
    expect(await harness.run(broker.listGroups())).toEqual([])
    expect((await harness.errorOf(one.send())).kafkaName).toBe('UNKNOWN_MEMBER_ID')
  })
})

test('a static member that slept through the deletion of its group does not commit in its successor', async () => {
  const [zombie, back] = ['one', 'two'].map(id => new Member(harness, broker, id, { instanceId: 'left' }))
  await zombie!.beat()
  await harness.pass(SESSION_TIMEOUT_DEFAULT_MS + 1)
  await harness.run(broker.deleteGroup(GROUP))
  await back!.beat()
  expect(await zombie!.commit(0, 9)).toBe('FENCED_MEMBER_EPOCH')
  expect(await back!.commit(0, 5)).toBe(null)
  expect(await committed()).toEqual([5])
})

test('nor does it where the successor began with offsets of its own', async () => {
  const [zombie, back] = ['one', 'two'].map(id => new Member(harness, broker, id, { instanceId: 'left' }))
  await zombie!.beat()
  await harness.pass(SESSION_TIMEOUT_DEFAULT_MS + 1)
  await harness.run(broker.deleteGroup(GROUP))
  await commit([at(0, 1)])
  await back!.beat()
  expect(await zombie!.commit(0, 9)).toBe('FENCED_MEMBER_EPOCH')
  expect(await committed()).toEqual([1])
})
