import type * as z from 'zod'
import type { KafkaErrorName } from '../../../core/errors.ts'
import { HTTP_BODY_BYTES_MAX, HTTP_HEADER_BYTES_MAX } from '../../../core/limits.ts'
import { groupBy } from '../../../core/since-node-22.ts'
import { JSON_TYPE, PROBLEM_TYPE } from '../media-types.ts'
import { statusOf } from '../problems/problem.ts'
import type { Parameters } from '../requests/parameters.ts'
import * as schemas from '../schemas/index.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import type { AnswerHeaders, DocumentedRoute, RouteDocumentation } from './documentation.ts'
import { JsonSchemas } from './json-schemas.ts'

const ERRORS_OF_ALL: readonly KafkaErrorName[] = [
  'INVALID_REQUEST',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
  'REQUEST_TIMED_OUT',
]

const OFFSET_HEADER = { type: 'integer', format: 'int64', minimum: 0 }

/** What a path with this in it can answer, whatever it is. */
const ERRORS_OF_PATHS: readonly (readonly [string, KafkaErrorName])[] = [
  ['{groupId}', 'INVALID_GROUP_ID'],
  ['/topics/{topic}', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['{topic}', 'INVALID_TOPIC_EXCEPTION'],
]

/**
 * The routes as an OpenAPI 3.1 document.
 * @param needsToken whether those that are not open need a bearer token
 * @throws Error when a route answers in JSON, and its documentation has no schema of it
 */
export function describeRoutes(
  routes: readonly DocumentedRoute[],
  needsToken = false,
): Record<string, unknown> {
  const json = new JsonSchemas()
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const { method, path } = route.route
    paths[path] = { ...paths[path], [method]: describeRoute(route, json, needsToken) }
  }
  return {
    ...DESCRIPTION,
    tags: [...new Set(routes.map(({ tag }) => tag))].map(name => ({ name })),
    paths,
    components: {
      schemas: json.components(),
      ...(needsToken && { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } }),
    },
  }
}

function describeRoute(
  { route, documentation: document, operationId, tag }: DocumentedRoute,
  json: JsonSchemas,
  needsToken: boolean,
): object {
  const { method, path, pathParameters, query, answerTypes, isOpen } = route
  const documentation = document(schemas)
  const { summary, description, body, bytesInBody, answers } = documentation
  const bodyTypes = bytesInBody === undefined ? [JSON_TYPE] : [JSON_TYPE, bytesInBody]
  const asksForToken = needsToken && !isOpen
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    // Said of each, also that an open route needs none.
    ...(needsToken && { security: asksForToken ? [{ bearer: [] }] : [] }),
    parameters: [...describeParameters(pathParameters, 'path'), ...describeParameters(query, 'query')],
    ...(body && { requestBody: { required: true, content: toContent(bodyTypes, body) } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, json, headers }]) => [
          status,
          {
            description,
            ...(status !== '204' && status !== '101' && { content: toContent(answerTypes, json) }),
            ...(headers && { headers: toHeaders(headers) }),
          },
        ]),
      ),
      ...documentErrors(documentation, path, asksForToken, json),
    },
  }

  function toContent(types: readonly string[], schema: z.ZodType | undefined) {
    return Object.fromEntries(
      types.map(type => {
        if (type !== JSON_TYPE) return [type, { schema: { type: 'string', format: 'binary' } }]
        if (schema === undefined) throw new Error(`${method} ${path} answers JSON and documents none`)
        return [type, { schema: json.describe(schema) }]
      }),
    )
  }
}

function describeParameters(parameters: Parameters, place: 'path' | 'query'): object[] {
  return Object.entries(parameters).map(([name, { schema, isOptional }]) => {
    const { description, ...described } = schema
    return { name, in: place, required: !isOptional, description, schema: described }
  })
}

function toHeaders(headers: AnswerHeaders) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, header]) => [
      name,
      typeof header === 'string' ? { schema: OFFSET_HEADER, description: header } : header,
    ]),
  )
}

function documentErrors(
  { errors = [], body }: RouteDocumentation,
  path: string,
  asksForToken: boolean,
  json: JsonSchemas,
) {
  const names: readonly KafkaErrorName[] = [
    ...ERRORS_OF_ALL,
    ...(asksForToken ? (['SASL_AUTHENTICATION_FAILED'] as const) : []),
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
    const tooLarge = descriptions.find(([status]) => status === 413)!
    tooLarge[1] += `. A body has at most ${HTTP_BODY_BYTES_MAX} bytes.`
    descriptions.push([415, 'INVALID_REQUEST: the Content-Type is none of those listed.'])
  }
  const content = { [PROBLEM_TYPE]: { schema: json.describe(ProblemAnswer) } }
  return Object.fromEntries(descriptions.map(([status, description]) => [status, { description, content }]))
}

const DESCRIPTION = {
  openapi: '3.1.0',
  info: {
    title: 'Tidemark',
    version: '1',
    description:
      "An event log with Kafka's semantics. Errors are application/problem+json with Kafka's error name, whether " +
      'another try can help (retriable), and whether what was to be written may be in the log (written). ' +
      `A request's line and headers have ${HTTP_HEADER_BYTES_MAX} bytes at most. A gateway in front may let in fewer.`,
  },
}
