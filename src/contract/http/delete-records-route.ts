import * as z from 'zod'
import { JSON_TYPE } from './media-types.ts'
import { OffsetText } from './number-schemas.ts'
import { PartitionPath } from './partition-path.ts'
import { DeleteRecordsAnswer } from './record-schemas.ts'
import { addRoute, answerJson } from './route.ts'
import type { Services } from './services.ts'

const DeleteRecordsQuery = z.strictObject({
  before: OffsetText.meta({ description: 'Records with smaller offsets go.' }),
})

export function addDeleteRecordsRoute(services: Services): void {
  const { broker } = services
  addRoute(
    services,
    {
      method: 'delete',
      path: '/topics/{topic}/partitions/{partition}/records',
      summary: 'Delete the oldest records',
      description: "Moves the log's start: records before the offset are no longer served.",
      pathParameters: PartitionPath,
      query: DeleteRecordsQuery,
      answers: {
        200: { description: 'Where the log starts now.', contents: { [JSON_TYPE]: DeleteRecordsAnswer } },
      },
      errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'OFFSET_OUT_OF_RANGE'],
    },
    async ({ path, query }) =>
      answerJson(DeleteRecordsAnswer, await broker.deleteRecords({ ...path, beforeOffset: query.before })),
  )
}
