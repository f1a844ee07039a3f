import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { ERRORS_OF_PRODUCERS } from '../openapi/documentation.ts'
import { toProducerId } from '../records/producer-ids.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/transactions/{transactionalId}/offsets',
  loadBody: async () => (await import('../schemas/transactions.ts')).TransactionOffsetsRequest,
  handle: async ({ broker }, { path, body: { producerId, ...body } }) => {
    const named = { ...path, ...body, producerId: toProducerId(producerId) }
    return answerJson<'TransactionOffsetsAnswer'>({ offsets: await broker.commitTransactionOffsets(named) })
  },
})

export const documentation = ({
  TransactionOffsetsRequest,
  TransactionOffsetsAnswer,
}: Schemas): RouteDocumentation => ({
  summary: 'Commit offsets in a transaction',
  description:
    "They count once it is committed; until it is over, whoever asks for a partition's committed offset is told UNSTABLE_OFFSET_COMMIT.",
  body: TransactionOffsetsRequest,
  answers: { 200: { description: 'What became of each.', json: TransactionOffsetsAnswer } },
  errors: [
    ...ERRORS_OF_PRODUCERS,
    'INVALID_GROUP_ID',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'REBALANCE_IN_PROGRESS',
    'INCONSISTENT_GROUP_PROTOCOL',
    'GROUP_ID_NOT_FOUND',
  ],
})
