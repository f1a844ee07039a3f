import type { GroupSummary } from '../../../contract/groups.ts'
import { ListGroups } from '../../wire/messages/list-groups.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

/** Filters are words, whatever their case; none is all. */
const isAmong = (names: readonly string[], name: string) =>
  names.length === 0 || names.some(other => other.toLowerCase() === name.toLowerCase())

export const listGroups = handler(ListGroups, [0, 5], async ({ statesFilter, typesFilter }, { broker }) => {
  try {
    const groups = (await broker.listGroups()).map(asListed)
    return {
      errorCode: NONE,
      groups: groups.filter(
        ({ groupState, groupType }) => isAmong(statesFilter, groupState) && isAmong(typesFilter, groupType),
      ),
    }
  } catch (error) {
    return { errorCode: toGroupError(error).errorCode, groups: [] }
  }
})

function asListed({ groupId, state: groupState, kind, protocolType }: GroupSummary) {
  // One that nobody has ever joined is a classic one in Kafka, too.
  return kind === 'classic' || protocolType === ''
    ? { groupId, groupState, groupType: 'classic', protocolType: protocolType ?? '' }
    : { groupId, groupState, groupType: 'consumer', protocolType: 'consumer' }
}
