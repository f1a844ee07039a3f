import type { RouteDocumentation } from '../openapi/documentation.ts'
import { optional, pathTextParameter, textParameter } from '../requests/parameters.ts'
import { GROUP_PATH } from '../requests/paths.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/groups/{groupId}/members/{memberId}',
  pathParameters: { ...GROUP_PATH, memberId: pathTextParameter("The member's id, in the same form.") },
  query: { instanceId: optional(textParameter('Of a static member, which leaves for good.')) },
  handle: async ({ broker }, { path, query: { instanceId } }) => {
    await broker.leaveGroup({ ...path, ...(instanceId !== undefined && { instanceId }) })
    return answerDone()
  },
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Leave a group',
  answers: { 204: { description: 'The member is gone, or was.' } },
  errors: ['INVALID_GROUP_ID'],
})
