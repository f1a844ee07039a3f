import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/transactions/{transactionalId}',
  handle: async ({ broker }, { path }) => {
    const { producerId, ...transaction } = await broker.describeTransaction(path.transactionalId)
    return answerJson<'TransactionAnswer'>({ producerId: String(producerId), ...transaction })
  },
})

export const documentation = ({ TransactionAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Describe a transactional id',
  description: 'Its producer, and what its present transaction has written.',
  answers: { 200: { description: 'The present or last transaction.', json: TransactionAnswer } },
  errors: ['TRANSACTIONAL_ID_NOT_FOUND'],
})
