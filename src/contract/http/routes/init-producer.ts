import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { toProducerId } from '../records/producer-ids.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/transactions/{transactionalId}',
  loadBody: async () => (await import('../schemas/transactions.ts')).InitProducerRequest,
  handle: async ({ broker }, { path, body: { producerId: told, ...body } }) => {
    const known = told === undefined ? {} : { producerId: toProducerId(told) }
    const { producerId, ...producer } = await broker.initProducer({ ...path, ...body, ...known })
    return answerJson<'InitProducerAnswer'>({ producerId: String(producerId), ...producer })
  },
})

export const documentation = ({ InitProducerRequest, InitProducerAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Begin to write in transactions',
  description:
    'Makes whoever asks the one producer of the transactional id. Those before are fenced; what they left open is aborted, what they had ' +
    'decided is finished first.',
  body: InitProducerRequest,
  answers: { 200: { description: 'With which producer id and epoch to write.', json: InitProducerAnswer } },
  errors: [
    'INVALID_TRANSACTION_TIMEOUT',
    'PRODUCER_FENCED',
    'INVALID_PRODUCER_ID_MAPPING',
    'CONCURRENT_TRANSACTIONS',
  ],
})
