import { TidemarkError } from '../../errors.ts'
import { SUBSCRIPTION_BYTES_MAX } from '../../limits.ts'
import { murmur2 } from '../../topic/partitioner.ts'
import { checkTopicName } from '../../topic/topic-name.ts'
import type { GroupTopic, Member } from '../group.ts'
import { compilePattern } from './topic-pattern.ts'

/** What a member asks for: topics by name, or by a pattern, or both. */
export type Subscription = Pick<Member, 'topics' | 'topicPattern'>

/**
 * The names sorted and each once, as a member stores them.
 * @throws INVALID_REQUEST where it is too long, or its pattern cannot be read; INVALID_TOPIC_EXCEPTION
 */
export function toSubscription(
  topics: readonly string[] | undefined,
  topicPattern: string | null | undefined,
): Subscription {
  const names = [...new Set(topics)].sort()
  for (const name of names) checkTopicName(name)
  const pattern = topicPattern ?? null
  if (pattern !== null) checkPattern(pattern)
  const bytes = names.reduce((sum, name) => sum + name.length, Buffer.byteLength(pattern ?? ''))
  if (bytes > SUBSCRIPTION_BYTES_MAX) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `A subscription has at most ${SUBSCRIPTION_BYTES_MAX} bytes; this one has ${bytes}. Use a pattern instead.`,
    )
  }
  return { topics: names, topicPattern: pattern }
}

/** @throws INVALID_REQUEST where the pattern cannot be read */
export function checkPattern(pattern: string): void {
  compilePattern(pattern)
}

/** The topics that a member gets records from, in the order of their names; a pattern matches whole names. */
export function subscribedTopics(member: Subscription, topics: readonly GroupTopic[]): GroupTopic[] {
  const named = new Set(member.topics)
  const matches = member.topicPattern === null ? () => false : compilePattern(member.topicPattern)
  return topics.filter(({ name }) => named.has(name) || matches(name)).sort(byName)
}

/** Who subscribes to what: members with the same subscription share one array, made once. */
export function subscribedTopicsOf<M extends Subscription>(
  members: readonly M[],
  topics: readonly GroupTopic[],
): Map<M, readonly GroupTopic[]> {
  const bySubscription = new Map<string, readonly GroupTopic[]>()
  return new Map(
    members.map(member => {
      const key = JSON.stringify([member.topicPattern, ...member.topics])
      const known = bySubscription.get(key) ?? subscribedTopics(member, topics)
      bySubscription.set(key, known)
      return [member, known]
    }),
  )
}

/** The topics that any of the members subscribes to, in the order of their names: what a target depends on. */
export function groupTopics(members: readonly Subscription[], topics: readonly GroupTopic[]): GroupTopic[] {
  const wanted = new Set([...subscribedTopicsOf(members, topics).values()].flat())
  return [...wanted].sort(byName)
}

/**
 * Names, ids and numbers of partitions in short. Of a group's own topics (`groupTopics`) it differs when a target has
 * to be worked out anew; other topics may come and go. Their order does not matter.
 */
export function topicsDigest(topics: readonly GroupTopic[]): string {
  const sorted = [...topics].sort(byName)
  const text = sorted.map(({ name, topicId, partitions }) => `${name} ${topicId} ${partitions}\n`).join('')
  const partitions = sorted.reduce((sum, topic) => sum + topic.partitions, 0)
  // The sums change wherever a topic comes, goes or grows; the hashes tell apart what is left.
  return [sorted.length, partitions, ...hashesOf(text)].join('-')
}

/** Who is there, and subscribes to what, in short. The members' order does not matter. */
export function membersDigest(
  members: readonly Pick<Member, 'memberId' | 'topics' | 'topicPattern' | 'assignor'>[],
): string {
  const lines = members.map(({ memberId, topics, topicPattern, assignor }) =>
    JSON.stringify([memberId, assignor, topicPattern, ...topics]),
  )
  return [members.length, ...hashesOf(lines.sort().join('\n'))].join('-')
}

function hashesOf(text: string): string[] {
  const bytes = Buffer.from(text)
  return [hex(murmur2(bytes)), hex(murmur2(Buffer.concat([ANOTHER, bytes])))]
}

/** Four bytes, so that the second hash meets every word of the first in another state. */
const ANOTHER = Buffer.from('also')

function hex(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, '0')
}

export function byName(one: GroupTopic, other: GroupTopic): number {
  if (one.name === other.name) return 0
  return one.name < other.name ? -1 : 1
}
