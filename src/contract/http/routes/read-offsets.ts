import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { choiceParameter, optional, textsParameter } from '../requests/parameters.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/groups/{groupId}/offsets',
  query: {
    topic: optional(textsParameter('Only of this topic; may stand several times. All when it is left out.')),
    pending: optional(
      choiceParameter(
        ['told'],
        'Where a transaction that is open is to commit an offset, it is told with the others; else the request is refused.',
      ),
    ),
  },
  handle: async ({ broker }, { path, query: { topic: topics, pending } }) => {
    const asked = { ...path, ...(topics !== undefined && { topics }), ...(pending && { tellsPending: true }) }
    const offsets = await broker.fetchOffsets(asked)
    return answerJson<'GroupOffsetsAnswer'>({ offsets })
  },
})

export const documentation = ({ GroupOffsetsAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Read committed offsets',
  description: 'Partitions of which nothing was committed are left out.',
  answers: { 200: { description: 'The offsets.', json: GroupOffsetsAnswer } },
  errors: ['UNSTABLE_OFFSET_COMMIT'],
})
