import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/groups',
  handle: async ({ broker }) => answerJson<'GroupListAnswer'>({ groups: await broker.listGroups() }),
})

export const documentation = ({ GroupListAnswer }: Schemas): RouteDocumentation => ({
  summary: 'List the groups',
  answers: { 200: { description: 'Every group, in order.', json: GroupListAnswer } },
})
