import type { ClassicProtocol, JoinedGroup, JoinGroup } from '../../../contract/classic-groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { type MemberName, memberOf } from '../../../core/group/classic/checks.ts'
import { encodeClassicGroup } from '../../../core/group/classic/classic-bytes.ts'
import type { ClassicGroup, ClassicMember } from '../../../core/group/classic/classic-group.ts'
import { decideJoin, type Joiner, type Standing } from '../../../core/group/classic/join.ts'
import { MemberIdRequired } from '../../../core/group/classic/member-id-required.ts'
import { metadataIdOf } from '../../../core/group/classic/metadata-id.ts'
import { checkMemberBytes, encodeProtocols, type PartName } from '../../../core/group/classic/parts.ts'
import { beginRound } from '../../../core/group/classic/round.ts'
import type { Member } from '../../../core/group/group.ts'
import { checkClientId, checkGroupId, checkInstanceId } from '../../../core/group/identity.ts'
import {
  CLASSIC_GROUP_BYTES_MAX,
  CLASSIC_JOINED_BYTES_MAX,
  MEMBER_ID_CHARACTERS_MAX,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../../../core/limits.ts'
import { toTopicId } from '../../../core/topic/topic-id.ts'
import { type GroupCall, readGroup } from '../group-call.ts'
import { refuseTriggersGroup } from '../group-triggers.ts'
import { isClassic, toClassic } from './change-kind.ts'
import type { ClassicRoom } from './classic-room.ts'
import { renewLease } from './lease.ts'
import { lookIfDue } from './look-at-classic.ts'
import { putParts, readAllMetadata } from './part-items.ts'
import { type Presence, waitAsMember } from './presence.ts'

/** Somebody who joins, with all that it brings. */
interface Coming {
  readonly request: JoinGroup
  readonly joiner: Joiner
  readonly metadata: Uint8Array
}

/** Joins, waits for the others, and tells what the round has come to. */
export async function joinClassic(
  room: ClassicRoom,
  request: JoinGroup,
  signal: AbortSignal | undefined,
): Promise<JoinedGroup> {
  let coming = toComing(room, request)
  return await waitAsMember(room, request.groupId, signal, async presence => {
    for (;;) {
      // One of this process after the other: each would find the group changed by another.
      const entered = await presence.inTurn(() => enter(room, presence, coming))
      if (!entered) continue
      // From here on it is this member: whoever takes its place meanwhile has it, and who is out is told so.
      coming = { ...coming, joiner: { ...coming.joiner, memberId: entered.memberId } }
      const answer = await waitForRound(room, presence, coming, entered)
      if (answer) return answer
      await presence.pause()
    }
  })
}

function toComing(room: ClassicRoom, request: JoinGroup): Coming {
  check(request)
  const { memberId, clientId, instanceId = null, protocols } = request
  const metadata = encodeProtocols(protocols)
  checkMemberBytes(metadata)
  const newMemberId = memberIdOf(instanceId ?? clientId, toTopicId(room.ports.entropy.id()))
  const { sessionTimeoutMs, protocolType } = request
  const joiner: Joiner = {
    memberId,
    newMemberId,
    instanceId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocolType,
    protocols: protocols.map(({ name }: ClassicProtocol) => name),
    metadataId: metadataIdOf(instanceId ?? (memberId || newMemberId), metadata),
    needsMemberId: request.requiresMemberId,
    canSkipAssignment: request.canSkipAssignment,
  }
  return { request, joiner, metadata }
}

function check({ groupId, sessionTimeoutMs, instanceId, rebalanceTimeoutMs }: JoinGroup): void {
  checkGroupId(groupId)
  if (instanceId !== undefined) checkInstanceId(instanceId)
  const isInside = sessionTimeoutMs >= SESSION_TIMEOUT_MS_MIN && sessionTimeoutMs <= SESSION_TIMEOUT_MS_MAX
  if (!isInside || !Number.isSafeInteger(sessionTimeoutMs) || !Number.isSafeInteger(rebalanceTimeoutMs)) {
    throw new TidemarkError(
      'INVALID_SESSION_TIMEOUT',
      `A session time-out has ${SESSION_TIMEOUT_MS_MIN} to ${SESSION_TIMEOUT_MS_MAX} milliseconds, not ${sessionTimeoutMs}.`,
    )
  }
}

/** As Kafka makes them, so that people recognize their clients. What cannot stand in a key is left out. */
function memberIdOf(name: string, id: string): string {
  const room = MEMBER_ID_CHARACTERS_MAX - id.length - 1
  const shown = name.slice(0, room).toWellFormed()
  try {
    checkClientId(shown)
    return `${shown}-${id}`
  } catch {
    return id
  }
}

/** How somebody has entered the group. */
interface Entered extends MemberName {
  /** Where the generation that stands is its own already. */
  readonly standing?: Standing
}

/** One try to be in the group; undefined: somebody else has changed it meanwhile. */
async function enter(room: ClassicRoom, presence: Presence, coming: Coming): Promise<Entered | undefined> {
  const call = room.call(coming.request.groupId)
  await refuseTriggersGroup(call)
  const before = await lookIfDue(room, call, await toClassic(room, call))
  if (!isClassic(before)) return undefined
  const joiner = recognized(before.classic, coming.joiner)
  const decision = decideJoin(before.classic, joiner, call.nowMs(), room.settings)
  const { next, memberId } = decision
  if (next) checkSize(next, coming.metadata)
  if (decision.kind === 'needs-member-id') {
    if (!(await room.change(call, before, decision.next))) return undefined
    throw new MemberIdRequired(memberId)
  }
  if (next) {
    await putComing(call, coming, next, memberId)
    if (!(await room.change(call, before, next))) return undefined
    await removeReplaced(call, before.classic, next)
    // Who has nothing new to say is heard all the same.
  } else await renewLease(call, memberId, coming.request.sessionTimeoutMs)
  presence.is(memberId, coming.request.sessionTimeoutMs)
  const { instanceId } = joiner
  return decision.kind === 'stands' ? { memberId, instanceId, standing: decision } : { memberId, instanceId }
}

/** @throws GROUP_MAX_SIZE_REACHED where it would not fit into its item, or its leader be told too much */
function checkSize(group: ClassicGroup, metadata: Uint8Array): void {
  const joinedBytes = metadata.length * group.members.length
  if (joinedBytes <= CLASSIC_JOINED_BYTES_MAX && encodeClassicGroup(group).length <= CLASSIC_GROUP_BYTES_MAX)
    return
  throw new TidemarkError(
    'GROUP_MAX_SIZE_REACHED',
    'The group has no room for another member: use fewer of them, shorter ids and names, or less metadata.',
  )
}

/** Where an earlier try has let it in already, although nobody could tell, it is the member that it was made. */
function recognized(group: ClassicGroup, joiner: Joiner): Joiner {
  const { newMemberId } = joiner
  const isIn = [...group.members, ...group.pending].some(({ memberId }) => memberId === newMemberId)
  return isIn ? { ...joiner, memberId: newMemberId } : joiner
}

/** The lease and what it brings stand before the group names it. */
async function putComing(
  call: GroupCall,
  { request, metadata }: Coming,
  next: ClassicGroup,
  memberId: string,
): Promise<void> {
  const { groupId, instanceId = null, clientId, clientHost, sessionTimeoutMs } = request
  const nowMs = call.nowMs()
  const member: Member = {
    memberId,
    incarnation: memberId,
    instanceId,
    clientId,
    clientHost,
    topics: [],
    topicPattern: null,
    assignor: 'cooperative-sticky',
    sessionTimeoutMs,
    joinedMs: nowMs,
    leaseUntilMs: nowMs + sessionTimeoutMs,
    settledEpoch: 0,
  }
  await call.write(() => call.groups.putMember(groupId, member))
  call.leases.renewed(groupId, member)
  try {
    // Whoever makes a trigger looks for leases when it is there: one of the two sees the other.
    await refuseTriggersGroup(call)
  } catch (error) {
    await call.write(() => call.groups.removeMember(groupId, memberId))
    throw error
  }
  const place = next.members.find(other => other.memberId === memberId)!.metadata
  await putParts(call, (part): PartName => ({ kind: 'joined', ...place, part }), metadata)
}

/** The lease of the process whose place was taken. */
async function removeReplaced(call: GroupCall, before: ClassicGroup, next: ClassicGroup): Promise<void> {
  const stay = new Set(next.members.map(({ memberId }) => memberId))
  const gone = before.members.filter(({ memberId }) => !stay.has(memberId))
  await call.forEach(gone, ({ memberId }) =>
    call.write(() => call.groups.removeMember(call.groupId, memberId)),
  )
}

/** What the round has come to; undefined: another has begun, which the member has no part in yet. */
async function waitForRound(
  room: ClassicRoom,
  presence: Presence,
  { request }: Coming,
  entered: Entered,
): Promise<JoinedGroup | undefined> {
  const call = room.call(request.groupId)
  if (entered.standing) return await tellRound(room, call, entered, entered.standing)
  for (;;) {
    const { classic } = (await presence.look()) ?? {}
    const { hasJoined } = memberOf(classic, entered)
    if (classic?.phase !== 'joining') return await tellRound(room, room.call(request.groupId), entered)
    if (!hasJoined) return undefined
    await presence.pause()
  }
}

/**
 * What a member is told of the generation that stands; undefined: none does any more.
 * @param special what it is told where that is not what follows from the group
 */
async function tellRound(
  room: ClassicRoom,
  call: GroupCall,
  name: MemberName,
  special?: Standing,
): Promise<JoinedGroup | undefined> {
  const group = await readGroup(call)
  const { memberId } = memberOf(group?.classic, name)
  if (!isClassic(group) || group.classic.phase === 'joining') return undefined
  const { classic } = group
  const { generation, protocolType, protocolName, leader } = classic
  const isToldMembers = special?.isToldMembers ?? leader === memberId
  // Whose turn it was to lead when this was decided may not be by now.
  if (isToldMembers && leader !== memberId) return undefined
  const members = isToldMembers ? await tellMembers(call, classic.members, protocolName ?? '') : []
  // A later generation stands. Where none does, somebody who slept while the group was made anew has swept this one.
  if (!members) await room.change(call, group, beginRound(classic, call.nowMs()))
  return (
    members && {
      generation,
      protocolType,
      protocolName: protocolName ?? '',
      leader: special?.leader ?? leader ?? '',
      skipAssignment: special?.skipsAssignment ?? false,
      memberId,
      members,
    }
  )
}

async function tellMembers(
  call: GroupCall,
  members: readonly ClassicMember[],
  protocolName: string,
): Promise<JoinedGroup['members'] | undefined> {
  const metadata = await readAllMetadata(call, members, protocolName)
  return (
    metadata &&
    members.map(({ memberId, instanceId }) => ({
      memberId,
      instanceId,
      metadata: metadata.get(memberId)!,
    }))
  )
}
