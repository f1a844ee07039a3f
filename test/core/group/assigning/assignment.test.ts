import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AssignedMember,
  assign,
  chooseAssignor,
} from '../../../../src/core/group/assigning/assignment.ts'
import type { AssignorName, GroupTopic, Target } from '../../../../src/core/group/group.ts'
import { subscribedTopics } from '../../../../src/core/group/subscribing/subscription.ts'
import {
  ASSIGNORS,
  assignorName,
  countMoves,
  loadOf,
  memberIdOf,
  memberOf,
  partitionsOf,
  someMembers,
  someTopics,
  topicOf,
} from '../arbitraries.ts'

const NOTHING: Target = new Map()

/** Names instead of ids, as one reads it. */
function readable(target: Target, topics: readonly GroupTopic[]): Record<string, string> {
  const names = new Map(topics.map(({ topicId, name }) => [topicId, name]))
  return Object.fromEntries(
    [...target]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([memberId, shares]) => [
        memberId,
        shares
          .map(({ topicId, partitions }) =>
            partitions.map(partition => `${names.get(topicId)}${partition}`).join(' '),
          )
          .sort()
          .join(' '),
      ]),
  )
}

/** A group as it was, and as it is now: members and topics have come, gone and changed. */
const change = fc.record({
  assignor: assignorName,
  before: fc.record({ members: someMembers, topics: someTopics }),
  members: someMembers,
  topics: someTopics,
})

function assignAfter({
  assignor,
  before,
  members,
  topics,
}: typeof change extends fc.Arbitrary<infer C> ? C : never) {
  const previous = assign(assignor, before.members, before.topics, NOTHING)
  return { previous, target: assign(assignor, members, topics, previous) }
}

function expectComplete(
  members: readonly AssignedMember[],
  topics: readonly GroupTopic[],
  target: Target,
): void {
  const given = [...target.keys()].flatMap(memberId => partitionsOf(target, memberId))
  const subscribed = new Map(
    members.map(member => [
      member.memberId,
      new Set(subscribedTopics(member, topics).map(({ topicId }) => topicId)),
    ]),
  )
  const wanted = topics
    .filter(({ topicId }) => [...subscribed.values()].some(topicIds => topicIds.has(topicId)))
    .flatMap(({ topicId, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => `${topicId}#${partition}`),
    )
  expect(given.sort()).toEqual(wanted.sort())
  for (const [memberId, shares] of target) {
    for (const { topicId } of shares) expect(subscribed.get(memberId)?.has(topicId)).toBe(true)
  }
}

describe('every assignor', () => {
  test('gives every partition of every subscribed topic to exactly one of its subscribers, and no others', () => {
    fc.assert(
      fc.property(change, changed =>
        expectComplete(changed.members, changed.topics, assignAfter(changed).target),
      ),
      { numRuns: 1_000 },
    )
  })

  test.each(ASSIGNORS)('%s: does so where every member subscribes to something else', assignor => {
    const names = Array.from({ length: 14 }, (_, one) =>
      Array.from({ length: one + 1 }, (_, other) => `${one}-${other}`),
    ).flat()
    const topics = names.map(name => topicOf(name, 3))
    const members = Array.from({ length: 14 }, (_, index) =>
      memberOf(memberIdOf(index), [], `${index}-.*|.*-${index}`),
    )
    expectComplete(members, topics, assign(assignor, members, topics, NOTHING))
  })

  test('lists topics once, sorted, with ascending partitions', () => {
    fc.assert(
      fc.property(change, changed => {
        for (const shares of assignAfter(changed).target.values()) {
          const topicIds = shares.map(({ topicId }) => topicId)
          expect(topicIds).toEqual([...new Set(topicIds)].sort())
          for (const { partitions } of shares) {
            expect(partitions.length).toBeGreaterThan(0)
            expect(partitions).toEqual([...new Set(partitions)].sort((one, other) => one - other))
          }
        }
      }),
    )
  })

  test('finds the same in whatever order members, topics and what was before come', () => {
    const shuffled = change.chain(changed =>
      fc.record({
        changed: fc.constant(changed),
        members: fc.shuffledSubarray(changed.members, { minLength: changed.members.length }),
        topics: fc.shuffledSubarray(changed.topics, { minLength: changed.topics.length }),
      }),
    )
    fc.assert(
      fc.property(shuffled, ({ changed, members, topics }) => {
        const { previous, target } = assignAfter(changed)
        const previousReversed = new Map(
          [...previous].reverse().map(([memberId, shares]) => [memberId, [...shares].reverse()]),
        )
        const again = assign(changed.assignor, members, topics, previousReversed)
        expect(again).toEqual(target)
      }),
      { numRuns: 500 },
    )
  })

  const alike = fc.record({
    assignor: fc.constantFrom<AssignorName>('round-robin', 'cooperative-sticky'),
    before: fc.record({ members: someMembers, topics: someTopics }),
    count: fc.integer({ min: 1, max: 9 }),
    topics: someTopics,
  })

  test('but range is balanced within one where all subscribe to the same topics, whatever was before', () => {
    fc.assert(
      fc.property(alike, ({ assignor, before, count, topics }) => {
        const members = Array.from({ length: count }, (_, index) => memberOf(memberIdOf(index), [], '.*'))
        const previous = assign(assignor, before.members, before.topics, NOTHING)
        const target = assign(assignor, members, topics, previous)
        const loads = members.map(({ memberId }) => loadOf(target, memberId))
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test.each(ASSIGNORS)('%s: no members, no topics, and more members than partitions', assignor => {
    const topics = [topicOf('a', 2)]
    expect(assign(assignor, [], topics, NOTHING)).toEqual(new Map())
    expect(assign(assignor, [memberOf('m', ['a'])], [], NOTHING)).toEqual(new Map())
    expect(assign(assignor, [memberOf('m', ['b'])], topics, NOTHING)).toEqual(new Map())
    const members = ['1', '2', '3', '4', '5'].map(memberId => memberOf(memberId, ['a']))
    expect(readable(assign(assignor, members, topics, NOTHING), topics)).toEqual({ 1: 'a0', 2: 'a1' })
  })

  test('a topic created anew under its old name is another one', () => {
    const members = [memberOf('1', ['a'])]
    const previous = assign('cooperative-sticky', members, [topicOf('a', 3)], NOTHING)
    const anew = { ...topicOf('a', 1), topicId: '0b1f3a52-7c1e-4a4e-9d55-0123456789ab' }
    expect(assign('cooperative-sticky', members, [anew], previous)).toEqual(
      new Map([['1', [{ topicId: anew.topicId, partitions: [0] }]]]),
    )
  })
})

describe('range', () => {
  test('each topic is cut by itself, the first members get one more', () => {
    const topics = [topicOf('a', 7), topicOf('b', 3)]
    const members = ['1', '2', '3'].map(memberId => memberOf(memberId, ['a', 'b']))
    expect(readable(assign('range', members, topics, NOTHING), topics)).toEqual({
      1: 'a0 a1 a2 b0',
      2: 'a3 a4 b1',
      3: 'a5 a6 b2',
    })
  })

  test('a topic is cut among its own subscribers', () => {
    const topics = [topicOf('a', 3), topicOf('b', 4)]
    const members = [memberOf('1', ['a']), memberOf('2', ['a', 'b']), memberOf('3', ['b'])]
    expect(readable(assign('range', members, topics, NOTHING), topics)).toEqual({
      1: 'a0 a1',
      2: 'a2 b0 b1',
      3: 'b2 b3',
    })
  })

  test('serves members in their order, whatever else they subscribe to', () => {
    const topics = [topicOf('a', 3), topicOf('b', 2)]
    const members = [memberOf('1', ['a', 'b']), memberOf('2', ['a']), memberOf('3', ['a', 'b'])]
    expect(readable(assign('range', members, topics, NOTHING), topics)).toEqual({
      1: 'a0 b0',
      2: 'a1',
      3: 'a2 b1',
    })
  })

  test('is balanced within one in every topic', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), someTopics, (count, topics) => {
        const members = Array.from({ length: count }, (_, index) => memberOf(memberIdOf(index), [], '.*'))
        const target = assign('range', members, topics, NOTHING)
        for (const { topicId } of topics) {
          const loads = members.map(
            ({ memberId }) =>
              target.get(memberId)?.find(share => share.topicId === topicId)?.partitions.length ?? 0,
          )
          expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})

describe('round-robin', () => {
  test('deals all partitions of all topics in turn', () => {
    const topics = [topicOf('a', 3), topicOf('b', 3)]
    const members = ['1', '2'].map(memberId => memberOf(memberId, ['a', 'b']))
    expect(readable(assign('round-robin', members, topics, NOTHING), topics)).toEqual({
      1: 'a0 a2 b1',
      2: 'a1 b0 b2',
    })
  })

  test("passes over who does not subscribe, as in the example of Kafka's own", () => {
    const topics = [topicOf('t0', 1), topicOf('t1', 2), topicOf('t2', 3)]
    const members = [memberOf('C0', ['t0']), memberOf('C1', ['t0', 't1']), memberOf('C2', ['t0', 't1', 't2'])]
    expect(readable(assign('round-robin', members, topics, NOTHING), topics)).toEqual({
      C0: 't00',
      C1: 't10',
      C2: 't11 t20 t21 t22',
    })
  })
})

test('static members are served first, by their instance ids, so that a new name changes nothing', () => {
  const topics = [topicOf('a', 3)]
  const members: AssignedMember[] = [
    memberOf('0', ['a']),
    { ...memberOf('instance-y', ['a']), instanceId: 'y' },
    { ...memberOf('instance-x', ['a']), instanceId: 'x' },
  ]
  for (const assignor of ['range', 'round-robin'] as const) {
    expect(readable(assign(assignor, members, topics, NOTHING), topics)).toEqual({
      0: 'a2',
      'instance-x': 'a0',
      'instance-y': 'a1',
    })
  }
})

describe('cooperative-sticky', () => {
  const group = fc.record({
    count: fc.integer({ min: 1, max: 9 }),
    topics: someTopics,
  })
  const membersUpTo = (count: number) =>
    Array.from({ length: count }, (_, index) => memberOf(memberIdOf(index), [], '.*'))

  test('who joins gets its part, and nothing else moves', () => {
    fc.assert(
      fc.property(group, ({ count, topics }) => {
        const before = assign('cooperative-sticky', membersUpTo(count), topics, NOTHING)
        const after = assign('cooperative-sticky', membersUpTo(count + 1), topics, before)
        const moves = countMoves(before, after)
        expect(moves).toBe(loadOf(after, memberIdOf(count)))
        const partitions = topics.reduce((sum, topic) => sum + topic.partitions, 0)
        expect(moves).toBe(Math.floor(partitions / (count + 1)))
      }),
    )
  })

  test('who leaves leaves its part to others, and nothing else moves', () => {
    fc.assert(
      fc.property(group, fc.nat(), ({ count, topics }, which) => {
        const members = membersUpTo(count + 1)
        const before = assign('cooperative-sticky', members, topics, NOTHING)
        const gone = members[which % members.length]!
        const after = assign(
          'cooperative-sticky',
          members.filter(member => member !== gone),
          topics,
          before,
        )
        expect(countMoves(before, after)).toBe(loadOf(before, gone.memberId))
      }),
    )
  })

  test('nothing moves where nothing changed, nor where all subscribe to the same and a topic comes or grows', () => {
    fc.assert(
      fc.property(someMembers, someTopics, (members, topics) => {
        const before = assign('cooperative-sticky', members, topics, NOTHING)
        expect(countMoves(before, assign('cooperative-sticky', members, topics, before))).toBe(0)
      }),
    )
    fc.assert(
      fc.property(group, fc.integer({ min: 1, max: 20 }), ({ count, topics }, more) => {
        const before = assign('cooperative-sticky', membersUpTo(count), topics, NOTHING)
        const grown = [
          ...topics.map(topic => ({ ...topic, partitions: topic.partitions + more })),
          topicOf('z', more),
        ]
        expect(countMoves(before, assign('cooperative-sticky', membersUpTo(count), grown, before))).toBe(0)
      }),
    )
  })

  test('moves as little as the balance takes, however uneven it was before', () => {
    const uneven = fc.record({
      topics: someTopics,
      seats: fc.array(fc.nat({ max: 6 }), { minLength: 60, maxLength: 60 }),
      count: fc.integer({ min: 1, max: 6 }),
    })
    fc.assert(
      fc.property(uneven, ({ topics, seats, count }) => {
        const members = membersUpTo(count)
        const before = new Map(
          members.map(({ memberId }) => [memberId, [] as { topicId: string; partitions: number[] }[]]),
        )
        let place = 0
        for (const { topicId, partitions } of topics) {
          for (let partition = 0; partition < partitions; partition += 1, place += 1) {
            before.get(memberIdOf(seats[place]!))?.push({ topicId, partitions: [partition] })
          }
        }
        const after = assign('cooperative-sticky', members, topics, before)
        // So many members may have one more than the others: those with most are to be among them.
        const total = topics.reduce((sum, topic) => sum + topic.partitions, 0)
        const loads = members
          .map(({ memberId }) => loadOf(before, memberId))
          .sort((one, other) => other - one)
        const quota = (index: number) => Math.floor(total / count) + (index < total % count ? 1 : 0)
        const least = loads.reduce((sum, load, index) => sum + Math.max(0, load - quota(index)), 0)
        expect(countMoves(before, after)).toBe(least)
      }),
      { numRuns: 500 },
    )
  })

  test('with different subscriptions no single move would balance better', () => {
    fc.assert(
      fc.property(change, changed => {
        const { target } = assignAfter({ ...changed, assignor: 'cooperative-sticky' })
        for (const giver of changed.members) {
          const load = loadOf(target, giver.memberId)
          const has = new Set(target.get(giver.memberId)?.map(({ topicId }) => topicId))
          for (const taker of changed.members) {
            if (loadOf(target, taker.memberId) > load - 2) continue
            const wants = subscribedTopics(taker, changed.topics).map(({ topicId }) => topicId)
            expect(wants.filter(topicId => has.has(topicId))).toEqual([])
          }
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('gives away some of each topic', () => {
    const topics = [topicOf('a', 4), topicOf('b', 4)]
    const alone = [memberOf('1', ['a', 'b'])]
    const before = assign('cooperative-sticky', alone, topics, NOTHING)
    const after = assign('cooperative-sticky', [...alone, memberOf('2', ['a', 'b'])], topics, before)
    expect(readable(after, topics)).toEqual({ 1: 'a0 a1 b0 b1', 2: 'a2 a3 b2 b3' })
  })

  test('gives to whoever has least, of all topics that it could give away', () => {
    const topics = [topicOf('a', 2), topicOf('b', 2), topicOf('c', 2), topicOf('d', 1)]
    const alone = [memberOf('1', ['a', 'b'])]
    const before = assign('cooperative-sticky', alone, topics, NOTHING)
    const members = [...alone, memberOf('2', ['a', 'c']), memberOf('3', ['b', 'd'])]
    expect(readable(assign('cooperative-sticky', members, topics, before), topics)).toEqual({
      1: 'a0 a1 b0',
      2: 'c0 c1',
      3: 'b1 d0',
    })
  })

  test('fills up those with the least choice first', () => {
    const topics = [topicOf('a', 4), topicOf('b', 2)]
    const members = [memberOf('1', ['a', 'b']), memberOf('2', ['a'])]
    expect(readable(assign('cooperative-sticky', members, topics, NOTHING), topics)).toEqual({
      1: 'a2 b0 b1',
      2: 'a0 a1 a3',
    })
  })

  test('a partition that two had before is kept by one', () => {
    const topics = [topicOf('a', 2)]
    const { topicId } = topics[0]!
    const before = new Map(['1', '2'].map(memberId => [memberId, [{ topicId, partitions: [0, 1] }]]))
    const members = [memberOf('1', ['a']), memberOf('2', ['a'])]
    expect(readable(assign('cooperative-sticky', members, topics, before), topics)).toEqual({
      1: 'a0',
      2: 'a1',
    })
  })
})

describe('the vote', () => {
  const votes = (...names: AssignorName[]) => chooseAssignor(names.map(assignor => ({ assignor })))

  test('most members win, and of as many the first by name', () => {
    expect(votes()).toBe('cooperative-sticky')
    expect(votes('range')).toBe('range')
    expect(votes('range', 'cooperative-sticky', 'range')).toBe('range')
    expect(votes('round-robin', 'range')).toBe('range')
    expect(votes('round-robin', 'round-robin', 'range', 'cooperative-sticky')).toBe('round-robin')
    expect(votes('range', 'cooperative-sticky')).toBe('cooperative-sticky')
  })
})
