import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AssignorName } from '../../../../src/core/group/group.ts'
import {
  checkPattern,
  groupTopics,
  membersDigest,
  subscribedTopics,
  subscribedTopicsOf,
  topicsDigest,
  toSubscription,
} from '../../../../src/core/group/subscribing/subscription.ts'
import { SUBSCRIPTION_BYTES_MAX } from '../../../../src/core/limits.ts'
import { memberOf, someMembers, someTopics, topicOf } from '../arbitraries.ts'

const names = (topics: readonly { name: string }[]) => topics.map(({ name }) => name)
const TOPICS = ['tides', 'tides.raw', 'buoys', 'ab'].map(name => topicOf(name, 1))

describe('what a member subscribes to', () => {
  test('names, whole names that match, or both, in order and each once', () => {
    expect(names(subscribedTopics(memberOf('m', ['tides', 'nowhere']), TOPICS))).toEqual(['tides'])
    expect(names(subscribedTopics(memberOf('m', [], 'tides.*'), TOPICS))).toEqual(['tides', 'tides.raw'])
    expect(names(subscribedTopics(memberOf('m', [], 'tide'), TOPICS))).toEqual([])
    expect(names(subscribedTopics(memberOf('m', [], 'a|b'), TOPICS))).toEqual([])
    expect(names(subscribedTopics(memberOf('m', ['tides', 'ab'], 't.*s'), TOPICS))).toEqual(['ab', 'tides'])
    expect(names(subscribedTopics(memberOf('m', []), TOPICS))).toEqual([])
  })

  test('members with the same subscription share the answer', () => {
    fc.assert(
      fc.property(someMembers, someTopics, (members, topics) => {
        const of = subscribedTopicsOf(members, topics)
        for (const member of members) expect(of.get(member)).toEqual(subscribedTopics(member, topics))
      }),
    )
  })

  test('all that anybody subscribes to', () => {
    const members = [memberOf('1', ['tides']), memberOf('2', ['tides', 'ab']), memberOf('3', [], 'tides.+')]
    expect(names(groupTopics(members, TOPICS))).toEqual(['ab', 'tides', 'tides.raw'])
    expect(groupTopics([], TOPICS)).toEqual([])
  })

  test('is stored sorted, each name once', () => {
    expect(toSubscription(['b', 'a', 'b'], undefined)).toEqual({ topics: ['a', 'b'], topicPattern: null })
    expect(toSubscription(undefined, 'a.*')).toEqual({ topics: [], topicPattern: 'a.*' })
  })

  test('is refused where it is too long or cannot be meant', () => {
    const refused = (kafkaName: string) => expect.objectContaining({ kafkaName })
    const name = 'x'.repeat(200)
    const many = Array.from({ length: SUBSCRIPTION_BYTES_MAX / 204 }, (_, index) => `${name}${1_000 + index}`)
    expect(toSubscription(many, null).topics).toHaveLength(many.length)
    expect(() => toSubscription([...many, `${name}0000`], null)).toThrow(refused('INVALID_REQUEST'))
    expect(() => toSubscription(['a b'], null)).toThrow(refused('INVALID_TOPIC_EXCEPTION'))
    expect(() => toSubscription([], '(')).toThrow(refused('INVALID_REQUEST'))
    expect(() => checkPattern('[')).toThrow(refused('INVALID_REQUEST'))
    expect(() => checkPattern('a)|(b')).toThrow(refused('INVALID_REQUEST'))
  })
})

describe('the digest', () => {
  test('is the same whatever the order', () => {
    fc.assert(
      fc.property(
        someTopics.chain(topics =>
          fc.tuple(fc.constant(topics), fc.shuffledSubarray(topics, { minLength: topics.length })),
        ),
        ([topics, shuffled]) => {
          expect(topicsDigest(shuffled)).toBe(topicsDigest(topics))
        },
      ),
    )
  })

  test('is another one for other topics', () => {
    const [one, other] = [topicOf('a', 3), topicOf('b', 3)]
    const digests = [
      [],
      [one],
      [other],
      [one, other],
      [{ ...one, partitions: 4 }],
      [{ ...one, topicId: other.topicId }],
      [{ ...one, name: 'c' }],
      [
        { ...one, partitions: 4 },
        { ...other, partitions: 2 },
      ],
    ].map(topicsDigest)
    expect(new Set(digests).size).toBe(digests.length)
  })

  test('stays what it is: one that changes gives every group a new target', () => {
    expect(topicsDigest([])).toBe('0-0-106e08d9-fdd7f6a1')
    expect(topicsDigest([topicOf('a', 3), topicOf('b', 4)])).toBe('2-7-9f7a033c-6b12a5d1')
  })

  test('of members is another one for whoever comes, goes or asks for something else, in any order', () => {
    const assignor: AssignorName = 'cooperative-sticky'
    const one = { ...memberOf('1', ['a']), assignor }
    const other = { ...memberOf('2', ['a']), assignor }
    const digests = [
      [],
      [one],
      [other],
      [one, other],
      [{ ...one, topics: ['b'] }, other],
      [{ ...one, topics: ['a', 'b'] }, other],
      [{ ...one, topicPattern: 'b' }, other],
      [{ ...one, assignor: 'range' as const }, other],
    ].map(membersDigest)
    expect(new Set(digests).size).toBe(digests.length)
    expect(membersDigest([other, one])).toBe(membersDigest([one, other]))
    const again = { ...one, incarnation: 'new', leaseUntilMs: 9, settledEpoch: 9, joinedMs: 9 }
    expect(membersDigest([again, other])).toBe(membersDigest([one, other]))
    expect(membersDigest([one, other])).toBe('2-31f182ea-84ff57f0')
  })
})
