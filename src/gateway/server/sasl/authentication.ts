import { provePlain } from './plain.ts'
import { type Proof, ProofRefused, ScramExchange } from './scram.ts'
import { SCRAM_MECHANISMS, type ScramMechanism, type Users } from './users.ts'

export type Mechanism = ScramMechanism | 'PLAIN'

/** Kafka's numbers for what goes wrong here. */
export const UNSUPPORTED_SASL_MECHANISM = 33
const ILLEGAL_SASL_STATE = 34
const SASL_AUTHENTICATION_FAILED = 58

/** Who may come, and how they prove that they are who they say. */
export interface SaslSettings {
  readonly mechanisms: readonly Mechanism[]
  /** As they are now. Rejects where nobody can tell. */
  users(): Promise<Users>
}

/** How a client that has proved nothing is to be answered. */
export interface SaslAnswer {
  readonly errorCode: number
  readonly token: Buffer
  /** For the client, where it has failed. */
  readonly message: string | null
  /** For the log, where it has failed: the connection ends with the answer. */
  readonly failure: string | undefined
}

type Step = (token: Uint8Array) => Promise<Proof>

/** How one connection proves who its client is: a mechanism is chosen, and then tokens go to and fro. */
export class Authentication {
  readonly #settings: SaslSettings | undefined
  #step: Step | undefined
  #principal: string | undefined
  /** Whether tokens come as frames of their own, without a header: since a handshake of version 0. */
  takesRawTokens = false

  /** @param settings undefined: nobody has to prove anything */
  constructor(settings: SaslSettings | undefined) {
    this.#settings = settings
    if (settings === undefined) this.#principal = ANONYMOUS
  }

  /** Who the client is; undefined as long as it has not proved it. */
  get principal(): string | undefined {
    return this.#principal
  }

  /** SaslHandshake: chooses a mechanism. */
  choose(mechanism: string, isRaw: boolean): { errorCode: number; mechanisms: readonly Mechanism[] } {
    const mechanisms = this.#settings?.mechanisms ?? []
    if (this.#settings === undefined || this.#principal !== undefined || this.#step !== undefined) {
      return { errorCode: ILLEGAL_SASL_STATE, mechanisms }
    }
    const chosen = mechanisms.find(each => each === mechanism)
    if (chosen === undefined) return { errorCode: UNSUPPORTED_SASL_MECHANISM, mechanisms }
    this.#step = stepsOf(chosen, this.#settings)
    this.takesRawTokens = isRaw
    return { errorCode: 0, mechanisms }
  }

  /** SaslAuthenticate: takes the client's next token. */
  async take(token: Uint8Array): Promise<SaslAnswer> {
    if (this.#step === undefined) {
      const failure = 'a token came that no mechanism was chosen for'
      return failed(ILLEGAL_SASL_STATE, 'SaslAuthenticate comes after SaslHandshake, once.', failure)
    }
    try {
      const { token: answer, user } = await this.#step(token)
      if (user !== undefined) {
        this.#principal = `User:${user}`
        this.#step = undefined
        this.takesRawTokens = false
      }
      return { errorCode: 0, token: answer, message: null, failure: undefined }
    } catch (error) {
      this.#step = undefined
      const failure =
        error instanceof ProofRefused ? error.message : `users cannot be read: ${(error as Error).message}`
      return failed(SASL_AUTHENTICATION_FAILED, 'Authentication failed: invalid credentials.', failure)
    }
  }
}

const ANONYMOUS = 'User:ANONYMOUS'

function failed(errorCode: number, message: string, failure: string): SaslAnswer {
  return { errorCode, token: Buffer.alloc(0), message, failure }
}

function stepsOf(mechanism: Mechanism, { users }: SaslSettings): Step {
  if (mechanism === 'PLAIN') return async token => provePlain(token, await users())
  let exchange: ScramExchange | undefined
  return async token => {
    exchange ??= new ScramExchange(mechanism, await users())
    return exchange.step(token)
  }
}

/** All that there are; a password in the clear only where nobody else can read it. */
export function mechanismsFor(isPrivate: boolean): Mechanism[] {
  return isPrivate ? [...SCRAM_MECHANISMS, 'PLAIN'] : [...SCRAM_MECHANISMS]
}
