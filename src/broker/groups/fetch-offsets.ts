import type { GroupOffset } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { Claim } from '../../core/group/group.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { toOffset } from '../../core/numbers.ts'
import type { GroupCall } from './group-call.ts'
import { readAllTopics, readTopics } from './group-topics.ts'
import { settledClaim } from './pending-claims.ts'

/** What a group has committed, by topic and partition; offsets of topics that are gone are left out. */
export async function fetchOffsets(
  call: GroupCall,
  topics: readonly string[] | undefined,
  tellsPending = false,
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
  const meant = claims.flatMap(claim => {
    const topic = names.get(claim.topicId)
    return topic === undefined || wanted?.has(topic) === false ? [] : [{ topic, claim }]
  })
  const settled = await call.forEach(meant, async ({ topic, claim }) => ({
    topic,
    claim: await settledClaim(call, claim),
  }))
  return settled
    .flatMap(({ topic, claim }): GroupOffset[] => {
      if (claim.pending && !tellsPending) throw unstable(topic, claim)
      const committed = claim.committed ?? (claim.pending && NOTHING)
      if (!committed) return []
      const { offset, metadata, committedMs, leaderEpoch } = committed
      return [
        {
          topic,
          partition: claim.partition,
          offset,
          metadata,
          committedMs,
          ...(leaderEpoch >= 0 && { leaderEpoch }),
          ...(claim.pending && { isPending: true }),
        },
      ]
    })
    .sort(byPlace)
}

const NOTHING = { offset: toOffset(0), metadata: '', committedMs: 0, leaderEpoch: -1 }

function unstable(topic: string, { partition, pending }: Claim): TidemarkError {
  return new TidemarkError(
    'UNSTABLE_OFFSET_COMMIT',
    `A transaction of "${pending!.transactionalId}" is to commit an offset of ${topic}/${partition}, and is not over yet. Ask again.`,
  )
}

export function byPlace(
  one: { topic: string; partition: number },
  other: { topic: string; partition: number },
): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1
  return one.partition - other.partition
}
