import { TidemarkError } from '../../../core/errors.ts'
import type { Position } from '../../../core/numbers.ts'
import { BYTES_TYPE } from '../media-types.ts'
import type { RouteDocumentation } from '../openapi/documentation.ts'
import { HttpProblem } from '../problems/problem.ts'
import { numberParameter, textParameter } from '../requests/parameters.ts'
import { defineRouteWithState } from '../route.ts'
import type { SignedRange } from '../trust/signed-url.ts'

/** What `locate` points at, where no object store serves it. */
export const route = defineRouteWithState({
  method: 'get',
  path: '/objects/{key}',
  query: {
    position: numberParameter<Position>("The range's first byte."),
    bytes: numberParameter('How many bytes it has.'),
    expires: numberParameter('When the URL ends to work: milliseconds since 1970.'),
    signature: textParameter('What permits it.'),
  },
  answerTypes: [BYTES_TYPE],
  isOpen: true,
  open: ({ objects, nowMs }) => {
    if (objects === undefined) return undefined
    return async ({ context, path: { key }, query: { expires: expiresMs, ...signed } }) => {
      const range: SignedRange = { key, expiresMs, ...signed }
      objects.signer.check(range, nowMs())
      const isPartial = checkRange(context.req.header('range'), range)
      const { position, bytes } = range
      await context.env.room?.take(bytes)
      const found = await objects.get(key, position, bytes)
      if (found === undefined) {
        const message = 'The object is gone: its records were deleted or moved. Ask for a new URL.'
        throw new HttpProblem(404, new TidemarkError('KAFKA_STORAGE_ERROR', message))
      }
      if (found.length !== bytes) {
        const message = `The object ends early: of ${bytes} bytes there are ${found.length}.`
        throw new HttpProblem(500, new TidemarkError('KAFKA_STORAGE_ERROR', message))
      }
      return new Response(found as Uint8Array<ArrayBuffer>, {
        status: isPartial ? 206 : 200,
        headers: {
          'content-type': BYTES_TYPE,
          'content-length': String(bytes),
          // Objects are immutable, and the bytes are for whoever has the URL and for nobody else.
          'cache-control': 'private, immutable, max-age=3600',
          ...(isPartial && { 'content-range': `bytes ${position}-${position + bytes - 1}/*` }),
        },
      })
    }
  },
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Read a located range',
  description:
    'For the URLs that locate=true answers: each permits exactly one range of one object, for a while, and needs ' +
    'no token. A Range header must name that very range, in bytes of the object, and is answered with 206.',
  answers: {
    200: { description: "The range's bytes." },
    206: {
      description: 'The same, for a Range header.',
      headers: { 'content-range': { description: 'The range.', schema: { type: 'string' } } },
    },
  },
  errors: ['TOPIC_AUTHORIZATION_FAILED', 'OFFSET_OUT_OF_RANGE', 'KAFKA_STORAGE_ERROR'],
})

/** Whether there is a Range header. @throws HttpProblem 416 when it names another range than the URL */
function checkRange(header: string | undefined, { position, bytes }: SignedRange): boolean {
  if (header === undefined) return false
  if (header.replaceAll(' ', '') === `bytes=${position}-${position + bytes - 1}`) return true
  const message = `This URL is for bytes=${position}-${position + bytes - 1} and no other range.`
  throw new HttpProblem(416, new TidemarkError('OFFSET_OUT_OF_RANGE', message))
}
