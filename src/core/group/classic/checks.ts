import { TidemarkError } from '../../errors.ts'
import type { ClassicGroup, ClassicMember } from './classic-group.ts'

/** Who says that it is a member. */
export interface MemberName {
  readonly memberId: string
  readonly instanceId?: string | null | undefined
}

/** Who says so, and of which generation. */
export interface GenerationMember extends MemberName {
  readonly generation: number
}

export function unknownClassicMember(memberId: string): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_MEMBER_ID',
    `The group has no member ${JSON.stringify(memberId)}: it was silent for too long, or has left. Join again.`,
  )
}

/** @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID */
export function memberOf(
  group: ClassicGroup | undefined,
  { memberId, instanceId }: MemberName,
): ClassicMember {
  if (typeof instanceId === 'string') {
    const standing = group?.members.find(member => member.instanceId === instanceId)
    if (!standing) throw unknownClassicMember(memberId)
    if (standing.memberId !== memberId) {
      throw new TidemarkError(
        'FENCED_INSTANCE_ID',
        `Another process has joined as the instance ${JSON.stringify(instanceId)}, and has taken its place.`,
      )
    }
  }
  const member = group?.members.find(other => other.memberId === memberId)
  if (!member) throw unknownClassicMember(memberId)
  return member
}

/** A member of the present generation. @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION */
export function checkGeneration(group: ClassicGroup | undefined, name: GenerationMember): ClassicMember {
  const member = memberOf(group, name)
  if (group!.generation !== name.generation) {
    throw new TidemarkError(
      'ILLEGAL_GENERATION',
      `The group's generation is ${group!.generation}, not ${name.generation}. Join again.`,
    )
  }
  return member
}

/**
 * Whether a heartbeat finds its member where it believes to be. Between joining and syncing it may come, too.
 * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS
 */
export function checkHeartbeat(group: ClassicGroup | undefined, name: GenerationMember): ClassicMember {
  const member = checkGeneration(group, name)
  if (group!.phase === 'joining') throw rebalancing()
  return member
}

/**
 * Whether these offsets may be committed: by a member of the present generation, also while the members join anew; and by
 * nobody's (generation -1, no id), where there are no members.
 * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS
 */
export function checkCommit(group: ClassicGroup, name: GenerationMember): void {
  if (name.generation < 0 && group.phase === 'empty') return
  if (name.generation < 0 && name.memberId === '' && typeof name.instanceId !== 'string') {
    throw new TidemarkError(
      'UNKNOWN_MEMBER_ID',
      'The group has members: only they can commit. Stop them first.',
    )
  }
  checkGeneration(group, name)
  if (group.phase === 'syncing') throw rebalancing()
}

export function rebalancing(): TidemarkError {
  return new TidemarkError('REBALANCE_IN_PROGRESS', 'Members come or go. Join again.')
}
