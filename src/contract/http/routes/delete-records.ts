import { JSON_TYPE } from '../media-types.ts'
import { PARTITION_PATH } from '../partition-path.ts'
import { offsetParameter } from '../requests/parameters.ts'
import { addRoute, answerJson } from '../route.ts'
import type { DeleteRecordsAnswer } from '../schemas/records.ts'
import type { Services } from '../services.ts'

const DELETE_RECORDS_QUERY = { before: offsetParameter('Records with smaller offsets go.') }

export function addDeleteRecordsRoute(services: Services): void {
  const { broker } = services
  addRoute(
    services,
    {
      method: 'delete',
      path: '/topics/{topic}/partitions/{partition}/records',
      pathParameters: PARTITION_PATH,
      query: DELETE_RECORDS_QUERY,
      answerTypes: [JSON_TYPE],
    },
    async ({ path, query }) =>
      answerJson<typeof DeleteRecordsAnswer>(
        await broker.deleteRecords({ ...path, beforeOffset: query.before }),
      ),
  )
}
