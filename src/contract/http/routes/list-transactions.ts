import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { isProducerId, toProducerId } from '../records/producer-ids.ts'
import { numberParameter, optional, parsedParameter, textsParameter } from '../requests/parameters.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/transactions',
  query: {
    state: optional(
      textsParameter('Only those in this state; may stand several times. All when it is left out.'),
    ),
    producerId: optional(
      parsedParameter(
        text => (isProducerId(text) ? toProducerId(text) : undefined),
        text => `${JSON.stringify(text)} is no producer id`,
        { type: 'string', pattern: '^(?:0|[1-9][0-9]{0,17})$', description: 'Only that of this producer.' },
      ),
    ),
    durationMsMin: optional(numberParameter('Only those that have been going on for longer.')),
  },
  handle: async ({ broker }, { query: { state, producerId, durationMsMin } }) => {
    const found = await broker.listTransactions({
      ...(state && { states: state }),
      ...(producerId !== undefined && { producerIds: [producerId] }),
      ...(durationMsMin !== undefined && { durationMsMin }),
    })
    const transactions = found.map(({ producerId, ...each }) => ({ producerId: String(producerId), ...each }))
    return answerJson<'TransactionListAnswer'>({ transactions })
  },
})

export const documentation = ({ TransactionListAnswer }: Schemas): RouteDocumentation => ({
  summary: 'List the transactional ids',
  answers: {
    200: { description: 'Every one that was used within a week, in order.', json: TransactionListAnswer },
  },
})
