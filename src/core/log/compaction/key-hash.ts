import { createHash } from 'node:crypto'

/** SHA-256, as Node has it: keys come from anybody, and two that are taken for one would cost a record. */
export function keyHash(key: Uint8Array): Uint8Array {
  return createHash('sha256').update(key).digest()
}
