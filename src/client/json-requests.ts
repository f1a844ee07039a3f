import type { z } from 'zod'
import { JSON_TYPE } from '../contract/http/media-types.ts'
import type { HttpRequest, HttpTransport } from './http-transport.ts'
import { notUnderstood, writtenBy } from './read-answers.ts'

/** Sends a request whose answer is JSON of this schema. @throws TidemarkError UNSUPPORTED_VERSION where it is not */
export function askJson<S extends z.ZodType>(
  transport: HttpTransport,
  schema: S,
  request: Omit<HttpRequest, 'accept'>,
): Promise<z.output<S>> {
  return transport.send({ ...request, accept: JSON_TYPE }, answer => parse(schema, answer.json(), request))
}

/** @throws TidemarkError UNSUPPORTED_VERSION */
export function parse<S extends z.ZodType>(
  schema: S,
  answer: unknown,
  request: Omit<HttpRequest, 'accept'>,
): z.output<S> {
  const result = schema.safeParse(answer)
  if (result.success) return result.data
  throw notUnderstood(result.error.message, writtenBy(request))
}

export function jsonBody(value: unknown): { contentType: string; body: string } {
  return { contentType: JSON_TYPE, body: JSON.stringify(value) }
}
