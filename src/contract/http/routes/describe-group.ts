import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/groups/{groupId}',
  handle: async ({ broker }, { path }) => answerJson<'GroupAnswer'>(await broker.describeGroup(path.groupId)),
})

export const documentation = ({ GroupAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Describe a group',
  description: 'Its members, what each owns, what is committed, and how far behind the end that is.',
  answers: { 200: { description: 'The group.', json: GroupAnswer } },
  errors: ['GROUP_ID_NOT_FOUND'],
})
