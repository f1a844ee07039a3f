import type { SyncedGroup, SyncGroup } from '../../../contract/classic-groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { checkGeneration, rebalancing, unknownClassicMember } from '../../../core/group/classic/checks.ts'
import type { ClassicGroup, ClassicMember } from '../../../core/group/classic/classic-group.ts'
import { checkMemberBytes, type PartName } from '../../../core/group/classic/parts.ts'
import { beginRound } from '../../../core/group/classic/round.ts'
import type { Group } from '../../../core/group/group.ts'
import { checkGroupId } from '../../../core/group/identity.ts'
import type { GroupCall } from '../group-call.ts'
import { isClassic } from './change-kind.ts'
import type { ClassicRoom } from './classic-room.ts'
import { putParts, readParts, sweepParts } from './part-items.ts'
import { waitAsMember } from './presence.ts'

const NOTHING = new Uint8Array(0)

/** Takes the leader's assignments, and tells the member's own once they are there. */
export async function syncClassic(
  room: ClassicRoom,
  request: SyncGroup,
  signal: AbortSignal | undefined,
): Promise<SyncedGroup> {
  const { groupId } = request
  checkGroupId(groupId)
  for (const { assignment } of request.assignments) checkMemberBytes(assignment)
  return await waitAsMember(room, groupId, signal, async presence => {
    for (;;) {
      const group = await presence.look()
      const member = check(group?.classic, request)
      if (!isClassic(group)) throw unknownClassicMember(request.memberId)
      presence.is(member.memberId, member.sessionTimeoutMs)
      const { classic } = group
      const call = room.call(groupId)
      if (classic.phase === 'stable') {
        const told = await readAssignment(call, classic, member)
        if (told) return told
        // A later generation stands. Where none does, somebody who slept while the group was made anew has swept this one.
        await room.change(call, group, beginRound(classic, call.nowMs()))
        continue
      }
      if (classic.leader === member.memberId) {
        await assign(room, call, group, request)
        continue
      }
      await presence.pause()
    }
  })
}

/** @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, REBALANCE_IN_PROGRESS */
function check(
  group: ClassicGroup | undefined,
  { protocolType, protocolName, ...name }: SyncGroup,
): ClassicMember {
  const member = checkGeneration(group, name)
  const isOther = (given: string | undefined, standing: string | null) =>
    given !== undefined && standing !== null && given !== standing
  if (isOther(protocolType, group!.protocolType) || isOther(protocolName, group!.protocolName)) {
    throw new TidemarkError(
      'INCONSISTENT_GROUP_PROTOCOL',
      `The group's generation ${group!.generation} has the protocol ${JSON.stringify(group!.protocolName)} of the type ` +
        `${JSON.stringify(group!.protocolType)}. Join again.`,
    )
  }
  if (group!.phase === 'joining') throw rebalancing()
  return member
}

/**
 * Every member has an assignment before the group says so, one that the leader has left out an empty one: what is not found
 * later is of a generation that has gone.
 */
async function assign(
  room: ClassicRoom,
  call: GroupCall,
  group: Group & { classic: ClassicGroup },
  { assignments }: SyncGroup,
): Promise<void> {
  const { classic } = group
  const { generation } = classic
  const id = room.ports.entropy.id()
  const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  await call.forEach(classic.members, async ({ memberId, assignedAs }) => {
    const nameOf = (part: number): PartName => ({
      kind: 'assigned',
      generation,
      id,
      part,
      memberId: assignedAs,
    })
    await putParts(call, nameOf, given.get(memberId) ?? NOTHING)
  })
  const changed = await room.change(call, group, { ...classic, phase: 'stable', assignmentId: id })
  if (isClassic(changed)) await sweepParts(call, changed.classic)
}

async function readAssignment(
  call: GroupCall,
  { generation, assignmentId, protocolType, protocolName }: ClassicGroup,
  member: ClassicMember,
): Promise<SyncedGroup | undefined> {
  const memberId = member.assignedAs
  const id = assignmentId!
  const assignment = await readParts(
    call,
    (part): PartName => ({ kind: 'assigned', generation, id, part, memberId }),
  )
  return assignment && { protocolType, protocolName: protocolName ?? '', assignment }
}
