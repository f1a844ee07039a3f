import { TidemarkError } from '../../../core/errors.ts'
import { HttpProblem, invalidRequest } from '../problems/problem.ts'

export interface BodyLimits {
  bodyBytesMax: number
  bodiesInFlightBytesMax: number
}

/** Reads request bodies into memory, and never more of them than the limits allow. */
export class Bodies {
  readonly #limits: BodyLimits
  #inFlightBytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /**
   * Reads the whole body and hands it to `handle`. Its bytes count as in flight until `handle` has settled,
   * since that long they are in memory.
   * @throws HttpProblem 413 when it is too large, 429 when too much is in flight, 400 when it breaks off
   */
  async read<T>(request: Request, handle: (body: Uint8Array) => Promise<T>): Promise<T> {
    const claim = { bytes: 0 }
    try {
      return await handle(await this.#readAll(request, claim))
    } finally {
      this.#inFlightBytes -= claim.bytes
    }
  }

  async #readAll(request: Request, claim: { bytes: number }): Promise<Uint8Array> {
    const encoding = request.headers.get('content-encoding')
    if (encoding !== null && encoding.toLowerCase() !== 'identity') {
      const message = `Bodies in Content-Encoding ${encoding} are not understood: record batches have compression of their own.`
      throw invalidRequest(415, message, { 'accept-encoding': 'identity' })
    }
    const lengthHeader = request.headers.get('content-length')
    const declared =
      lengthHeader !== null && /^\d{1,15}$/.test(lengthHeader) ? Number(lengthHeader) : undefined
    // Claimed at once, so that whoever is told to come back later is told before he sent it all.
    if (declared !== undefined) this.#claim(claim, declared)
    try {
      return declared === undefined
        ? await this.#readChunks(request, claim)
        : await this.#readDeclared(request, claim)
    } catch (error) {
      if (error instanceof HttpProblem || error instanceof TidemarkError) throw error
      const message = 'The body broke off before its end. Nothing of it was written.'
      throw invalidRequest(400, message, {}, error)
    }
  }

  /** In one piece, which is much cheaper than a stream. The server holds the client to the length that he said. */
  async #readDeclared(request: Request, claim: { bytes: number }): Promise<Uint8Array> {
    const body = new Uint8Array(await request.arrayBuffer())
    this.#claim(claim, body.length)
    return body
  }

  async #readChunks(request: Request, claim: { bytes: number }): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    // Not cancelled where it is too large: the answer comes over the same connection.
    for await (const chunk of request.body?.values({ preventCancel: true }) ?? []) {
      bytes += chunk.length
      this.#claim(claim, bytes)
      chunks.push(chunk)
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)
  }

  #claim(claim: { bytes: number }, bytes: number): void {
    const { bodyBytesMax, bodiesInFlightBytesMax } = this.#limits
    if (bytes > bodyBytesMax) {
      const message = `The body is larger than ${bodyBytesMax} bytes. Send the records in several requests.`
      throw new HttpProblem(413, new TidemarkError('MESSAGE_TOO_LARGE', message))
    }
    const more = bytes - claim.bytes
    if (more <= 0) return
    if (this.#inFlightBytes + more > bodiesInFlightBytesMax) {
      throw new TidemarkError(
        'THROTTLING_QUOTA_EXCEEDED',
        'Too much is being written right now. Try again later.',
      )
    }
    claim.bytes += more
    this.#inFlightBytes += more
  }
}
