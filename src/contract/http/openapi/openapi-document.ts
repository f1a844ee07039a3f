import { OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import type { KafkaErrorName } from '../../../core/errors.ts'
import { groupBy } from '../../../core/since-node-22.ts'
import { JSON_TYPE, PROBLEM_TYPE } from '../media-types.ts'
import { statusOf } from '../problems/problem.ts'
import type { Parameters } from '../requests/parameters.ts'
import type { Route } from '../route.ts'
import * as schemas from '../schemas/index.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import type { DocumentedRoute, RouteDocumentation } from './documentation.ts'

const ERRORS_OF_ALL: readonly KafkaErrorName[] = [
  'INVALID_REQUEST',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
  'REQUEST_TIMED_OUT',
]

/** What a path with this in it can answer, whatever it is. */
const ERRORS_OF_PATHS: readonly (readonly [string, KafkaErrorName])[] = [
  ['{groupId}', 'INVALID_GROUP_ID'],
  ['/topics/{topic}', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['{topic}', 'INVALID_TOPIC_EXCEPTION'],
]

/**
 * The routes as an OpenAPI 3.1 document.
 * @throws Error when a route answers in JSON, and its documentation has no schema of it
 */
export function describeRoutes(routes: readonly DocumentedRoute[]): Record<string, unknown> {
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

function register(
  registry: OpenAPIHono['openAPIRegistry'],
  { route, documentation: document }: DocumentedRoute,
): void {
  const { method, path, pathParameters, query, answerTypes, isOpen } = route
  const documentation = document(schemas)
  const { summary, description, body, bytesInBody, answers } = documentation
  const bodyTypes = bytesInBody === undefined ? [JSON_TYPE] : [JSON_TYPE, bytesInBody]
  registry.registerPath({
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    security: isOpen ? [] : [{ bearer: [] }],
    request: {
      params: toSchema(pathParameters),
      query: toSchema(query),
      ...(body && { body: { required: true, content: toContent(bodyTypes, body) } }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, json, headers }]) => [
          status,
          {
            description,
            ...(status !== '204' && { content: toContent(answerTypes, json) }),
            ...(headers && { headers: toHeaders(headers) }),
          },
        ]),
      ),
      ...documentErrors(documentation, route),
    },
  })

  function toContent(types: readonly string[], json: z.ZodType | undefined) {
    return Object.fromEntries(
      types.map(type => {
        if (type !== JSON_TYPE) return [type, { schema: { type: 'string', format: 'binary' } as const }]
        if (json === undefined) throw new Error(`${method} ${path} answers JSON and documents none`)
        return [type, { schema: json }]
      }),
    )
  }
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

function toHeaders(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { schema: { type: 'integer' as const }, description },
    ]),
  )
}

function documentErrors({ errors = [], body }: RouteDocumentation, { path, isOpen }: Route) {
  const names: readonly KafkaErrorName[] = [
    ...ERRORS_OF_ALL,
    ...(isOpen ? [] : (['SASL_AUTHENTICATION_FAILED'] as const)),
    ...(body === undefined ? [] : (['MESSAGE_TOO_LARGE', 'THROTTLING_QUOTA_EXCEEDED'] as const)),
    ...ERRORS_OF_PATHS.flatMap(([part, name]) => (path.includes(part) ? [name] : [])),
    ...errors,
  ]
  const descriptions: [number, string][] = [
    ...[...groupBy(new Set(names), statusOf)].map(([status, group]): [number, string] => [
      status,
      group.join(', '),
    ]),
    [406, 'INVALID_REQUEST: the Accept header takes none of the answers.'],
  ]
  if (body !== undefined) {
    descriptions.push([415, 'INVALID_REQUEST: the Content-Type is none of those listed.'])
  }
  const content = { [PROBLEM_TYPE]: { schema: ProblemAnswer } }
  return Object.fromEntries(descriptions.map(([status, description]) => [status, { description, content }]))
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
