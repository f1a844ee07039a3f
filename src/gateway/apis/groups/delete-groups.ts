import { DeleteGroups } from '../../wire/messages/delete-groups.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

export const deleteGroups = handler(DeleteGroups, [0, 2], async ({ groupsNames }, { broker }) => {
  const results = []
  for (const groupId of new Set(groupsNames)) {
    try {
      await broker.deleteGroup(groupId)
      results.push({ groupId, errorCode: NONE })
    } catch (error) {
      results.push({ groupId, ...toGroupError(error) })
    }
  }
  return { results }
})
