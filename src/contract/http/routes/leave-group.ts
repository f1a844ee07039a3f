import type { RouteDocumentation } from '../openapi/documentation.ts'
import { optional, textParameter } from '../requests/parameters.ts'
import { INSTANCE_ID_SCHEMA } from '../requests/texts.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/groups/{groupId}/members/{memberId}',
  query: {
    instanceId: optional(textParameter('Of a static member, which leaves for good.', INSTANCE_ID_SCHEMA)),
  },
  handle: ({ broker }, { path, query: { instanceId } }) =>
    answerDone(broker.leaveGroup({ ...path, ...(instanceId !== undefined && { instanceId }) })),
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Leave a group',
  answers: { 204: { description: 'The member is gone, or was.' } },
})
