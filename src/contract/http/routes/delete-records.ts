import type { Offset } from '../../../core/numbers.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { numberParameter } from '../requests/parameters.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/topics/{topic}/partitions/{partition}/records',
  query: { before: numberParameter<Offset>('Records with smaller offsets go.') },
  handle: async ({ broker }, { path, query }) =>
    answerJson<'DeleteRecordsAnswer'>(await broker.deleteRecords({ ...path, beforeOffset: query.before })),
})

export const documentation = ({ DeleteRecordsAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Delete the oldest records',
  description:
    "Moves the log's start: records before the offset are no longer served. Not where `cleanup.policy` is `compact` alone.",
  answers: { 200: { description: 'Where the log starts now.', json: DeleteRecordsAnswer } },
  errors: ['OFFSET_OUT_OF_RANGE', 'POLICY_VIOLATION'],
})
