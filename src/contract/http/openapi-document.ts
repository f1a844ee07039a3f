import { OpenAPIHono } from '@hono/zod-openapi'
import type { KafkaErrorName } from '../../core/errors.ts'
import { PROBLEM_TYPE } from './media-types.ts'
import { ProblemAnswer, statusOf } from './problem.ts'
import type { AnyRoute, Contents } from './route.ts'

const ERRORS_OF_ALL: readonly KafkaErrorName[] = [
  'INVALID_REQUEST',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
  'REQUEST_TIMED_OUT',
]

/** The routes as an OpenAPI 3.1 document. */
export function describeRoutes(routes: readonly AnyRoute[]): Record<string, unknown> {
  // Only its registry and its generator; it serves nothing.
  const documented = new OpenAPIHono()
  documented.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'Needed where the server was started with a token.',
  })
  for (const route of routes) register(documented.openAPIRegistry, route)
  return { ...documented.getOpenAPI31Document(DESCRIPTION) }
}

function register(registry: OpenAPIHono['openAPIRegistry'], route: AnyRoute): void {
  const { method, path, summary, description, pathParameters, query, body, answers, isOpen } = route
  registry.registerPath({
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    security: isOpen ? [] : [{ bearer: [] }],
    request: {
      params: pathParameters,
      query,
      ...(body === undefined ? {} : { body: { required: true, content: toContent(body) } }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, contents, headers }]) => [
          status,
          {
            description,
            ...(contents === undefined ? {} : { content: toContent(contents) }),
            ...(headers === undefined ? {} : { headers: toHeaders(headers) }),
          },
        ]),
      ),
      ...documentErrors(route),
    },
  })
}

function toContent(contents: Contents) {
  return Object.fromEntries(
    Object.entries(contents).map(([type, schema]) => [
      type,
      { schema: schema ?? ({ type: 'string', format: 'binary' } as const) },
    ]),
  )
}

function toHeaders(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { schema: { type: 'integer' as const }, description },
    ]),
  )
}

function documentErrors({ errors, body, isOpen }: Pick<AnyRoute, 'errors' | 'body' | 'isOpen'>) {
  const names: readonly KafkaErrorName[] = [
    ...ERRORS_OF_ALL,
    ...(isOpen ? [] : (['SASL_AUTHENTICATION_FAILED'] as const)),
    ...(body === undefined ? [] : (['MESSAGE_TOO_LARGE', 'THROTTLING_QUOTA_EXCEEDED'] as const)),
    ...errors,
  ]
  const byStatus = Map.groupBy(new Set(names), statusOf)
  const documented = [...byStatus].map(([status, group]) => [
    status,
    { description: group.join(', '), content: { [PROBLEM_TYPE]: { schema: ProblemAnswer } } },
  ])
  const fixed: [number, string][] = [[406, 'INVALID_REQUEST: the Accept header takes none of the answers.']]
  if (body !== undefined) fixed.push([415, 'INVALID_REQUEST: the Content-Type is none of those listed.'])
  for (const [status, description] of fixed) {
    documented.push([status, { description, content: { [PROBLEM_TYPE]: { schema: ProblemAnswer } } }])
  }
  return Object.fromEntries(documented)
}

const DESCRIPTION = {
  openapi: '3.1.0',
  info: {
    title: 'Tidemark',
    version: '1',
    description:
      "An event log with Kafka's semantics. Errors are application/problem+json with Kafka's error name, whether " +
      'another try can help (retriable), and whether what was to be written may be in the log (written).',
  },
}
