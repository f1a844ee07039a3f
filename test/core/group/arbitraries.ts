import fc from 'fast-check'
import type { AssignedMember } from '../../../src/core/group/assigning/assignment.ts'
import type { AssignorName, GroupTopic, Target } from '../../../src/core/group/group.ts'
import { toTopicId } from '../../../src/core/topic/topic-id.ts'

export const ASSIGNORS: readonly AssignorName[] = ['range', 'round-robin', 'cooperative-sticky']

export function topicOf(name: string, partitions: number): GroupTopic {
  return {
    name,
    topicId: toTopicId(Buffer.from(name.padEnd(16, '.')).toString('hex').slice(0, 32)),
    partitions,
  }
}

export function memberOf(
  memberId: string,
  topics: readonly string[],
  topicPattern: string | null = null,
): AssignedMember {
  return { memberId, instanceId: null, topics, topicPattern }
}

/** A UUID for each number, in no order. */
export function memberIdOf(index: number): string {
  return toTopicId(
    (BigInt(index + 1) * 0x9e3779b97f4a7c15f39cc0605cedc835n).toString(16).slice(-32).padStart(32, '0'),
  )
}

export function partitionsOf(target: Target, memberId: string): string[] {
  return (target.get(memberId) ?? []).flatMap(({ topicId, partitions }) =>
    partitions.map(partition => `${topicId}#${partition}`),
  )
}

export function loadOf(target: Target, memberId: string): number {
  return partitionsOf(target, memberId).length
}

/** Partitions that had an owner and have another one. */
export function countMoves(before: Target, after: Target): number {
  const ownerBefore = new Map(
    [...before.keys()].flatMap(memberId =>
      partitionsOf(before, memberId).map(key => [key, memberId] as const),
    ),
  )
  return [...after.keys()]
    .flatMap(memberId => partitionsOf(after, memberId).map(key => [key, memberId] as const))
    .filter(([key, memberId]) => ownerBefore.has(key) && ownerBefore.get(key) !== memberId).length
}

const NAMES = ['a', 'b', 'c', 'd', 'e']

export const someTopics: fc.Arbitrary<GroupTopic[]> = fc
  .subarray(NAMES)
  .chain(names =>
    fc.tuple(...names.map(name => fc.nat({ max: 12 }).map(partitions => topicOf(name, partitions)))),
  )

const subscription = fc.oneof(
  fc.subarray(NAMES).map(topics => ({ topics, topicPattern: null })),
  fc.constantFrom('[ab]', '.*', 'c|e').map(topicPattern => ({ topics: [] as string[], topicPattern })),
)

/** Members with whatever subscriptions, some of them static, and each id once. */
export const someMembers: fc.Arbitrary<AssignedMember[]> = fc
  .uniqueArray(fc.nat({ max: 15 }), { maxLength: 8 })
  .chain(indexes =>
    fc.tuple(
      ...indexes.map(index =>
        fc.tuple(subscription, fc.boolean()).map(([subscribed, isStatic]) => ({
          ...subscribed,
          memberId: isStatic ? `instance-${index}` : memberIdOf(index),
          instanceId: isStatic ? `${index}` : null,
        })),
      ),
    ),
  )

export const assignorName = fc.constantFrom(...ASSIGNORS)
