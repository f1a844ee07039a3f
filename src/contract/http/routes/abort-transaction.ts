import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/transactions/{transactionalId}',
  handle: async ({ broker }, { path }) => {
    const { producerId, ...transaction } = await broker.abortTransaction(path.transactionalId)
    return answerJson<'TransactionAnswer'>({ producerId: String(producerId), ...transaction })
  },
})

export const documentation = ({ TransactionAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Abort what is open',
  description:
    'By an operator: its producer is fenced. One that was decided is finished instead; where nothing is open, nothing changes.',
  answers: { 200: { description: 'As it is afterwards.', json: TransactionAnswer } },
  errors: ['TRANSACTIONAL_ID_NOT_FOUND'],
})
