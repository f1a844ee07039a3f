import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { ERRORS_OF_PRODUCERS } from '../openapi/documentation.ts'
import { toProducerId } from '../records/producer-ids.ts'
import { toStaged } from '../records/staged-batches.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/transactions/{transactionalId}/end',
  loadBody: async () => (await import('../schemas/transactions.ts')).EndTransactionRequest,
  handle: async ({ broker }, { path, body: { producerId, batches, ...body } }) => {
    const named = { ...path, ...body, producerId: toProducerId(producerId) }
    const staged = batches && { batches: toStaged(batches) }
    return answerJson<'EndTransactionAnswer'>(await broker.endTransaction({ ...named, ...staged }))
  },
})

export const documentation = ({
  EndTransactionRequest,
  EndTransactionAnswer,
}: Schemas): RouteDocumentation => ({
  summary: 'Commit or abort a transaction',
  description:
    'One write decides. It is answered when all of it can be read; the same again is no error. Record batches and offsets in it ' +
    'become part of the transaction first, so that a small one takes one request.',
  body: EndTransactionRequest,
  answers: { 200: { description: 'Where its records are.', json: EndTransactionAnswer } },
  errors: [
    ...ERRORS_OF_PRODUCERS,
    'CORRUPT_MESSAGE',
    'FENCED_INSTANCE_ID',
    'FENCED_MEMBER_EPOCH',
    'GROUP_ID_NOT_FOUND',
    'INCONSISTENT_GROUP_PROTOCOL',
    'INVALID_GROUP_ID',
    'INVALID_RECORD',
    'INVALID_TIMESTAMP',
    'KAFKA_STORAGE_ERROR',
    'MESSAGE_TOO_LARGE',
    'OFFSET_METADATA_TOO_LARGE',
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'DUPLICATE_SEQUENCE_NUMBER',
    'RECORD_LIST_TOO_LARGE',
    'REBALANCE_IN_PROGRESS',
    'UNKNOWN_MEMBER_ID',
    'UNKNOWN_TOPIC_ID',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ],
})
