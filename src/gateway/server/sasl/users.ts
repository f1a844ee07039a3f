import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { SCRAM_ITERATIONS_DEFAULT, SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN } from '../../../core/limits.ts'

/** The mechanisms of RFC 5802 and RFC 7677, strongest first. */
export const SCRAM_MECHANISMS = ['SCRAM-SHA-512', 'SCRAM-SHA-256'] as const
export type ScramMechanism = (typeof SCRAM_MECHANISMS)[number]

/** What is kept of a password: enough to check it by, and to prove that it is known, but not the password itself. */
export interface Credential {
  readonly salt: Buffer
  readonly iterations: number
  /** Hash of the key that a client proves to have. */
  readonly storedKey: Buffer
  /** With which the server proves that it knows the password, too. */
  readonly serverKey: Buffer
}

export type User = Readonly<Record<ScramMechanism, Credential>>

/** Users by their names. */
export type Users = ReadonlyMap<string, User>

/** A file of users that cannot be used; the message says what is wrong with it. */
export class UsersError extends Error {
  override readonly name = 'UsersError'
}

const DIGESTS = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const
const DIGEST_BYTES = { 'SCRAM-SHA-256': 32, 'SCRAM-SHA-512': 64 } as const
const SALT_BYTES = 24
const SALT_BYTES_MIN = 8
const FORMAT = 1

export function hash(mechanism: ScramMechanism, data: Uint8Array): Buffer {
  return createHash(DIGESTS[mechanism]).update(data).digest()
}

export function hmac(mechanism: ScramMechanism, key: Uint8Array, data: string): Buffer {
  return createHmac(DIGESTS[mechanism], key).update(data).digest()
}

/** Slow on purpose, and done beside the event loop. Passwords are taken as they are: Kafka's clients prepare none. */
export async function credentialOf(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations }: Pick<Credential, 'salt' | 'iterations'>,
): Promise<Credential> {
  const salted = await saltedPassword(mechanism, password, salt, iterations)
  const storedKey = hash(mechanism, hmac(mechanism, salted, 'Client Key'))
  return { salt, iterations, storedKey, serverKey: hmac(mechanism, salted, 'Server Key') }
}

function saltedPassword(
  mechanism: ScramMechanism,
  password: string,
  salt: Buffer,
  iterations: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer) => (error ? reject(error) : resolve(key))
    pbkdf2(password, salt, iterations, DIGEST_BYTES[mechanism], DIGESTS[mechanism], done)
  })
}

/** A user with this password, each time with another salt. */
export async function makeUser(password: string, iterations = SCRAM_ITERATIONS_DEFAULT): Promise<User> {
  const make = (mechanism: ScramMechanism) =>
    credentialOf(mechanism, password, { salt: randomBytes(SALT_BYTES), iterations })
  const [sha512, sha256] = await Promise.all([make('SCRAM-SHA-512'), make('SCRAM-SHA-256')])
  return { 'SCRAM-SHA-512': sha512, 'SCRAM-SHA-256': sha256 }
}

/** A file of users: their names, and of each password, by mechanism, what Credential names; bytes are in base64. */
export function formatUsers(users: Users): string {
  const names = [...users.keys()].sort()
  const told = names.map(name => {
    const user = users.get(name)!
    return [name, Object.fromEntries(SCRAM_MECHANISMS.map(each => [each, formatCredential(user[each])]))]
  })
  return `${JSON.stringify({ version: FORMAT, users: Object.fromEntries(told) }, null, 2)}\n`
}

function formatCredential({ salt, iterations, storedKey, serverKey }: Credential) {
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: storedKey.toString('base64'),
    serverKey: serverKey.toString('base64'),
  }
}

/** @throws UsersError */
export function parseUsers(text: string): Users {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UsersError(`it is not JSON: ${(error as Error).message}`)
  }
  const { version, users } = asObject(json, 'it')
  if (version !== FORMAT) throw new UsersError(`its version is ${JSON.stringify(version)}, and not ${FORMAT}`)
  const entries = Object.entries(asObject(users, 'users'))
  return new Map(entries.map(([name, user]) => [checkUserName(name), parseUser(user, `users.${name}`)]))
}

/** @throws UsersError where nobody can have that name */
export function checkUserName(name: string): string {
  if (name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 1_024) return name
  throw new UsersError(`${JSON.stringify(name)} is no name of a user`)
}

function parseUser(json: unknown, at: string): User {
  const user = asObject(json, at)
  const credential = (mechanism: ScramMechanism) =>
    parseCredential(mechanism, user[mechanism], `${at}.${mechanism}`)
  return { 'SCRAM-SHA-512': credential('SCRAM-SHA-512'), 'SCRAM-SHA-256': credential('SCRAM-SHA-256') }
}

function parseCredential(mechanism: ScramMechanism, json: unknown, at: string): Credential {
  const { salt, iterations, storedKey, serverKey } = asObject(json, at)
  if (
    typeof iterations !== 'number' ||
    !Number.isInteger(iterations) ||
    iterations < SCRAM_ITERATIONS_MIN ||
    iterations > SCRAM_ITERATIONS_MAX
  ) {
    throw new UsersError(
      `${at}.iterations is no whole number from ${SCRAM_ITERATIONS_MIN} to ${SCRAM_ITERATIONS_MAX}`,
    )
  }
  const bytes = DIGEST_BYTES[mechanism]
  return {
    salt: parseBytes(salt, `${at}.salt`, length => length >= SALT_BYTES_MIN),
    iterations,
    storedKey: parseBytes(storedKey, `${at}.storedKey`, length => length === bytes),
    serverKey: parseBytes(serverKey, `${at}.serverKey`, length => length === bytes),
  }
}

function parseBytes(json: unknown, at: string, isLength: (length: number) => boolean): Buffer {
  if (typeof json === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(json)) {
    const bytes = Buffer.from(json, 'base64')
    if (isLength(bytes.length)) return bytes
  }
  throw new UsersError(`${at} is not what belongs there, in base64`)
}

function asObject(json: unknown, what: string): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>
  throw new UsersError(`${what} is no object`)
}
