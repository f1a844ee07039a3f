import type { RouteDocumentation } from '../openapi/documentation.ts'
import { GROUP_PATH } from '../requests/paths.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/groups/{groupId}',
  pathParameters: GROUP_PATH,
  handle: async ({ broker }, { path }) => {
    await broker.deleteGroup(path.groupId)
    return answerDone()
  },
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Delete a group without members or triggers, and its offsets',
  answers: { 204: { description: 'The group is gone.' } },
  errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP', 'INVALID_GROUP_ID'],
})
