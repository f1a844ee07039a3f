import type { IncomingMessage } from 'node:http'
import { HttpProblem } from '../contract/http/problems/problem.ts'
import { TidemarkError } from '../core/errors.ts'
import { KiB } from '../core/limits/units.ts'
import type { Paces } from './paces.ts'
import type { ServerLimits } from './server-limits.ts'

type BodyPace = Pick<ServerLimits, 'bodyPaceMs' | 'bodyPaceBytes'>

/** What is set aside for a body before anything of it has come. */
const FIRST_BYTES_MAX = 64 * KiB

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
    const declared = Number(request.headers['content-length'] ?? Number.NaN)
    const body = new GrowingBytes(declared)
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
      resolve(body.bytes())
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
  return new HttpProblem(408, new TidemarkError('REQUEST_TIMED_OUT', message), { connection: 'close' })
}

/** Bytes that come piece by piece, however small the pieces are: a list of them would cost more than they do. */
class GrowingBytes {
  /** What is announced; NaN where nothing is. */
  readonly #expected: number
  #buffer: Uint8Array | undefined
  length = 0

  constructor(expected: number) {
    this.#expected = expected
  }

  add(piece: Buffer): void {
    const length = this.length + piece.length
    // The whole body at once, in memory that is only its own: most often.
    if (length === this.#expected && this.length === 0 && piece.buffer.byteLength === length) {
      this.#buffer = new Uint8Array(piece.buffer)
    } else {
      const buffer = this.#withRoomFor(length)
      buffer.set(piece, this.length)
      this.#buffer = buffer
    }
    this.length = length
  }

  bytes(): Uint8Array {
    const buffer = this.#buffer ?? new Uint8Array(0)
    return buffer.length === this.length ? buffer : buffer.slice(0, this.length)
  }

  #withRoomFor(length: number): Uint8Array {
    const before = this.#buffer
    if (before && before.length >= length) return before
    const wanted = Math.max(length, before ? 2 * before.length : FIRST_BYTES_MAX)
    const larger = new Uint8Array(Math.max(length, Math.min(wanted, this.#expected || wanted)))
    if (before) larger.set(before)
    return larger
  }
}
