import { TidemarkError } from '../../../core/errors.ts'
import { HttpProblem, invalidRequest } from '../problems/problem.ts'
import { type Claim, Room } from '../room.ts'
import type { ReadBody } from '../settings.ts'

export interface BodyLimits {
  bodyBytesMax: number
  bodiesInFlightBytesMax: number
  /** What counts as small, and so much of the room that only such bodies may take. */
  smallBodyBytesMax: number
  smallBodiesBytes: number
}

/** Reads request bodies into memory, and never more of them than the limits allow. */
export class Bodies {
  readonly #limits: BodyLimits
  readonly #room: Room

  constructor(limits: BodyLimits) {
    this.#limits = limits
    this.#room = new Room({
      bytesMax: limits.bodiesInFlightBytesMax,
      smallBytesMax: limits.smallBodyBytesMax,
      smallOnlyBytes: limits.smallBodiesBytes,
    })
  }

  /**
   * Reads the whole body and hands it to `handle`. What has arrived of it counts as in flight until `handle` has settled,
   * since that long it is in memory.
   * @param readBody of the server, where there is one: it sees bytes arrive
   * @throws HttpProblem 413 when it is too large, 429 when too much is in flight, 400 when it breaks off, 408 when it does
   *   not come on
   */
  async read<T>(
    request: Request,
    readBody: ReadBody | undefined,
    handle: (body: Uint8Array) => Promise<T>,
  ): Promise<T> {
    checkEncoding(request)
    const declared = declaredLength(request)
    // Before it comes: whoever is told to come back later is told before he sent it all, where that is known already.
    if (declared !== undefined) this.#checkLength(declared, this.#room.fits(declared))
    const claim = this.#room.claim(declared)
    try {
      return await handle(await this.#readAll(request, declared, readBody, claim))
    } finally {
      claim.release()
    }
  }

  async #readAll(
    request: Request,
    declared: number | undefined,
    readBody: ReadBody | undefined,
    claim: Claim,
  ): Promise<Uint8Array> {
    const arrived = (bytes: number) => this.#checkLength(bytes, bytes <= claim.bytes || claim.resize(bytes))
    try {
      if (readBody) return await readBody(arrived)
      return declared === undefined
        ? await readChunks(request, arrived)
        : await readDeclared(request, declared, arrived)
    } catch (error) {
      if (error instanceof HttpProblem || error instanceof TidemarkError) throw error
      const message = 'The body broke off before its end. Nothing of it was written.'
      throw invalidRequest(400, message, {}, error)
    }
  }

  #checkLength(bytes: number, hasRoom: boolean): void {
    const { bodyBytesMax } = this.#limits
    if (bytes > bodyBytesMax) {
      const message = `The body is larger than ${bodyBytesMax} bytes. Send the records in several requests.`
      throw new HttpProblem(413, new TidemarkError('MESSAGE_TOO_LARGE', message))
    }
    if (hasRoom) return
    throw new TidemarkError(
      'THROTTLING_QUOTA_EXCEEDED',
      'Too much is being written right now. Try again later.',
    )
  }
}

function checkEncoding(request: Request): void {
  const encoding = request.headers.get('content-encoding')
  if (encoding === null || encoding.toLowerCase() === 'identity') return
  const message = `Bodies in Content-Encoding ${encoding} are not understood: record batches have compression of their own.`
  throw invalidRequest(415, message, { 'accept-encoding': 'identity' })
}

function declaredLength(request: Request): number | undefined {
  const header = request.headers.get('content-length')
  return header !== null && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

/** In one piece, which is much cheaper than a stream. Whoever hands over the request has most often all of it. */
async function readDeclared(
  request: Request,
  declared: number,
  arrived: (bytes: number) => void,
): Promise<Uint8Array> {
  arrived(declared)
  const body = new Uint8Array(await request.arrayBuffer())
  arrived(body.length)
  return body
}

async function readChunks(request: Request, arrived: (bytes: number) => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Not cancelled where it is too large: the answer comes over the same connection.
  for await (const chunk of request.body?.values({ preventCancel: true }) ?? []) {
    bytes += chunk.length
    arrived(bytes)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)
}
