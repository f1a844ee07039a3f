import type { RouteDocumentation } from '../openapi/documentation.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/groups/{groupId}',
  handle: ({ broker }, { path }) => answerDone(broker.deleteGroup(path.groupId)),
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Delete a group without members or triggers, and its offsets',
  answers: { 204: { description: 'The group is gone.' } },
  errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP'],
})
