import type { OffsetPlace } from '../../broker.ts'
import { JSON_TYPE } from '../media-types.ts'
import { PARTITION_PATH } from '../partition-path.ts'
import { parsedParameter } from '../requests/parameters.ts'
import { isZonedTime } from '../requests/zoned-time.ts'
import { addRoute, answerJson } from '../route.ts'
import type { OffsetAnswer } from '../schemas/records.ts'
import type { Services } from '../services.ts'

const OFFSET_QUERY = {
  at: parsedParameter(
    toPlace,
    'must be earliest, latest, milliseconds since 1970, or a time such as 2026-07-01T12:00:00Z ' +
      '(with its zone, since the server has another than you)',
    {
      description:
        'earliest: the first record. latest: the offset that the next record gets. Milliseconds since 1970 or an ' +
        'ISO 8601 time with its zone: the first record with that timestamp or a later one.',
      examples: ['earliest', 'latest', '1782907200000', '2026-07-01T12:00:00Z'],
    },
  ),
}

export function addOffsetRoute(services: Services): void {
  const { broker } = services
  addRoute(
    services,
    {
      method: 'get',
      path: '/topics/{topic}/partitions/{partition}/offsets',
      pathParameters: PARTITION_PATH,
      query: OFFSET_QUERY,
      answerTypes: [JSON_TYPE],
    },
    async ({ path, query }) =>
      answerJson<typeof OffsetAnswer>(await broker.offsetFor({ ...path, at: query.at })),
  )
}

function toPlace(text: string): OffsetPlace | undefined {
  if (text === 'earliest' || text === 'latest') return text
  if (/^\d{1,16}$/.test(text)) {
    const timestampMs = Number(text)
    return Number.isSafeInteger(timestampMs) ? { timestampMs } : undefined
  }
  return isZonedTime(text) ? { timestampMs: Date.parse(text) } : undefined
}
