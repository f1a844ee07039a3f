import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { offsetParameter } from '../requests/parameters.ts'
import { PARTITION_PATH } from '../requests/paths.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/topics/{topic}/partitions/{partition}/records',
  pathParameters: PARTITION_PATH,
  query: { before: offsetParameter('Records with smaller offsets go.') },
  handle: async ({ broker }, { path, query }) =>
    answerJson<Schemas['DeleteRecordsAnswer']>(
      await broker.deleteRecords({ ...path, beforeOffset: query.before }),
    ),
})

export const documentation = ({ DeleteRecordsAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Delete the oldest records',
  description: "Moves the log's start: records before the offset are no longer served.",
  answers: { 200: { description: 'Where the log starts now.', json: DeleteRecordsAnswer } },
  errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'OFFSET_OUT_OF_RANGE'],
})
