import { toWholeNumber, whyNoWholeNumber } from '../../../core/numbers.ts'
import { parseTime } from '../../../core/times.ts'
import type { OffsetPlace } from '../../broker.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { parsedParameter } from '../requests/parameters.ts'
import { answerJson, defineRoute } from '../route.ts'

const PLACES = ['earliest', 'latest', 'max-timestamp'] as const

export const route = defineRoute({
  method: 'get',
  path: '/topics/{topic}/partitions/{partition}/offsets',
  query: {
    at: parsedParameter(toPlace, placeProblem, {
      description:
        'earliest: the first record. latest: the offset that the next record gets. max-timestamp: the first of the records ' +
        'with the greatest timestamp. Milliseconds since 1970 or an ISO 8601 time with its zone, from 1970 on: the first ' +
        'record with that timestamp or a later one.',
      anyOf: [
        { type: 'string', enum: [...PLACES] },
        { type: 'integer', format: 'int64', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        { type: 'string', format: 'date-time', pattern: '^(?:19[7-9]|[2-9]\\d\\d)\\d-' },
      ],
      examples: ['earliest', 'latest', '1782907200000', '2026-07-01T12:00:00Z'],
    }),
  },
  handle: async ({ broker }, { path, query }) =>
    answerJson<'OffsetAnswer'>(await broker.offsetFor({ ...path, ...query })),
})

export const documentation = ({ OffsetAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Find the offset for a place in the log',
  answers: { 200: { description: 'The offset.', json: OffsetAnswer } },
  errors: ['KAFKA_STORAGE_ERROR'],
})

function toPlace(text: string): OffsetPlace | undefined {
  const named = PLACES.find(place => place === text)
  if (named) return named
  const timestampMs = toWholeNumber(text) ?? toWholeNumber(parseTime(text, 'zoned'))
  return timestampMs === undefined ? undefined : { timestampMs }
}

function placeProblem(text: string): string {
  const places =
    'must be earliest, latest, max-timestamp, milliseconds since 1970, or a time such as 2026-07-01T12:00:00Z ' +
    '(with its zone, since the server has another than you)'
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? `${whyNoWholeNumber(text)}; it ${places}` : places
}
