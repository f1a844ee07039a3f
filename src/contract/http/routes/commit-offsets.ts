import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/groups/{groupId}/offsets',
  loadBody: async () => (await import('../schemas/groups.ts')).CommitOffsetsRequest,
  handle: async ({ broker }, { path, body }) =>
    answerJson<'CommitOffsetsAnswer'>({ offsets: await broker.commitOffsets({ ...body, ...path }) }),
})

export const documentation = ({
  CommitOffsetsRequest,
  CommitOffsetsAnswer,
}: Schemas): RouteDocumentation => ({
  summary: 'Commit offsets',
  description:
    'Each partition is taken or refused by itself. With a member only those that it owns, without one only those ' +
    'that nobody owns.',
  body: CommitOffsetsRequest,
  answers: {
    200: { description: 'What became of each, in the order of the request.', json: CommitOffsetsAnswer },
  },
})
