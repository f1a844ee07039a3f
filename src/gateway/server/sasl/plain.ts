import { timingSafeEqual } from 'node:crypto'
import { Lane } from '../../../core/turns.ts'
import { decodeText, type Proof, ProofRefused, strangersCredential, WRONG } from './scram.ts'
import { credentialOf, type Users } from './users.ts'

/** What a password is held against: the cheaper one of what is kept. */
const MECHANISM = 'SCRAM-SHA-256'

/** One hash at a time: they are slow on purpose, and the threads for them are those that read and write files. */
const hashing = new Lane(1)

/**
 * RFC 4616: a name and a password in the clear, held against what is kept of the password.
 * @throws ProofRefused
 */
export async function provePlain(token: Uint8Array, users: Users): Promise<Proof> {
  const [authorized, user, password, ...more] = decodeText(token).split('\0')
  if (!user || !password || more.length > 0) throw new ProofRefused('its message is none of PLAIN')
  if (authorized !== '' && authorized !== user) throw new ProofRefused('it asks to act as another user')
  const known = users.get(user)?.[MECHANISM] ?? strangersCredential(MECHANISM, user, users)
  const given = await hashing.run(() => credentialOf(MECHANISM, password, known))
  if (!timingSafeEqual(given.storedKey, known.storedKey) || !users.has(user)) throw new ProofRefused(WRONG)
  return { token: Buffer.alloc(0), user }
}
