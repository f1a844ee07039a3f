import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { ERRORS_OF_PRODUCERS } from '../openapi/documentation.ts'
import { toProducerId } from '../records/producer-ids.ts'
import { toStaged } from '../records/staged-batches.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/transactions/{transactionalId}/batches',
  loadBody: async () => (await import('../schemas/transactions.ts')).StageRequest,
  handle: async ({ broker }, { path, body: { producerId, batches, ...body } }) => {
    const named = { ...path, ...body, producerId: toProducerId(producerId) }
    const partitions = await broker.stage({ ...named, batches: toStaged(batches) })
    return answerJson<'PartitionResultsAnswer'>({ partitions })
  },
})

export const documentation = ({ StageRequest, PartitionResultsAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Write records in a transaction',
  description:
    'Makes record batches durable as a part of the transaction. Nobody reads them before it is committed.',
  body: StageRequest,
  answers: { 200: { description: 'What became of each.', json: PartitionResultsAnswer } },
  errors: [...ERRORS_OF_PRODUCERS, 'KAFKA_STORAGE_ERROR'],
})
