import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { ERRORS_OF_PRODUCERS } from '../openapi/documentation.ts'
import { toProducerId } from '../records/producer-ids.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/transactions/{transactionalId}/partitions',
  loadBody: async () => (await import('../schemas/transactions.ts')).AddPartitionsRequest,
  handle: async ({ broker }, { path, body: { producerId, ...body } }) => {
    const named = { ...path, ...body, producerId: toProducerId(producerId) }
    return answerJson<'PartitionResultsAnswer'>({ partitions: await broker.addPartitions(named) })
  },
})

export const documentation = ({
  AddPartitionsRequest,
  PartitionResultsAnswer,
}: Schemas): RouteDocumentation => ({
  summary: 'Add partitions to a transaction',
  description: 'All or none of them; begins a transaction where none is open.',
  body: AddPartitionsRequest,
  answers: { 200: { description: 'What became of each.', json: PartitionResultsAnswer } },
  errors: ERRORS_OF_PRODUCERS,
})
