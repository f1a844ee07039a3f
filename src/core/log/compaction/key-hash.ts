// As a whole: Node 20 has no `hash`, and a name that a module lacks would keep it from loading. No broker runs there.
import crypto from 'node:crypto'

/** SHA-256, as Node has it: keys come from anybody, and two that are taken for one would cost a record. */
export function keyHash(key: Uint8Array): Uint8Array {
  return crypto.hash('sha256', key, 'buffer')
}
