import * as z from 'zod'
import type { OffsetPlace } from '../broker.ts'
import { JSON_TYPE } from './media-types.ts'
import { PartitionPath } from './partition-path.ts'
import { OffsetAnswer } from './record-schemas.ts'
import { addRoute, answerJson } from './route.ts'
import type { Services } from './services.ts'

const isoTime = z.iso.datetime({ offset: true })

const PlaceText = z
  .string()
  .transform((text, context): OffsetPlace => {
    const place = toPlace(text)
    if (place !== undefined) return place
    context.addIssue({
      code: 'custom',
      message:
        'must be earliest, latest, milliseconds since 1970, or a time such as 2026-07-01T12:00:00Z ' +
        '(with its zone, since the server has another than you)',
    })
    return z.NEVER
  })
  .meta({
    description:
      'earliest: the first record. latest: the offset that the next record gets. Milliseconds since 1970 or an ' +
      'ISO 8601 time with its zone: the first record with that timestamp or a later one.',
    examples: ['earliest', 'latest', '1782907200000', '2026-07-01T12:00:00Z'],
  })

const OffsetQuery = z.strictObject({ at: PlaceText })

export function addOffsetRoute(services: Services): void {
  const { broker } = services
  addRoute(
    services,
    {
      method: 'get',
      path: '/topics/{topic}/partitions/{partition}/offsets',
      summary: 'Find the offset for a place in the log',
      pathParameters: PartitionPath,
      query: OffsetQuery,
      answers: { 200: { description: 'The offset.', contents: { [JSON_TYPE]: OffsetAnswer } } },
      errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'KAFKA_STORAGE_ERROR'],
    },
    async ({ path, query }) => answerJson(OffsetAnswer, await broker.offsetFor({ ...path, at: query.at })),
  )
}

function toPlace(text: string): OffsetPlace | undefined {
  if (text === 'earliest' || text === 'latest') return text
  if (/^\d{1,16}$/.test(text)) {
    const timestampMs = Number(text)
    return Number.isSafeInteger(timestampMs) ? { timestampMs } : undefined
  }
  return isoTime.safeParse(text).success ? { timestampMs: Date.parse(text) } : undefined
}
