import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { parseJson } from './json-text.ts'
import { check, type Parsed } from './validation.ts'

/** @throws INVALID_REQUEST when the body is no JSON in UTF-8, or not as `schema` wants it */
export function parseJsonBody<S extends z.ZodType>(body: Uint8Array, schema: S): Parsed<z.output<S>> {
  let json: unknown
  try {
    // Fatal: a body that is not UTF-8 must not become records with U+FFFD in them.
    json = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    const message = `The body is not JSON in UTF-8: ${(error as Error).message}`
    throw new TidemarkError('INVALID_REQUEST', message, 'no', { cause: error })
  }
  return check(schema, json, 'body')
}
