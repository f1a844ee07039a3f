import { assign, chooseAssignor } from '../../core/group/assigning/assignment.ts'
import type { Group, Member } from '../../core/group/group.ts'
import { isMarked, lookUntil, needsLook, newSinceMs } from '../../core/group/session.ts'
import { groupTopics, membersDigest, topicsDigest } from '../../core/group/subscribing/subscription.ts'
import type { GroupCall } from './group-call.ts'
import { readMembers, shortenLeases } from './group-state.ts'
import { putTarget, readTarget } from './group-target.ts'
import { readTopics } from './group-topics.ts'

/**
 * Looks where that is due and nobody else has begun to. Tells the group as it is then, which may still be marked;
 * undefined where there is none.
 */
export async function lookIfDue(call: GroupCall, lookMs: number): Promise<Group | undefined> {
  const group = await call.read(() => call.groups.readGroup(call.groupId))
  if (group?.classic) return group
  const nowMs = call.nowMs()
  const due = group && needsLook(group, nowMs, lookMs)
  if (!due) return group
  const checkedMs = due === 'marked' ? lookUntil(nowMs) : nowMs
  const isWon = await call.write(() => call.groups.winCheck(call.groupId, group.checkedMs, checkedMs))
  return isWon ? await look(call) : group
}

/**
 * Looks at all members and their topics, removes members whose leases have run out, and works out a new target where
 * the present one is for others. Of several that do so at the same time one sets the target, and the others take it.
 * Tells the group as it is then; undefined where there is none.
 * @param brokenTargetId a target to be replaced in any case, since a part of it is gone; where it was replaced since,
 *   nothing else is done
 */
export async function look(call: GroupCall, brokenTargetId?: string): Promise<Group | undefined> {
  for (;;) {
    const group = await call.read(() => call.groups.readGroup(call.groupId))
    // Who is in a classic one is looked for by those who serve it.
    if (!group || group.classic) return group
    // Somebody has replaced it already, and whoever is at the next one needs no company.
    if (brokenTargetId !== undefined && group.targetId !== brokenTargetId) return group
    const { members, expired } = await readMembers(call)
    const nowMs = call.nowMs()
    if (expired.length > 0) {
      // Whether or not this is won: two that look at the same time do no harm.
      await call.write(() => call.groups.winCheck(call.groupId, group.checkedMs, lookUntil(nowMs)))
      await removeExpired(call, expired)
      continue
    }
    await shortenLeases(call, members)
    const topics = groupTopics(members, await readTopics(call, members))
    // The members count, too: whoever put one may have died before the mark.
    const digest = `${topicsDigest(topics)}/${membersDigest(members)}`
    if (!isMarked(group) && group.topicsDigest === digest && brokenTargetId === undefined) return group

    const assignor = members.length === 0 ? group.assignor : chooseAssignor(members)
    const target = assign(assignor, members, topics, await readTarget(call, group))
    const next: Group = {
      ...group,
      ...(await putTarget(call, group.epoch + 1, target)),
      epoch: group.epoch + 1,
      assignor,
      // Read before the members were: whoever has marked the group since is looked for again.
      marksSeen: group.marks,
      topicsDigest: digest,
      checkedMs: nowMs,
      // Before the topics were read: one that came since is new. Groups of older versions count from their next target.
      sinceMs: newSinceMs(group, nowMs) ?? nowMs,
    }
    if (await call.write(() => call.groups.setTarget(next))) {
      // A crash before this leaves chunks that nobody reads, until the next target.
      await call.write(() => call.groups.removeOlderTargets(call.groupId, next.targetId))
      return next
    }
    // Another was faster, or an earlier try of this has done it: either way the target that stands is the one.
  }
}

/**
 * Marks before it removes: whatever happens in between, somebody looks again; without the mark nobody would miss a
 * member whose removal was all that got done.
 */
export async function removeExpired(call: GroupCall, expired: readonly Member[]): Promise<void> {
  await call.write(() => call.groups.markGroup(call.groupId))
  await call.forEach(expired, ({ memberId, leaseUntilMs }) =>
    call.write(() => call.groups.removeMember(call.groupId, memberId, leaseUntilMs)),
  )
}
