import { Answer, type SentRequest } from './answer.ts'

/** What the platform's fetch hands its requests to: `dispatch` of undici, in Node. */
export interface Dispatcher {
  dispatch(request: DispatchedRequest, handler: DispatchHandler): unknown
}

interface DispatchedRequest {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | null
}

/** The form of it that all versions take. Those that answer with true ask for more. */
interface DispatchHandler {
  /** Called when it is about to be sent. */
  onConnect(abort: (reason?: unknown) => void): void
  onHeaders(status: number, headers: readonly (Uint8Array | string)[]): boolean
  onData(chunk: Uint8Array): boolean
  onComplete(): void
  onError(error: unknown): void
}

/** Where undici keeps the one that fetch uses, so that programs can put another in its place: for a proxy, or a test. */
const CURRENT = Symbol.for('undici.globalDispatcher.1')

let seenFetch: unknown
let isNodesFetch = false

/**
 * The dispatcher below this platform's fetch; undefined: it has none, or the program has put something else in fetch's place,
 * which is then to see all requests.
 */
export function currentDispatcher(): Dispatcher | undefined {
  if (globalThis.fetch !== seenFetch) {
    seenFetch = globalThis.fetch
    isNodesFetch = /internal\/deps\/undici/.test(String(seenFetch))
  }
  return isNodesFetch ? (globalThis as { [CURRENT]?: Dispatcher })[CURRENT] : undefined
}

/**
 * Sends a request as fetch does, without all that a web page needs: a request costs a tenth. Redirects are not followed.
 * @throws what the connection fails with, or the signal's reason
 */
export function askDispatcher(
  dispatcher: Dispatcher,
  { method, url, headers, body }: SentRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const { origin, pathname, search } = new URL(url)
  return new Promise<Answer>((resolve, reject) => {
    let abort: ((reason?: unknown) => void) | undefined
    const end = () => {
      reject(signal.reason)
      abort?.(signal.reason)
    }
    let status = 0
    let told = new AnswerHeaders([])
    const pieces: Uint8Array[] = []
    signal.addEventListener('abort', end)
    const sent = { 'accept-encoding': 'gzip', 'user-agent': 'node', ...headers }
    dispatcher.dispatch(
      { origin, path: pathname + search, method, headers: sent, body: body ?? null },
      {
        onConnect: stop => {
          abort = stop
          // Nobody waits any more: it is not sent.
          if (signal.aborted) stop(signal.reason)
        },
        onHeaders: (given, raw) => {
          status = given
          told = new AnswerHeaders(raw)
          return true
        },
        onData: piece => {
          pieces.push(piece)
          return true
        },
        onComplete: () => {
          signal.removeEventListener('abort', end)
          const encoding = told.get('content-encoding')?.trim().toLowerCase() || 'identity'
          const bytes = joined(pieces)
          // Nothing at all, as of status 204, is not packed either.
          if (encoding === 'identity' || bytes.length === 0) resolve(new Answer(status, told, bytes))
          else resolve(unpacked(bytes, encoding).then(plain => new Answer(status, told, plain)))
        },
        onError: error => {
          signal.removeEventListener('abort', end)
          reject(error)
        },
      },
    )
  })
}

/** As they came, since most are never looked at. */
class AnswerHeaders {
  readonly #raw: readonly (Uint8Array | string)[]

  constructor(raw: readonly (Uint8Array | string)[]) {
    this.#raw = raw
  }

  get(name: string): string | null {
    for (let index = 0; index + 1 < this.#raw.length; index += 2) {
      const { length } = this.#raw[index]!
      if (length === name.length && String(this.#raw[index]).toLowerCase() === name)
        return String(this.#raw[index + 1])
    }
    return null
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const all = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.length, 0))
  let position = 0
  for (const piece of pieces) {
    all.set(piece, position)
    position += piece.length
  }
  return all
}

async function unpacked(bytes: Uint8Array, encoding: string): Promise<Uint8Array> {
  try {
    if (encoding !== 'gzip' && encoding !== 'x-gzip') throw new Error(`nobody asked for ${encoding}`)
    const packed = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()
    return new Uint8Array(
      await new Response(packed.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer(),
    )
  } catch (error) {
    throw new Error('the answer cannot be unpacked', { cause: error })
  }
}
