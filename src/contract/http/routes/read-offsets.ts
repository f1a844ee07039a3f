import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { optional, textsParameter } from '../requests/parameters.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/groups/{groupId}/offsets',
  query: {
    topic: optional(textsParameter('Only of this topic; may stand several times. All when it is left out.')),
  },
  handle: async ({ broker }, { path, query: { topic: topics } }) => {
    const offsets = await broker.fetchOffsets({ ...path, ...(topics !== undefined && { topics }) })
    return answerJson<'GroupOffsetsAnswer'>({ offsets })
  },
})

export const documentation = ({ GroupOffsetsAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Read committed offsets',
  description: 'Partitions of which nothing was committed are left out.',
  answers: { 200: { description: 'The offsets.', json: GroupOffsetsAnswer } },
})
