import type { Heartbeat } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { Member, TopicShare } from '../../core/group/group.ts'
import { storedMemberId } from '../../core/group/identity.ts'
import { partitionsIn } from '../../core/group/reconcile.ts'
import { toSessionTimeout } from '../../core/group/session.ts'
import { toSubscription } from '../../core/group/subscribing/subscription.ts'
import { partitionKey, partitionsByKey } from '../../core/topic/partition-id.ts'
import { changeOwner } from './claims.ts'
import { fencedInstance, type GroupCall, unknownMember } from './group-call.ts'
import { readShare } from './group-target.ts'
import { refuseTriggersGroup } from './group-triggers.ts'
import { leaveClassicKind } from './other-kind.ts'

/** Puts a member into its group, which is made where there is none. @throws INCONSISTENT_GROUP_PROTOCOL and others */
export async function join(call: GroupCall, request: Heartbeat): Promise<Member> {
  if (request.topics === undefined && request.topicPattern === undefined) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      'Whoever joins a group says which topics: give topics or topicPattern.',
    )
  }
  const sessionTimeoutMs = toSessionTimeout(request.sessionTimeoutMs)
  const nowMs = call.nowMs()
  const member: Member = {
    memberId: storedMemberId(request.memberId, request.instanceId),
    incarnation: request.memberId,
    instanceId: request.instanceId ?? null,
    clientId: request.clientId ?? '',
    ...toSubscription(request.topics, request.topicPattern),
    assignor: request.assignor ?? 'cooperative-sticky',
    sessionTimeoutMs,
    joinedMs: nowMs,
    leaseUntilMs: nowMs + sessionTimeoutMs,
    settledEpoch: 0,
    ...(request.clientHost !== undefined && { clientHost: request.clientHost }),
  }
  await refuseTriggersGroup(call)
  do {
    await call.write(() => call.groups.createGroup(call.groupId, member.assignor))
    const isReturning = member.instanceId !== null && (await isExpectedBack(call, member))
    await call.write(() => call.groups.putMember(call.groupId, member))
    call.leases.renewed(call.groupId, member)
    await leaveToTrigger(call, member)
    if (isReturning) return member
    // Where the group was deleted in between, it is made anew. Or it has become a classic one.
  } while (!(await markOrLeave(call, member)))
  return member
}

/** Marks the group, unless it is not there. @throws INCONSISTENT_GROUP_PROTOCOL where members of the other kind were faster */
async function markOrLeave(call: GroupCall, { memberId }: Member): Promise<boolean> {
  if (await call.write(() => call.groups.markGroup(call.groupId))) return true
  try {
    await leaveClassicKind(call)
  } catch (error) {
    await call.write(() => call.groups.removeMember(call.groupId, memberId))
    throw error
  }
  return false
}

/**
 * Whoever makes a trigger looks for members when it is there, and a member looks for triggers when it is: one of the two
 * sees the other.
 */
async function leaveToTrigger(call: GroupCall, { memberId }: Member): Promise<void> {
  try {
    await refuseTriggersGroup(call)
  } catch (error) {
    await call.write(() => call.groups.removeMember(call.groupId, memberId))
    throw error
  }
}

/**
 * Whether a static member comes back to a share that waits for it, so that nobody else needs to hear of it. The lease
 * moves first: from then on nobody removes the member that is there for having been silent. One without a share may
 * have been put by somebody who died before the mark.
 */
async function isExpectedBack(call: GroupCall, member: Member): Promise<boolean> {
  const { memberId, leaseUntilMs } = member
  const before = await call.write(() =>
    call.groups.renewLease(call.groupId, memberId, { leaseUntilMs, settledEpoch: 0 }),
  )
  const group = before && (await call.read(() => call.groups.readGroup(call.groupId)))
  const share = group && (await readShare(call, group, memberId))
  if (before?.incarnation !== member.incarnation) await freeOthers(call, memberId, share ?? [])
  return before !== undefined && isSameSubscription(before, member) && share !== undefined && share.length > 0
}

/**
 * Sets free what the process before was to let go and has not. What is in the share is claimed anew by whoever comes; this would
 * stay as it is, and be taken for the new one's own by who finds it in the store, while the one before can still commit to it.
 */
async function freeOthers(call: GroupCall, memberId: string, share: readonly TopicShare[]): Promise<void> {
  const wanted = partitionsByKey(partitionsIn(share))
  const claims = await call.readAll(() => call.groups.claims(call.groupId))
  const left = claims.filter(claim => claim.owner === memberId && !wanted.has(partitionKey(claim)))
  await call.forEach(left, claim => changeOwner(call, claim, null, claim))
}

/**
 * Renews a member's lease, and puts its subscription and its session time-out where they have changed.
 * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
 */
export async function stay(call: GroupCall, request: Heartbeat): Promise<Member> {
  const memberId = storedMemberId(request.memberId, request.instanceId)
  const sessionTimeoutMs = toSessionTimeout(request.sessionTimeoutMs)
  const leaseUntilMs = call.nowMs() + sessionTimeoutMs
  const settledEpoch = request.released?.length ? 0 : (request.settledEpoch ?? 0)
  const member = await call.write(() =>
    call.groups.renewLease(call.groupId, memberId, { leaseUntilMs, settledEpoch }),
  )
  if (!member) throw unknownMember(request.memberId)
  call.leases.renewed(call.groupId, member)
  checkIncarnation(member, request)
  const isSubscribing = request.topics !== undefined || request.topicPattern !== undefined
  const changed: Member = {
    ...member,
    ...(isSubscribing && {
      ...toSubscription(request.topics, request.topicPattern),
      assignor: request.assignor ?? 'cooperative-sticky',
    }),
    sessionTimeoutMs,
  }
  const isSame = isSameSubscription(member, changed)
  // Others go by it, too: they watch for how long the lease stands.
  if (isSame && sessionTimeoutMs === member.sessionTimeoutMs) return member
  await call.write(() => call.groups.putMember(call.groupId, changed))
  if (!isSame) await call.write(() => call.groups.markGroup(call.groupId))
  return changed
}

/** @throws FENCED_INSTANCE_ID */
export function checkIncarnation(member: Member, { memberId, instanceId = '' }: Heartbeat): void {
  if (member.incarnation !== memberId) throw fencedInstance(instanceId)
}

/** Whether a target for one is right for the other. */
function isSameSubscription(one: Member, other: Member): boolean {
  return (
    one.topicPattern === other.topicPattern &&
    one.assignor === other.assignor &&
    one.topics.length === other.topics.length &&
    one.topics.every((topic, index) => topic === other.topics[index])
  )
}
