import type { ClassicGroup } from '../../../core/group/classic/classic-group.ts'
import { newClassicGroup } from '../../../core/group/classic/classic-group.ts'
import type { Group } from '../../../core/group/group.ts'
import { changeOwner } from '../claims.ts'
import { type GroupCall, readGroup } from '../group-call.ts'
import { readMembers, shortenLeases } from '../group-state.ts'
import { removeExpired } from '../look-at-members.ts'
import { otherKind } from '../other-kind.ts'
import type { ClassicRoom } from './classic-room.ts'

/** A group that is a classic one. */
export type GroupOfClassic = Group & { readonly classic: ClassicGroup }

export function isClassic(group: Group | undefined): group is GroupOfClassic {
  return group?.classic !== undefined
}

/**
 * The group as a classic one: one that is not there is made, and one without members changes its kind. Whoever joins it
 * meanwhile as a member of the other kind marks it, which of the two changes is refused.
 * @throws INCONSISTENT_GROUP_PROTOCOL where it has members of the other kind
 */
export async function toClassic(room: ClassicRoom, call: GroupCall): Promise<GroupOfClassic> {
  for (;;) {
    const group = await readGroup(call)
    if (isClassic(group)) return group
    if (!group) {
      await call.write(() => call.groups.createGroup(call.groupId, 'cooperative-sticky'))
      continue
    }
    const { members, expired } = await readMembers(call)
    if (members.length > expired.length) {
      await shortenLeases(call, members)
      throw otherKind(call.groupId)
    }
    if (expired.length > 0) {
      await removeExpired(call, expired)
      continue
    }
    // What they have owned is nobody's: who of them wakes up late commits no more.
    const claims = await call.readAll(() => call.groups.claims(call.groupId))
    await call.forEach(
      claims.filter(({ owner }) => owner !== null),
      claim => changeOwner(call, claim, null, claim),
    )
    const made = await room.change(call, group, newClassicGroup(''))
    if (isClassic(made)) return made
  }
}
