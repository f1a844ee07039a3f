import type { GroupOffset } from '../../contract/groups.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import type { GroupCall } from './group-call.ts'
import { readAllTopics, readTopics } from './group-topics.ts'

/** What a group has committed, by topic and partition; offsets of topics that are gone are left out. */
export async function fetchOffsets(
  call: GroupCall,
  topics: readonly string[] | undefined,
): Promise<GroupOffset[]> {
  checkGroupId(call.groupId)
  const claims = await call.readAll(() => call.groups.claims(call.groupId))
  if (claims.length === 0) return []
  const known =
    topics === undefined
      ? await readAllTopics(call)
      : await readTopics(call, [{ topics, topicPattern: null }])
  const wanted = topics && new Set(topics)
  const names = new Map(known.map(({ topicId, name }) => [topicId, name]))
  return claims
    .flatMap(({ topicId, partition, committed }): GroupOffset[] => {
      const topic = names.get(topicId)
      if (topic === undefined || !committed || wanted?.has(topic) === false) return []
      const { offset, metadata, committedMs, leaderEpoch } = committed
      return [{ topic, partition, offset, metadata, committedMs, ...(leaderEpoch >= 0 && { leaderEpoch }) }]
    })
    .sort(byPlace)
}

export function byPlace(
  one: { topic: string; partition: number },
  other: { topic: string; partition: number },
): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1
  return one.partition - other.partition
}
