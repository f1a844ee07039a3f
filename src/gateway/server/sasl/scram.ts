import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { SCRAM_ITERATIONS_DEFAULT } from '../../../core/limits.ts'
import { type Credential, hash, hmac, type ScramMechanism, type Users } from './users.ts'

/** A client's words that prove nothing. What exactly is wrong with them is for the log, and not for the client. */
export class ProofRefused extends Error {
  override readonly name = 'ProofRefused'
}

/** What a client has proved, or has to answer. */
export interface Proof {
  /** For the client. */
  readonly token: Buffer
  /** Who it is; undefined: it goes on. */
  readonly user: string | undefined
}

/** The first half of an exchange. */
interface Greeting {
  readonly header: string
  readonly clientNonce: string
  /** The client's, and behind it the server's. */
  readonly nonce: string
  readonly user: string
  /** Both, as they are signed. */
  readonly messages: string
}

/** For what strangers are told, so that it is the same each time: nobody learns from it whether there is such a user. */
const STRANGERS_SECRET = randomBytes(32)
const STRANGERS_SALT_BYTES = 24
const NONCE_BYTES = 24

/**
 * The server's side of RFC 5802, without channel binding: two words of the client's, and an answer to each. A stranger gets as
 * far as somebody with a wrong password.
 */
export class ScramExchange {
  readonly #mechanism: ScramMechanism
  readonly #users: Users
  readonly #serverNonce: string
  #first: Greeting | undefined

  constructor(
    mechanism: ScramMechanism,
    users: Users,
    serverNonce = randomBytes(NONCE_BYTES).toString('base64'),
  ) {
    this.#mechanism = mechanism
    this.#users = users
    this.#serverNonce = serverNonce
  }

  /** @throws ProofRefused */
  async step(token: Uint8Array): Promise<Proof> {
    const text = decodeText(token)
    return this.#first === undefined ? this.#greet(text) : this.#prove(text, this.#first)
  }

  #greet(text: string): Proof {
    // gs2-header, and then: n=user,r=nonce[,extensions]
    const [, header, authorized, bare, name, nonce, extensions = ''] =
      /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)((?:,[a-zA-Z]+=[^,]*)*))$/.exec(text) ?? []
    if (header === undefined || bare === undefined || name === undefined || nonce === undefined) {
      throw new ProofRefused('its first message is none of SCRAM, or asks for a channel to be bound')
    }
    const user = unescapeName(name)
    if (authorized && unescapeName(authorized) !== user) {
      throw new ProofRefused('it asks to act as another user')
    }
    if (/,tokenauth=true/i.test(extensions)) throw new ProofRefused('it brings a delegation token')
    const { salt, iterations } = this.#credentialOf(user)
    const both = nonce + this.#serverNonce
    const challenge = `r=${both},s=${salt.toString('base64')},i=${iterations}`
    this.#first = { header, clientNonce: nonce, nonce: both, user, messages: `${bare},${challenge}` }
    return { token: Buffer.from(challenge), user: undefined }
  }

  #prove(text: string, first: Greeting): Proof {
    const [, unproved, binding, nonce, proof] =
      /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[a-zA-Z]+=[^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(text) ?? []
    if (unproved === undefined || binding === undefined || proof === undefined) {
      throw new ProofRefused('its second message is none of SCRAM')
    }
    if (Buffer.from(binding, 'base64').toString('latin1') !== Buffer.from(first.header).toString('latin1')) {
      throw new ProofRefused('it takes back what it said of channels')
    }
    // librdkafka before 2.6.1 puts its own part in front once more. Apache Kafka lets that pass, too: it is signed as it is.
    if (nonce !== first.nonce && nonce !== first.clientNonce + first.nonce)
      throw new ProofRefused('it answers another challenge')
    const { storedKey, serverKey } = this.#credentialOf(first.user)
    const messages = `${first.messages},${unproved}`
    const signature = hmac(this.#mechanism, storedKey, messages)
    const given = Buffer.from(proof, 'base64')
    // Of the same length, whatever was given, so that comparing takes the same time.
    const clientKey = Buffer.alloc(signature.length)
    for (let i = 0; i < clientKey.length; i++) clientKey[i] = signature[i]! ^ (given[i] ?? 0)
    const isRight = timingSafeEqual(hash(this.#mechanism, clientKey), storedKey)
    if (!isRight || given.length !== signature.length || !this.#users.has(first.user)) {
      throw new ProofRefused(WRONG)
    }
    const token = Buffer.from(`v=${hmac(this.#mechanism, serverKey, messages).toString('base64')}`)
    return { token, user: first.user }
  }

  #credentialOf(user: string): Credential {
    return this.#users.get(user)?.[this.#mechanism] ?? strangersCredential(this.#mechanism, user, this.#users)
  }
}

export const WRONG = 'there is no such user, or the password is wrong'

/** What nobody's password fits. */
export function strangersCredential(mechanism: ScramMechanism, user: string, users: Users): Credential {
  const [another] = users.values()
  const secret = createHmac('sha512', STRANGERS_SECRET).update(user).digest()
  const key = hash(mechanism, secret)
  return {
    salt: secret.subarray(0, STRANGERS_SALT_BYTES),
    iterations: another?.[mechanism].iterations ?? SCRAM_ITERATIONS_DEFAULT,
    storedKey: key,
    serverKey: key,
  }
}

/** @throws ProofRefused where it is no UTF-8 */
export function decodeText(token: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(token)
  } catch {
    throw new ProofRefused('its message is no UTF-8')
  }
}

function unescapeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new ProofRefused('its name is not written as SCRAM has it')
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
