import crypto from 'node:crypto'

/** Names what a member joins with: the same of the same member has the same name. */
export function metadataIdOf(member: string, encoded: Uint8Array): string {
  const hash = crypto
    .createHash('sha256')
    .update(`${Buffer.byteLength(member)} ${member}`)
    .update(encoded)
  return hash.digest('hex').slice(0, 32)
}
