import * as z from 'zod'

/**
 * How bytes stand in JSON, on the way in and on the way out, so that what was read can be sent as it is:
 *
 *   "text"              the text in UTF-8
 *   { "json": … }       any JSON value, as JSON text (on the way in only: for the broker it is text)
 *   { "base64": "…" }   any bytes; on the way out only those that are no UTF-8
 *   null                no key, or no value (a tombstone)
 */
const text = z.string().refine(value => value.isWellFormed(), {
  // Encoding it would put U+FFFD in its place, which nobody would notice.
  message: 'has half of a surrogate pair, which UTF-8 cannot hold: send {"base64": …}',
})

export const Base64Text = z
  .string()
  .refine(value => Buffer.from(value, 'base64').toString('base64') === value, {
    message: 'is not base64: RFC 4648, section 4, with padding',
  })
  .meta({
    description: 'Any bytes: RFC 4648, section 4, with padding.',
    format: 'byte',
    // Bits that stand for nothing are 0.
    pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$',
  })

const base64 = z.strictObject({ base64: Base64Text })

const json = z
  .strictObject({ json: z.unknown().describe('Any JSON value.') })
  .refine(value => value.json !== undefined, { message: 'has neither `json` nor `base64`' })

export const PayloadInput = z
  .union([text, z.null(), base64, json], {
    error: 'must be a string, {"json": …}, {"base64": "…"} or null',
  })
  .meta({
    id: 'PayloadInput',
    description:
      'Bytes. A string stands for itself in UTF-8, {"json": …} for a JSON value as JSON text, ' +
      '{"base64": "…"} for any bytes; null means that there is none.',
    examples: ['hello', { json: { amount: 12 } }, { base64: '//4=' }, null],
  })

export const PayloadOutput = z
  .union([z.string(), z.null(), z.object({ base64: z.string().meta({ format: 'byte' }) })])
  .meta({
    id: 'PayloadOutput',
    description:
      'Bytes: a string when they are valid UTF-8 (and encoding=base64 was not asked for), else ' +
      '{"base64": "…"}; null means that there is none. It can be produced again as it is.',
  })
