import type { ClassicGroupDescription } from '../../../contract/classic-groups.ts'
import type { ClassicGroup, ClassicMember } from '../../../core/group/classic/classic-group.ts'
import type { PartName } from '../../../core/group/classic/parts.ts'
import { checkGroupId } from '../../../core/group/identity.ts'
import { classicStateOf } from '../classic-state.ts'
import { type GroupCall, readGroup, unknownGroup } from '../group-call.ts'
import { readLiving } from '../group-state.ts'
import { isClassic } from './change-kind.ts'
import { readAllMetadata, readParts } from './part-items.ts'

const NOTHING = new Uint8Array(0)

/** Undefined: it is of the other kind. @throws GROUP_ID_NOT_FOUND */
export async function describeClassic(call: GroupCall): Promise<ClassicGroupDescription | undefined> {
  const { groupId } = call
  checkGroupId(groupId)
  for (let seen: string | undefined; ; ) {
    const group = await readGroup(call)
    if (!group) throw unknownGroup(groupId)
    if (!isClassic(group)) return group.epoch === 0 ? nobodys(groupId) : undefined
    const { classic } = group
    const { state, members } = classicStateOf(classic, await readLiving(call, groupId))
    const isStable = state === 'Stable'
    const protocolName = isStable ? (classic.protocolName ?? '') : ''
    const own = members.map(({ member }) => member)
    const metadata = isStable ? await readAllMetadata(call, own, protocolName) : new Map<string, Uint8Array>()
    const assignments = isStable ? await readAssignments(call, classic, own) : []
    // A later generation stands by now; or they have vanished.
    if ((!metadata || !assignments) && classic.version !== seen) {
      seen = classic.version
      continue
    }
    return {
      groupId,
      state,
      protocolType: classic.protocolType,
      protocolName,
      generation: classic.generation,
      members: members.map(({ member: { memberId, instanceId }, lease }, index) => ({
        memberId,
        instanceId,
        clientId: lease.clientId,
        clientHost: lease.clientHost ?? '',
        metadata: metadata?.get(memberId) ?? NOTHING,
        assignment: assignments?.[index] ?? NOTHING,
      })),
    }
  }
}

/** A group that nobody has ever joined: somebody has committed for it. */
function nobodys(groupId: string): ClassicGroupDescription {
  return { groupId, state: 'Empty', protocolType: '', protocolName: '', generation: 0, members: [] }
}

async function readAssignments(
  call: GroupCall,
  { generation, assignmentId }: ClassicGroup,
  members: readonly ClassicMember[],
): Promise<Uint8Array[] | undefined> {
  const id = assignmentId!
  const assignments = await call.forEach(members, ({ assignedAs: memberId }) =>
    readParts(call, (part): PartName => ({ kind: 'assigned', generation, id, part, memberId })),
  )
  return assignments.every(assignment => assignment !== undefined) ? assignments : undefined
}
