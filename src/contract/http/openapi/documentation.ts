import type * as z from 'zod'
import type { KafkaErrorName } from '../../../core/errors.ts'
import type { Route } from '../route.ts'

/** What documentation is made of: given to it, so that what makes none need not load it. */
export type Schemas = typeof import('../schemas/index.ts')

/** By their names: what they tell. Those of which only that is said are offsets. */
export type AnswerHeaders = Readonly<Record<string, string | { description: string; schema: object }>>

/** What is said of a route beside what serves it. Of what is JSON a schema; types that are bytes need none. */
export interface RouteDocumentation {
  readonly summary: string
  readonly description?: string
  readonly body?: z.ZodType
  /** What else a body may be, by its media type. */
  readonly bytesInBody?: string
  /** By their status; those but 204 have the contents that the route says, in the order of its types. */
  readonly answers: Readonly<
    Record<number, { description: string; json?: z.ZodType; headers?: AnswerHeaders }>
  >
  /** The errors that this route can answer beside those that all have, and those that its path implies. */
  readonly errors?: readonly KafkaErrorName[]
}

/** What every call of a producer that writes in transactions can answer. */
export const ERRORS_OF_PRODUCERS: readonly KafkaErrorName[] = [
  'CONCURRENT_TRANSACTIONS',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
  'POLICY_VIOLATION',
  'PRODUCER_FENCED',
  'THROTTLING_QUOTA_EXCEEDED',
  'TRANSACTION_ABORTABLE',
]

export interface DocumentedRoute {
  readonly route: Route
  /** What a client that is generated calls it. */
  readonly operationId: string
  readonly tag: string
  documentation(schemas: Schemas): RouteDocumentation
}
