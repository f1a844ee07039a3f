import { TidemarkError } from '../../errors.ts'
import { CLASSIC_MEMBER_ITEMS_MAX } from '../../limits.ts'
import { memberOf } from './checks.ts'
import type { ClassicGroup, ClassicMember } from './classic-group.ts'
import { canJoinWith, chooseProtocol } from './protocols.ts'
import { beginRound, livingPending, longestMs, passBarrier } from './round.ts'

/** Who joins, and with what. */
export interface Joiner {
  /** '' where it has none yet. */
  readonly memberId: string
  /** Which one it is given then: nobody else has it. */
  readonly newMemberId: string
  /** null unless it is static. */
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  /** Names, the one that it likes best first. */
  readonly protocols: readonly string[]
  /** Of what it brings for them: 32 hexadecimal digits that follow from it. */
  readonly metadataId: string
  /** Whether it has to be told its id, and come again with it, before it is a member. */
  readonly needsMemberId: boolean
  /** Whether it knows what a leader is to do that must not assign. */
  readonly canSkipAssignment: boolean
}

/** What joining comes to. */
export type JoinDecision =
  /** It has to come again with this id. */
  | { readonly kind: 'needs-member-id'; readonly next: ClassicGroup; readonly memberId: string }
  /** It is waited for others. `next` is what the group becomes; undefined: it is that already. */
  | { readonly kind: 'waits'; readonly next: ClassicGroup | undefined; readonly memberId: string }
  /** The generation that there is is its own. */
  | ({ readonly kind: 'stands'; readonly next: ClassicGroup | undefined } & Standing)

/** What a member is told of its generation. */
export interface Standing {
  readonly memberId: string
  /** Whom it is to take for the leader. */
  readonly leader: string
  /** Whether it is told the members and their metadata. */
  readonly isToldMembers: boolean
  /** Whether it leads, and must not assign: the assignment that there is holds. */
  readonly skipsAssignment: boolean
}

export interface JoinSettings {
  /** How long an empty group waits for more members, from each new one on. */
  readonly initialDelayMs: number
}

/**
 * What becomes of a group when somebody joins it. Everything that its answer depends on stands in the group afterwards.
 * @throws INCONSISTENT_GROUP_PROTOCOL, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED
 */
export function decideJoin(
  group: ClassicGroup,
  joiner: Joiner,
  nowMs: number,
  settings: JoinSettings,
): JoinDecision {
  const { memberId, instanceId } = joiner
  const isPending = group.pending.some(pending => pending.memberId === memberId)
  if (memberId !== '' && !(isPending && instanceId === null)) {
    const member = memberOf(group, joiner)
    checkProtocols(group, joiner, member)
    return decideRejoin(group, joiner, member, nowMs)
  }
  const before = group.members.find(member => instanceId !== null && member.instanceId === instanceId)
  checkProtocols(group, joiner, before)
  if (before) return takePlace(group, joiner, before, nowMs)
  if (group.members.length + livingPending(group, nowMs).length >= CLASSIC_MEMBER_ITEMS_MAX && !isPending) {
    throw new TidemarkError(
      'GROUP_MAX_SIZE_REACHED',
      `A group whose members assign among themselves has at most ${CLASSIC_MEMBER_ITEMS_MAX} of them.`,
    )
  }
  if (memberId === '' && joiner.needsMemberId && instanceId === null) {
    const pending = { memberId: joiner.newMemberId, untilMs: nowMs + joiner.sessionTimeoutMs }
    const next = { ...group, pending: [...livingPending(group, nowMs), pending] }
    return { kind: 'needs-member-id', next, memberId: joiner.newMemberId }
  }
  return addMember(group, joiner, nowMs, settings)
}

/** @param self the member that it was before, whose protocols do not count */
function checkProtocols(group: ClassicGroup, joiner: Joiner, self: ClassicMember | undefined): void {
  const others = group.members.filter(member => member !== self)
  const isSameType = group.phase === 'empty' || joiner.protocolType === group.protocolType
  const isNamed = joiner.protocolType !== '' && joiner.protocols.length > 0
  if (isNamed && isSameType && canJoinWith(others, joiner.protocols)) return
  throw new TidemarkError(
    'INCONSISTENT_GROUP_PROTOCOL',
    'The member has no protocol in common with the members of this group. Use another group id, or the same assignors.',
  )
}

function addMember(
  group: ClassicGroup,
  joiner: Joiner,
  nowMs: number,
  { initialDelayMs }: JoinSettings,
): JoinDecision {
  const memberId = joiner.memberId || joiner.newMemberId
  const pending = livingPending(group, nowMs).filter(other => other.memberId !== memberId)
  const { protocolType } = joiner
  const member = joined({ memberId, ...toMember(group, joiner), assignedAs: memberId })
  const others = { ...group, pending, protocolType, leader: group.leader ?? memberId }
  if (group.phase === 'empty') {
    const barrier = { sinceMs: nowMs, untilMs: nowMs + initialDelayMs, isInitial: true }
    const next: ClassicGroup = { ...others, phase: 'joining', barrier, members: [member] }
    return { kind: 'waits', next: passBarrier(next, nowMs) ?? next, memberId }
  }
  const round = group.phase === 'joining' ? others : beginRound(others, nowMs)
  const next = { ...round, members: [...round.members, member] }
  const { barrier } = next
  const longer = barrier?.isInitial
    ? {
        ...barrier,
        untilMs: Math.min(nowMs + initialDelayMs, barrier.sinceMs + longestMs(next.members)),
      }
    : barrier && {
        ...barrier,
        untilMs: Math.max(barrier.untilMs, barrier.sinceMs + joiner.rebalanceTimeoutMs),
      }
  const waiting = { ...next, barrier: longer }
  return { kind: 'waits', next: passBarrier(waiting, nowMs) ?? waiting, memberId }
}

function decideRejoin(
  group: ClassicGroup,
  joiner: Joiner,
  before: ClassicMember,
  nowMs: number,
): JoinDecision {
  const { memberId } = before
  const isSame = before.metadata.id === joiner.metadataId
  const isLeader = group.leader === memberId
  // Its answer was lost, or it has nothing new to say. A leader that comes again has: it is how others are told.
  if (isSame && (group.phase === 'syncing' || (group.phase === 'stable' && !isLeader))) {
    return {
      kind: 'stands',
      next: undefined,
      memberId,
      leader: group.leader ?? '',
      isToldMembers: isLeader,
      skipsAssignment: false,
    }
  }
  if (group.phase === 'joining' && isSame && before.hasJoined)
    return { kind: 'waits', next: undefined, memberId }
  const after = joined({ ...before, ...toMember(group, joiner, before) })
  return { kind: 'waits', next: rejoined(group, before, after, nowMs), memberId }
}

/** Another process comes under the instance id of a static member: what that has becomes its own, and it is fenced. */
function takePlace(group: ClassicGroup, joiner: Joiner, before: ClassicMember, nowMs: number): JoinDecision {
  const memberId = joiner.newMemberId
  const member = { ...before, ...toMember(group, joiner, before), memberId }
  const isLeader = group.leader === before.memberId
  const replaced: ClassicGroup = {
    ...group,
    leader: isLeader ? memberId : group.leader,
    members: group.members.map(other => (other === before ? member : other)),
  }
  if (group.phase === 'stable' && chooseProtocol(replaced.members) === group.protocolName) {
    const isToldMembers = isLeader && joiner.canSkipAssignment
    return {
      kind: 'stands',
      next: replaced,
      memberId,
      // Who does not know that it may lead without assigning is told that another leads.
      leader: (isLeader && !joiner.canSkipAssignment ? before.memberId : replaced.leader) ?? '',
      isToldMembers,
      skipsAssignment: isToldMembers,
    }
  }
  return { kind: 'waits', next: rejoined(replaced, member, joined(member), nowMs), memberId }
}

/** The group once one of its members has joined anew, which has everybody else do so, too. */
function rejoined(
  group: ClassicGroup,
  before: ClassicMember,
  after: ClassicMember,
  nowMs: number,
): ClassicGroup {
  const others = group.phase === 'joining' ? group : beginRound(group, nowMs)
  const members = others.members.map((other, index) => (group.members[index] === before ? after : other))
  const next = { ...others, members }
  return passBarrier(next, nowMs) ?? next
}

/** What it brings. Metadata that stands already stays where it is. */
function toMember(
  { generation }: ClassicGroup,
  joiner: Joiner,
  before?: ClassicMember,
): Omit<ClassicMember, 'memberId' | 'assignedAs' | 'hasJoined'> {
  const { instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocols, metadataId } = joiner
  const metadata = before?.metadata.id === metadataId ? before.metadata : { generation, id: metadataId }
  return { instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocols, metadata }
}

function joined(member: Omit<ClassicMember, 'hasJoined'>): ClassicMember {
  return { ...member, hasJoined: true }
}
