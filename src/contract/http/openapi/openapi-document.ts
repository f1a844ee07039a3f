import { OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import type { KafkaErrorName } from '../../../core/errors.ts'
import { JSON_TYPE, PROBLEM_TYPE } from '../media-types.ts'
import { statusOf } from '../problems/problem.ts'
import type { Parameters } from '../requests/parameters.ts'
import type { AnyRoute } from '../route.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import { type Contents, ROUTE_DOCUMENTATION, type RouteDocumentation } from './documentation.ts'

const ERRORS_OF_ALL: readonly KafkaErrorName[] = [
  'INVALID_REQUEST',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
  'REQUEST_TIMED_OUT',
]

/**
 * The routes as an OpenAPI 3.1 document.
 * @throws Error when the documentation of a route is missing, or names other types of answers than the route does
 */
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
  const { method, path, pathParameters, query, isOpen } = route
  const documentation = documentationOf(route)
  const { summary, description, body, answers } = documentation
  registry.registerPath({
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    security: isOpen ? [] : [{ bearer: [] }],
    request: {
      params: toSchema(pathParameters),
      query: toSchema(query),
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
      ...documentErrors(documentation, isOpen),
    },
  })
}

function documentationOf({ method, path, answerTypes }: AnyRoute): RouteDocumentation {
  const name = `${method} ${path}`
  const documentation = ROUTE_DOCUMENTATION[name]
  if (documentation === undefined) throw new Error(`${name} is not documented`)
  const documented = Object.values(documentation.answers).flatMap(({ contents = {} }) =>
    Object.keys(contents),
  )
  // A route that answers nothing takes whoever accepts JSON, for its errors.
  const types = documented.length === 0 ? [JSON_TYPE] : [...new Set(documented)]
  if (types.join() !== answerTypes.join())
    throw new Error(`${name} answers ${answerTypes}, but documents ${types}`)
  return documentation
}

function toSchema(parameters: Parameters): z.ZodObject {
  return z.object(
    Object.fromEntries(
      Object.entries(parameters).map(([name, { schema, isOptional }]) => {
        const described = z.string().meta(schema)
        return [name, isOptional ? described.optional() : described]
      }),
    ),
  )
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

function documentErrors({ errors, body }: RouteDocumentation, isOpen = false) {
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
