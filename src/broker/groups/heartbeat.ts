import type { AssignedPartition, Heartbeat, HeartbeatAnswer, OwnedPartition } from '../../contract/groups.ts'
import type { Claim, Group, Member, TopicShare } from '../../core/group/group.ts'
import { checkClientId, checkGroupId, checkMember } from '../../core/group/identity.ts'
import { partitionsIn, type Reconciliation, reconcile } from '../../core/group/reconcile.ts'
import { isMarked, newSinceMs, toHeartbeatInterval, toSessionTimeout } from '../../core/group/session.ts'
import { GROUP_FIRST_TARGET_POLL_MS, HEARTBEAT_UNSETTLED_INTERVAL_MS } from '../../core/limits.ts'
import { partitionCreatedMs } from '../../core/topic/partition-age.ts'
import { type PartitionId, partitionKey, partitionsByKey } from '../../core/topic/partition-id.ts'
import type { Topic } from '../topics/topic-directory.ts'
import { changeOwner, readClaims } from './claims.ts'
import { type GroupCall, unknownMember } from './group-call.ts'
import { readShare } from './group-target.ts'
import { readTopics } from './group-topics.ts'
import { checkIncarnation, join, stay } from './join-group.ts'
import { look, lookIfDue } from './look-at-members.ts'
import { otherKind } from './other-kind.ts'
import { settledClaim } from './pending-claims.ts'

/**
 * One heartbeat, whichever broker gets it: the member's lease, a look at the others where it is due, and the claims
 * that bring what the member owns closer to its share. In a steady state that is one write and one read.
 */
export async function heartbeat(call: GroupCall, request: Heartbeat): Promise<HeartbeatAnswer> {
  check(request)
  const intervalMs = toHeartbeatInterval(toSessionTimeout(request.sessionTimeoutMs), call.heartbeatMsMax)
  const member = request.memberEpoch === 0 ? await join(call, request) : await stay(call, request)
  const group = await readFreshGroup(call, call.lookMs(intervalMs))
  if (!group) throw unknownMember(request.memberId)
  // It was silent for so long that members of the other kind have the group.
  if (group.classic) throw otherKind(call.groupId)
  if (isSettledAlready(request, group)) {
    return {
      memberEpoch: group.epoch,
      heartbeatIntervalMs: intervalMs,
      assigned: request.owned.map(owned => ({ ...toOwned(owned), committedOffset: null })),
      toRelease: [],
      isSettled: true,
    }
  }
  const { isSettled, ...answer } = await bringCloser(call, request, member, group)
  return {
    ...answer,
    isSettled,
    heartbeatIntervalMs: isSettled ? intervalMs : Math.min(intervalMs, HEARTBEAT_UNSETTLED_INTERVAL_MS),
  }
}

function check(request: Heartbeat): void {
  checkGroupId(request.groupId)
  checkMember(request)
  if (request.clientId !== undefined) checkClientId(request.clientId)
}

/** The group with a target, whoever has worked it out. Undefined: there is no such group. */
async function readFreshGroup(call: GroupCall, lookMs: number): Promise<Group | undefined> {
  for (;;) {
    const group = await lookIfDue(call, lookMs)
    if (!group || group.classic || group.epoch > 0) return group
    // Somebody works out the first one.
    await call.ports.clock.sleep(GROUP_FIRST_TARGET_POLL_MS)
  }
}

/** Nothing takes a partition from a settled member but another target. */
function isSettledAlready({ memberEpoch, settledEpoch, released }: Heartbeat, group: Group): boolean {
  return memberEpoch !== 0 && settledEpoch === group.epoch && (released ?? []).length === 0
}

async function bringCloser(
  call: GroupCall,
  request: Heartbeat,
  member: Member,
  found: Group,
): Promise<Omit<HeartbeatAnswer, 'heartbeatIntervalMs'>> {
  const { group, share } = await readStandingShare(call, found, member.memberId, request)
  // Whoever joins owns nothing: what it says it has may be of an earlier stay.
  const owned = request.memberEpoch === 0 ? [] : request.owned
  const released = request.released ?? []
  const { names, topics } = await nameTopics(call, share, member, [...owned, ...released])
  // A topic that was deleted since; the next look finds out.
  const known = share.filter(({ topicId }) => names.has(topicId))
  const claims = await readClaims(call, [...partitionsIn(known), ...owned, ...released])
  const plan = reconcile(member.memberId, known, owned, released, claims)

  await call.forEach(plan.release, claim => changeOwner(call, claim, null, claim))
  const wanted = [...plan.claim, ...plan.regain, ...(await findTakeovers(call, plan, group))]
  const taken = await call.forEach(wanted, ({ partition, expected }) =>
    changeOwner(call, partition, member.memberId, expected),
  )
  const { settled: claimed, isWaiting } = await settleClaims(
    call,
    taken.filter(claim => claim !== undefined),
  )
  if (claimed.length > 0 && member.instanceId !== null) await checkStillIts(call, request, member)

  const isNew = await newnessOf(call, group, member, claimed, topics)
  const toAssigned = (claim: Claim): AssignedPartition => ({
    topic: names.get(claim.topicId)!,
    topicId: claim.topicId,
    partition: claim.partition,
    generation: claim.generation,
    committedOffset: claim.committed?.offset ?? null,
  })
  const regained = partitionsByKey(plan.regain.map(({ partition }) => partition))
  const isRegained = (claim: Claim) => regained.has(partitionKey(claim))
  const toRelease = [...plan.toRelease, ...claimed.filter(isRegained)]
  const missing = plan.claim.length + plan.blocked.length - claimed.filter(claim => !isRegained(claim)).length
  if (missing > 0 && toRelease.length === 0) await noteNothingElse(call, member, group)
  return {
    memberEpoch: group.epoch,
    assigned: [
      ...plan.keep.map(toAssigned),
      ...claimed.map(claim => ({ ...toAssigned(claim), ...(isNew(claim) && { isNew: true }) })),
    ],
    toRelease: toRelease.map(claim => toOwned(toAssigned(claim))),
    // Where the group is marked, this share is not for all who are there, and there will be another soon.
    isSettled: toRelease.length === 0 && missing === 0 && !isWaiting && !isMarked(group),
  }
}

/**
 * Those in which nothing is pending. Of the others nobody knows yet where to go on, so they are not told: the member owns them already,
 * and claims them anew with its next heartbeat.
 */
async function settleClaims(
  call: GroupCall,
  taken: readonly Claim[],
): Promise<{ settled: Claim[]; isWaiting: boolean }> {
  if (taken.every(({ pending }) => !pending)) return { settled: [...taken], isWaiting: false }
  const looked = await call.forEach(taken, async claim => {
    const now = await settledClaim(call, claim)
    // As it was taken, whoever has it by now.
    const { pending: _, ...settled } = claim
    return now.pending ? undefined : { ...settled, committed: now.committed }
  })
  const settled = looked.filter(claim => claim !== undefined)
  return { settled, isWaiting: settled.length < looked.length }
}

/** The member's share; where the chunk that has it was removed by somebody with an older target, a new target's. */
async function readStandingShare(
  call: GroupCall,
  found: Group,
  memberId: string,
  request: Heartbeat,
): Promise<{ group: Group; share: readonly TopicShare[] }> {
  let group: Group | undefined = found
  while (group) {
    const share = await readShare(call, group, memberId)
    if (share) return { group, share }
    group = await look(call, group.targetId)
    if (group?.classic) throw otherKind(call.groupId)
  }
  throw unknownMember(request.memberId)
}

/** Topics' names by their ids; those that are gone are left out. With the topics, where they had to be read. */
async function nameTopics(
  call: GroupCall,
  share: readonly TopicShare[],
  member: Member,
  owned: readonly OwnedPartition[],
): Promise<{ names: Map<string, string>; topics?: readonly Topic[] }> {
  const names = new Map(owned.map(({ topicId, topic }) => [topicId, topic]))
  if (share.every(({ topicId }) => names.has(topicId))) return { names }
  const topics = await readTopics(call, [member])
  for (const { topicId, name } of topics) names.set(topicId, name)
  return { names, topics }
}

/** Which of these claims are of partitions that are newer than the group, and of which nothing is committed. */
async function newnessOf(
  call: GroupCall,
  group: Group,
  member: Member,
  claims: readonly Claim[],
  known: readonly Topic[] | undefined,
): Promise<(claim: Claim) => boolean> {
  if (claims.every(({ committed }) => committed)) return () => false
  const topics = new Map(
    (known ?? (await readTopics(call, [member]))).map(topic => [topic.topicId, topic] as const),
  )
  const sinceMs = newSinceMs(group, call.nowMs()) ?? Number.POSITIVE_INFINITY
  return ({ topicId, partition, committed }) => {
    const topic = topics.get(topicId)
    return !committed && topic !== undefined && partitionCreatedMs(topic, partition) > sinceMs
  }
}

/** Of the partitions that others own those that may be taken from them. */
async function findTakeovers(
  call: GroupCall,
  { blocked }: Reconciliation,
  group: Group,
): Promise<{ partition: PartitionId; expected: Claim }[]> {
  if (blocked.length === 0) return []
  const ids = [...new Set(blocked.map(claim => claim.owner!))]
  const owners = new Map(
    await call.forEach(
      ids,
      async id => [id, await call.read(() => call.groups.readMember(call.groupId, id))] as const,
    ),
  )
  // Of the epoch in which the claims and the owners were read: in a later one they may be right.
  const now = await call.read(() => call.groups.readGroup(call.groupId))
  if (now?.epoch !== group.epoch) return []
  return blocked
    .filter(claim => call.canTakeOver(claim, owners.get(claim.owner!), group.epoch))
    .map(claim => ({ partition: claim, expected: claim }))
}

/**
 * Notes that the member owns nothing beyond its share, although it waits for a part of that. Of two that wait for
 * claims of each other's that neither was ever told of, both would wait for ever.
 */
async function noteNothingElse(
  call: GroupCall,
  { memberId, leaseUntilMs }: Member,
  { epoch }: Group,
): Promise<void> {
  await call.write(() =>
    call.groups.renewLease(call.groupId, memberId, { leaseUntilMs, settledEpoch: epoch }),
  )
}

/**
 * Two incarnations of a static member have one id, so a claim that the one made can look like the other's. Whoever is
 * still in place after its claims tells them, and who comes later claims anew.
 * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
 */
async function checkStillIts(call: GroupCall, request: Heartbeat, { memberId }: Member): Promise<void> {
  const member = await call.read(() => call.groups.readMember(call.groupId, memberId))
  if (!member) throw unknownMember(request.memberId)
  checkIncarnation(member, request)
}

function toOwned({ topic, topicId, partition, generation }: OwnedPartition): OwnedPartition {
  return { topic, topicId, partition, generation }
}
