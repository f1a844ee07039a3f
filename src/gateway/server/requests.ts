import { TidemarkError } from '../../core/errors.ts'
import { GATEWAY_FAILED_PROOF_MS, GATEWAY_UNRESERVED_ANSWER_BYTES_MAX } from '../../core/limits.ts'
import { NONE } from '../apis/error-code.ts'
import { ConnectionEnded } from '../apis/handler.ts'
import { decodeRequestHeader, encodeResponseFrame, type RequestHeader } from '../wire/header.ts'
import { ApiVersions } from '../wire/messages/api-versions.ts'
import { Produce, type ProduceResponse } from '../wire/messages/produce.ts'
import { SaslAuthenticate } from '../wire/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../wire/messages/sasl-handshake.ts'
import { WireError } from '../wire/reader.ts'
import { AnswerMemory } from './answer-memory.ts'
import { Authentication, UNSUPPORTED_SASL_MECHANISM } from './sasl/authentication.ts'
import type { Service } from './service.ts'

/** What a request comes to. */
export interface Answer {
  /** To be sent one after the other; none: the client expects nothing. */
  readonly chunks: readonly Uint8Array[]
  /** Why the connection ends with it, for the log. */
  readonly end?: string | undefined
  /** Whether nobody looks at the request's frame any more, for sure. */
  readonly frameIsFree?: boolean | undefined
  /** To be called when the client has taken it, or will not any more. */
  readonly taken?: (() => void) | undefined
}

const UNSUPPORTED_VERSION = 35

/** Answers the requests of one connection: finds out what each asks for, and who asks. */
export class Requests {
  readonly #service: Service
  readonly #host: string
  readonly #signal: AbortSignal
  readonly #authentication: Authentication

  /**
   * @param host the client's address
   * @param signal ends waiting: the connection has ended, or the gateway is closing
   */
  constructor(service: Service, host: string, signal: AbortSignal) {
    this.#service = service
    this.#host = host
    this.#signal = signal
    this.#authentication = new Authentication(service.sasl)
  }

  /** Whether the client has proved who it is, where it has to. */
  get isProved(): boolean {
    return this.#authentication.principal !== undefined
  }

  /** Whether it may be begun while others of its kind are under way. */
  runsAhead(frame: Uint8Array): boolean {
    return this.isProved && frame.length > 1 && ((frame[0]! << 8) | frame[1]!) === Produce.key
  }

  /** Never rejects. */
  async answer(frame: Uint8Array): Promise<Answer> {
    if (this.#authentication.takesRawTokens) return this.#takeRawToken(frame)
    let header: RequestHeader | undefined
    try {
      header = decodeRequestHeader(frame, this.#service.offers.find)
      return await this.#dispatch(header, frame)
    } catch (error) {
      return this.#failed(header, error)
    }
  }

  #dispatch(header: RequestHeader, frame: Uint8Array): Answer | Promise<Answer> {
    switch (header.apiKey) {
      case ApiVersions.key:
        return this.#tellVersions(header, frame)
      case SaslHandshake.key:
        return this.#chooseMechanism(this.#known(header), frame)
      case SaslAuthenticate.key:
        return this.#takeToken(this.#known(header), frame)
      default:
        return this.#handle(this.#known(header), frame)
    }
  }

  /** Whatever is in no version that is offered cannot be answered in one that its client understands. */
  #known(header: RequestHeader): RequestHeader {
    const { apiKey, apiVersion } = header
    if (this.#service.offers.find(apiKey, apiVersion) !== undefined) return header
    throw new ConnectionEnded('is not offered')
  }

  async #handle(header: RequestHeader, frame: Uint8Array): Promise<Answer> {
    const { apiKey, apiVersion: version, clientId } = header
    const principal = this.#authentication.principal
    if (principal === undefined) throw new ConnectionEnded('comes before the client has proved who it is')
    const { api, answer } = this.#service.offers.handlerOf(apiKey)!
    const request = api.decodeRequest(version, frame, header.bodyAt)
    const { broker, settings, topics, clock, answers, limits } = this.#service
    let room: AnswerMemory | undefined
    const reserve = (bytes: number) => {
      room ??= new AnswerMemory(answers, clock, limits.answerWaitMs)
      return room.take(bytes, this.#signal)
    }
    const memory = this.#service.memory.lend()
    const taken = () => {
      room?.leave()
      memory.leave()
    }
    const client = { clientId, host: this.#host, principal }
    try {
      const context = {
        broker,
        settings,
        topics,
        clock,
        version,
        client,
        signal: this.#signal,
        reserve,
        memory,
      }
      const body = await answer(request, context)
      if (body === undefined) {
        taken()
        return { chunks: [] }
      }
      const chunks = encodeResponseFrame(api, version, header.correlationId, body)
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
      // Whoever has reserved nothing did not know how large it becomes: others are held up until this one is taken.
      if (!room && bytes > GATEWAY_UNRESERVED_ANSWER_BYTES_MAX) await reserve(bytes)
      return { chunks, taken: room && taken, frameIsFree: apiKey === Produce.key && isWritten(body) }
    } catch (error) {
      taken()
      throw error
    }
  }

  /** A version that is not offered is answered in the oldest one, with what is: whoever asks does not know yet. */
  #tellVersions(header: RequestHeader, frame: Uint8Array): Answer {
    const { apiKey, apiVersion: version, correlationId } = header
    const { offers } = this.#service
    if (offers.find(apiKey, version) === undefined) {
      const apiKeys = offers.versions.filter(offered => offered.apiKey === apiKey)
      const body = { errorCode: UNSUPPORTED_VERSION, apiKeys }
      return { chunks: encodeResponseFrame(ApiVersions, 0, correlationId, body) }
    }
    ApiVersions.decodeRequest(version, frame, header.bodyAt)
    const body = { errorCode: 0, apiKeys: offers.versions }
    return { chunks: encodeResponseFrame(ApiVersions, version, correlationId, body) }
  }

  #chooseMechanism(header: RequestHeader, frame: Uint8Array): Answer {
    const { apiVersion: version, correlationId } = header
    const { mechanism } = SaslHandshake.decodeRequest(version, frame, header.bodyAt)
    // In the first version, tokens are sent as they are.
    const chosen = this.#authentication.choose(mechanism, version === 0)
    const chunks = encodeResponseFrame(SaslHandshake, version, correlationId, chosen)
    if (chosen.errorCode !== UNSUPPORTED_SASL_MECHANISM) return { chunks }
    const asked = JSON.stringify(mechanism)
    return {
      chunks,
      end: this.#tell(header, `asks for ${asked}, and there is ${chosen.mechanisms.join(', ')}`),
    }
  }

  async #takeToken(header: RequestHeader, frame: Uint8Array): Promise<Answer> {
    const { apiVersion: version, correlationId } = header
    const { authBytes } = SaslAuthenticate.decodeRequest(version, frame, header.bodyAt)
    const { errorCode, token, message, failure } = await this.#authentication.take(authBytes)
    const body = { errorCode, errorMessage: message, authBytes: token }
    const chunks = encodeResponseFrame(SaslAuthenticate, version, correlationId, body)
    if (failure === undefined) return { chunks }
    await this.#delay()
    return { chunks, end: this.#tell(header, failure) }
  }

  async #takeRawToken(frame: Uint8Array): Promise<Answer> {
    const { token, failure } = await this.#authentication.take(frame)
    if (failure !== undefined) {
      await this.#delay()
      return { chunks: [], end: `SASL: ${failure}` }
    }
    const length = Buffer.alloc(4)
    length.writeInt32BE(token.length)
    return { chunks: [length, token] }
  }

  /** Guessing takes its time. */
  async #delay(): Promise<void> {
    await this.#service.clock.sleep(GATEWAY_FAILED_PROOF_MS, this.#signal)
  }

  #failed(header: RequestHeader | undefined, error: unknown): Answer {
    const isTold =
      error instanceof WireError || error instanceof ConnectionEnded || error instanceof TidemarkError
    if (isTold) {
      return { chunks: [], end: this.#tell(header, error.message) }
    }
    this.#service.reportError(error)
    return { chunks: [], end: this.#tell(header, `failed unexpectedly: ${String(error)}`) }
  }

  /** What a client says of itself stands in quotes: it may be anything. */
  #tell(header: RequestHeader | undefined, what: string): string {
    if (header === undefined) return what
    const { apiKey, apiVersion, clientId } = header
    const { handlerOf } = this.#service.offers
    const name = handlerOf(apiKey)?.api.name ?? OWN_NAMES.get(apiKey) ?? `API ${apiKey}`
    const client = clientId === null ? '' : ` of ${JSON.stringify(clientId.slice(0, 100))}`
    return `${name} v${apiVersion}${client}: ${what}`
  }
}

/**
 * Whether all of a Produce is in the log. Then its batches lie elsewhere, and no try of writing them is under way: one that is given up
 * may still read them, but gives the request up, too.
 */
function isWritten(body: unknown): boolean {
  const { responses } = body as ProduceResponse
  return responses.every(({ partitionResponses }) =>
    partitionResponses.every(({ errorCode }) => errorCode === NONE),
  )
}

const OWN_NAMES = new Map([ApiVersions, SaslHandshake, SaslAuthenticate].map(({ key, name }) => [key, name]))
