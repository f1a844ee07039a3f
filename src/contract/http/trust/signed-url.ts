import { createHmac, timingSafeEqual } from 'node:crypto'
import { TidemarkError } from '../../../core/errors.ts'
import { LOCATED_URL_LIFETIME_MS } from '../../../core/limits.ts'
import type { Position } from '../../../core/numbers.ts'

const OBJECTS_PATH = '/objects/'

export interface UrlSignerSettings {
  /** What signs. Who has it can read every object. */
  secret: Uint8Array
  /**
   * Where clients reach the server, such as `http://127.0.0.1:9900`. Without it, URLs begin with their path, and
   * clients complete them with the address by which they reach it: what a Host header says gets into none.
   */
  baseUrl?: string
  lifetimeMs?: number
}

/** What a signed URL permits: to read these bytes of this object until then. */
export interface SignedRange {
  key: string
  position: Position
  bytes: number
  expiresMs: number
  signature: string
}

/**
 * Makes URLs that permit to read one range of one object for a while, and checks them: the object store's
 * presigned URL for a broker that serves its objects itself. Nothing is kept, so any number can be out.
 */
export class UrlSigner {
  readonly #secret: Uint8Array
  readonly #baseUrl: string
  readonly #lifetimeMs: number

  constructor({ secret, baseUrl = '', lifetimeMs = LOCATED_URL_LIFETIME_MS }: UrlSignerSettings) {
    if (secret.length < 32) throw new RangeError('a signing secret has at least 32 bytes')
    this.#secret = secret
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#lifetimeMs = lifetimeMs
  }

  sign(key: string, position: Position, bytes: number, nowMs: number): { url: string; expiresMs: number } {
    const expiresMs = nowMs + this.#lifetimeMs
    const query = new URLSearchParams({
      position: String(position),
      bytes: String(bytes),
      expires: String(expiresMs),
      signature: this.#signature(key, position, bytes, expiresMs).toString('base64url'),
    })
    return { url: `${this.#baseUrl}${OBJECTS_PATH}${keyToPath(key)}?${query}`, expiresMs }
  }

  /** @throws TOPIC_AUTHORIZATION_FAILED when the URL was not signed here, was changed, or has expired */
  check({ key, position, bytes, expiresMs, signature }: SignedRange, nowMs: number): void {
    const expected = this.#signature(key, position, bytes, expiresMs)
    const given = Buffer.from(signature, 'base64url')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new TidemarkError(
        'TOPIC_AUTHORIZATION_FAILED',
        'The URL was not signed by this server, or was changed.',
      )
    }
    if (nowMs >= expiresMs) {
      const when = new Date(expiresMs).toISOString()
      throw new TidemarkError('TOPIC_AUTHORIZATION_FAILED', `The URL expired at ${when}. Ask for a new one.`)
    }
  }

  #signature(key: string, position: number, bytes: number, expiresMs: number): Buffer {
    // As JSON, so that no two different lists of fields make the same text.
    const text = JSON.stringify(['tidemark-object-range-1', key, position, bytes, expiresMs])
    return createHmac('sha256', this.#secret).update(text).digest()
  }
}

function keyToPath(key: string): string {
  const segments = key.split('/')
  // Every URL parser would take these out, and the key would be another.
  if (segments.some(segment => segment === '' || segment === '.' || segment === '..')) {
    throw new RangeError(`the object key ${JSON.stringify(key)} cannot stand in a URL`)
  }
  return segments.map(encodeURIComponent).join('/')
}
