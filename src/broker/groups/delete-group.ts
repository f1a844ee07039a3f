import { TidemarkError } from '../../core/errors.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { NotApplied, OutcomeUnknown } from '../../ports/outcome.ts'
import { type GroupCall, unknownGroup } from './group-call.ts'
import { readLiving, shortenLeases } from './group-state.ts'
import { readGroupTriggers } from './group-triggers.ts'

/** Removes a group that has no members and no triggers. One that joins at the same time may have to join again. */
export async function deleteGroup(call: GroupCall): Promise<void> {
  const { groupId, groups } = call
  checkGroupId(groupId)
  const group = await call.read(() => groups.readGroup(groupId))
  const living = await readLiving(call, groupId)
  if (group && living.length > 0) {
    await shortenLeases(call, living)
    throw new TidemarkError(
      'NON_EMPTY_GROUP',
      `The group has ${living.length} members: stop them, and delete it when they are gone.`,
    )
  }
  const [trigger] = await readGroupTriggers(call)
  if (trigger) {
    throw new TidemarkError(
      'NON_EMPTY_GROUP',
      `The group is that of the trigger which calls ${trigger.target} with the records of "${trigger.topic}": remove ` +
        'the trigger from where it was deployed, or end the `tidemark dev` that runs it (where those are gone, pause and ' +
        'delete it), then delete the group.',
    )
  }
  // Also where there is none: a crash may have left something of it.
  await call.write(() => remove(call))
  if (!group) throw unknownGroup(groupId)
}

/** Several steps, which the store may refuse in the middle. The group's own item goes first: while it is there, none was made. */
async function remove({ groupId, groups }: GroupCall): Promise<void> {
  try {
    await groups.removeGroup(groupId)
  } catch (error) {
    if (!(error instanceof NotApplied) || (await groups.readGroup(groupId).catch(() => undefined)))
      throw error
    throw new OutcomeUnknown(error.message, { cause: error })
  }
}
