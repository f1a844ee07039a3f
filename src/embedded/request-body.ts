import type { IncomingMessage } from 'node:http'
import { HttpProblem } from '../contract/http/problems/problem.ts'
import { TidemarkError } from '../core/errors.ts'
import { KiB } from '../core/limits/units.ts'
import type { Paces } from './paces.ts'
import type { ServerLimits } from './server-limits.ts'

type BodyPace = Pick<ServerLimits, 'bodyPaceMs' | 'bodyPaceBytes'>

/** A piece of this size is kept as it came… */
const PIECE_BYTES_MIN = 4 * KiB
/** …and smaller ones are put together in blocks. */
const BLOCK_BYTES = 64 * KiB

/**
 * Reads a request's body as it arrives, into memory for what has arrived and not for what was announced.
 * @param arrived told how much there is by now, before it is kept; what it throws ends the reading
 * @throws HttpProblem 408 when too little comes; else any error where the body breaks off
 */
export function readBody(
  request: IncomingMessage,
  paces: Paces,
  { bodyPaceMs: paceMs, bodyPaceBytes: paceBytes }: BodyPace,
  arrived: (bytes: number) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const body = new Pieces()
    const end = () => {
      stopWatching?.()
      request.off('data', add)
      request.off('end', finish)
      request.off('error', fail)
      request.off('close', fail)
    }
    const fail = (error?: unknown) => {
      end()
      // What still comes is passed over: who sends to the end hears why.
      request.resume()
      reject(error ?? new Error('the connection was closed'))
    }
    const add = (chunk: Buffer) => {
      try {
        arrived(body.length + chunk.length)
        body.add(chunk)
      } catch (error) {
        fail(error)
      }
    }
    const finish = () => {
      end()
      resolve(body.joined())
    }
    const stopWatching = request.complete
      ? undefined
      : paces.watch({
          paceMs,
          paceBytes,
          movedBytes: () => body.length,
          stop: () => fail(tooSlow(paceMs, paceBytes)),
        })
    request.on('data', add)
    request.on('end', finish)
    request.on('error', fail)
    request.on('close', fail)
    if (request.destroyed && !request.readableEnded) fail()
  })
}

function tooSlow(paceMs: number, paceBytes: number): HttpProblem {
  const message =
    `The body comes too slowly: of one that is not complete, ${paceBytes} bytes have to arrive every ${paceMs} ms. ` +
    'Nothing of it was written.'
  const error = new TidemarkError('INVALID_REQUEST', message)
  return new HttpProblem(408, error, { connection: 'close' }, { retriable: true })
}

/** Bytes that come piece by piece. Small pieces share blocks: each by itself would cost more than what is in it. */
class Pieces {
  readonly #whole: Uint8Array[] = []
  #block: Buffer | undefined
  #blockBytes = 0
  length = 0

  add(piece: Buffer): void {
    this.length += piece.length
    if (piece.length >= PIECE_BYTES_MIN) {
      this.#endBlock()
      this.#whole.push(piece)
      return
    }
    if (this.#block && this.#blockBytes + piece.length > this.#block.length) this.#endBlock()
    // The first one most often is all there is.
    this.#block ??= Buffer.allocUnsafeSlow(this.#whole.length === 0 ? PIECE_BYTES_MIN : BLOCK_BYTES)
    this.#block.set(piece, this.#blockBytes)
    this.#blockBytes += piece.length
  }

  /** In memory that is only theirs. */
  joined(): Uint8Array {
    this.#endBlock()
    const [first] = this.#whole
    // Node makes memory for each piece. All of it, or some bytes would hold the rest of it as well.
    if (first && first.length === this.length && first.length === first.buffer.byteLength)
      return new Uint8Array(first.buffer as ArrayBuffer)
    const joined = new Uint8Array(Buffer.allocUnsafeSlow(this.length).buffer)
    let position = 0
    for (const piece of this.#whole) {
      joined.set(piece, position)
      position += piece.length
    }
    return joined
  }

  #endBlock(): void {
    if (!this.#block) return
    this.#whole.push(this.#block.subarray(0, this.#blockBytes))
    this.#block = undefined
    this.#blockBytes = 0
  }
}
