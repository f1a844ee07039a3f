import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { HTTP_JSON_ITEMS_MAX } from '../../../core/limits.ts'
import { nextTurn } from '../../../core/turns.ts'
import { hasMoreItems } from './json-items.ts'
import { parseBodyJson } from './json-text.ts'
import { check, type Parsed } from './validation.ts'

/** What a body has that takes no noticeable time. */
const TURN_BYTES = 64 * 1024

/**
 * Reads bodies in JSON, and throws INVALID_REQUEST where one is no JSON in UTF-8 or not as the schema wants it,
 * RECORD_LIST_TOO_LARGE where it has too many values.
 * @param load gives the schema, for the first body: most requests have none, and zod is large
 */
export function jsonReader<S extends z.ZodType>(
  load: () => Promise<S>,
): (body: Uint8Array) => Promise<Parsed<z.output<S>>> {
  let schema: Promise<S> | undefined
  return async body => {
    // Kept, since even an import of what is loaded takes its time in each request.
    schema ??= load()
    if (body.length > TURN_BYTES) await nextTurn()
    return check(await schema, parseBody(body), 'body')
  }
}

/** @throws TidemarkError INVALID_REQUEST, RECORD_LIST_TOO_LARGE */
export function parseBody(body: Uint8Array): unknown {
  if (hasMoreItems(body, HTTP_JSON_ITEMS_MAX)) {
    const message = `The body has more than ${HTTP_JSON_ITEMS_MAX} values in JSON. Send it in several requests, or records as record batches.`
    throw new TidemarkError('RECORD_LIST_TOO_LARGE', message)
  }
  try {
    // Fatal: a body that is not UTF-8 must not become records with U+FFFD in them.
    return parseBodyJson(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    const message = `The body is not JSON in UTF-8: ${(error as Error).message}`
    throw new TidemarkError('INVALID_REQUEST', message, 'no', { cause: error })
  }
}
