import { TidemarkError } from '../../../core/errors.ts'
import { BYTES_TYPE } from '../media-types.ts'
import { HttpProblem } from '../problems/problem.ts'
import { numberParameter, positionParameter, textParameter } from '../requests/parameters.ts'
import { addRoute } from '../route.ts'
import type { Services } from '../services.ts'
import type { SignedRange } from '../trust/signed-url.ts'

const OBJECT_PATH = { key: textParameter("The object's key. It has slashes, which stand as such.") }

const OBJECT_QUERY = {
  position: positionParameter("The range's first byte."),
  bytes: numberParameter('How many bytes it has.'),
  expires: numberParameter('When the URL ends to work: milliseconds since 1970.'),
  signature: textParameter('What permits it.'),
}

/** What `locate` points at, where no object store serves it. */
export function addObjectRoutes(services: Services): void {
  const { objects, nowMs } = services
  if (objects === undefined) return
  const { signer } = objects
  addRoute(
    services,
    {
      method: 'get',
      path: '/objects/{key}',
      pathParameters: OBJECT_PATH,
      query: OBJECT_QUERY,
      answerTypes: [BYTES_TYPE],
      isOpen: true,
    },
    async ({ context, path, query }) => {
      const { position, bytes, expires: expiresMs, signature } = query
      const range: SignedRange = { key: path.key, position, bytes, expiresMs, signature }
      signer.check(range, nowMs())
      const isPartial = checkRange(context.req.header('range'), range)
      const found = await objects.get(range.key, position, bytes)
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
          ...(isPartial ? { 'content-range': `bytes ${position}-${position + bytes - 1}/*` } : {}),
        },
      })
    },
  )
}

/** Whether there is a Range header. @throws HttpProblem 416 when it names another range than the URL */
function checkRange(header: string | undefined, { position, bytes }: SignedRange): boolean {
  if (header === undefined) return false
  if (header.replaceAll(' ', '') === `bytes=${position}-${position + bytes - 1}`) return true
  const message = `This URL is for bytes=${position}-${position + bytes - 1} and no other range.`
  throw new HttpProblem(416, new TidemarkError('OFFSET_OUT_OF_RANGE', message))
}
