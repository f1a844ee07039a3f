import type { RouteDocumentation } from '../openapi/documentation.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/groups/{groupId}/triggers/{topic}',
  handle: ({ broker }, { path }) => answerDone(broker.deleteTrigger(path)),
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Delete a paused trigger',
  description: 'For one whose deployment is gone. Offsets stay committed.',
  answers: { 204: { description: 'The trigger is gone.' } },
  errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP'],
})
