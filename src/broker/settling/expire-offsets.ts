import { findUselessClaims, type GroupSeen } from '../../core/group/offset-expiry.ts'
import type { Ports } from '../../ports/index.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { readAll } from '../store-calls/read-all.ts'
import { retryUntil } from '../store-calls/retry.ts'

/** Claims that are looked through with one list of all topics. */
const CLAIMS_TOGETHER = 10_000
const REMOVALS_PARALLEL = 16

/** A group, and what was read of it. */
interface Read extends GroupSeen {
  readonly groupId: string
}

/**
 * Removes what groups have committed that is of no use any more: of deleted topics, and of groups that have long been without
 * members. Each on the condition that nobody has owned or committed it meanwhile. The groups themselves stay.
 * @param deadlineMs by the monotonic clock; the rest is for the next time
 * @returns how many were removed
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline
 */
export async function expireOffsets(
  ports: Ports,
  { deadlineMs }: { readonly deadlineMs: number },
): Promise<number> {
  const { groups, triggers, topics, clock } = ports
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const all = <T>(list: () => AsyncIterable<T>) => readAll(ports, deadlineMs, list)

  const readGroup = async (groupId: string): Promise<Read> => {
    const claims = await all(() => groups.claims(groupId))
    const members = await all(() => groups.members(groupId))
    const group = await insist(() => groups.readGroup(groupId))
    const own = await all(() => triggers.triggers(groupId))
    return { groupId, group, claims, members, hasTrigger: own.length > 0 }
  }

  const removeFrom = async (seen: readonly Read[]): Promise<number> => {
    const topicIds = new Set((await all(() => topics.list())).map(({ topicId }) => topicId))
    const useless = seen.flatMap(group =>
      findUselessClaims(group, topicIds, clock.nowMs()).map(each => ({ ...each, groupId: group.groupId })),
    )
    const removed = await fewAtATime(useless, REMOVALS_PARALLEL, ({ groupId, claim, isForGood }) =>
      insist(() => groups.removeClaim(groupId, claim, isForGood)),
    )
    return removed.filter(Boolean).length
  }

  let removed = 0
  let seen: Read[] = []
  for (const groupId of await all(() => groups.groups())) {
    const read = await readGroup(groupId)
    if (read.claims.length > 0) seen.push(read)
    if (seen.reduce((sum, { claims }) => sum + claims.length, 0) < CLAIMS_TOGETHER) continue
    removed += await removeFrom(seen)
    seen = []
  }
  return seen.length > 0 ? removed + (await removeFrom(seen)) : removed
}
