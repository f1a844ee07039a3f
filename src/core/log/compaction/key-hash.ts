// As a whole: the first versions of Node 20 have no `hash`, and a name that a module lacks would keep it from loading.
import crypto from 'node:crypto'

type OneShot = (algorithm: string, data: Uint8Array, encoding: 'binary') => string

const { hash } = crypto as unknown as { readonly hash?: OneShot }

/**
 * The SHA-256 of a key, a character for each byte: keys come from anybody, and two that are taken for one would cost a record.
 * As a text, since a buffer for each of millions of keys costs more than their hashes.
 */
export function keyHash(key: Uint8Array): string {
  if (hash) return hash('sha256', key, 'binary')
  return crypto.createHash('sha256').update(key).digest('binary')
}
