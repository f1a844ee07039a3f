import { type Codec, compileStruct } from './compile.ts'
import { Reader } from './reader.ts'
import type { Fields, ReadOf, WrittenOf } from './schema.ts'
import { Writer } from './writer.ts'

interface Definition<Request extends Fields, Response extends Fields> {
  readonly key: number
  readonly name: string
  /** The first and the last version that the table describes. */
  readonly versions: readonly [number, number]
  readonly flexibleFrom: number | 'never'
  readonly request: Request
  readonly response: Response
}

/**
 * One of Kafka's APIs. `Request` is what decoding a request gives, `Response` what encoding an answer takes; the
 * other two are the other way round, for whoever plays the client.
 */
export class Api<Request, Response, RequestWritten = Request, ResponseRead = Response> {
  readonly key: number
  readonly name: string
  readonly versions: readonly [number, number]
  /** The tables, for what is compared with them. */
  readonly fields: { readonly request: Fields; readonly response: Fields }
  readonly #flexibleFrom: number
  readonly #requests: Codec[] = []
  readonly #responses: Codec[] = []

  constructor(definition: Definition<Fields, Fields>) {
    this.key = definition.key
    this.name = definition.name
    this.versions = definition.versions
    this.fields = { request: definition.request, response: definition.response }
    this.#flexibleFrom =
      definition.flexibleFrom === 'never' ? Number.POSITIVE_INFINITY : definition.flexibleFrom
  }

  isFlexible(version: number): boolean {
    return version >= this.#flexibleFrom
  }

  /**
   * The request that begins at `start`, after its header; what follows it is left alone, since a client is known
   * to send more. Every field of every version is there, by its default where this version lacks it. Throws
   * WireError, which names the field and its position.
   */
  decodeRequest(version: number, bytes: Uint8Array, start = 0): Request {
    return this.#request(version).read(new Reader(bytes, start)) as Request
  }

  encodeRequest(version: number, body: RequestWritten): Uint8Array[] {
    const writer = new Writer()
    this.#request(version).write(writer, body)
    return writer.finish()
  }

  decodeResponse(version: number, bytes: Uint8Array, start = 0): ResponseRead {
    return this.#response(version).read(new Reader(bytes, start)) as ResponseRead
  }

  /** Chunks: record batches are among them as they were given. Fields that the version lacks are left out. */
  encodeResponse(version: number, body: Response): Uint8Array[] {
    const writer = new Writer()
    this.writeResponse(writer, version, body)
    return writer.finish()
  }

  writeResponse(writer: Writer, version: number, body: Response): void {
    this.#response(version).write(writer, body)
  }

  #request(version: number): Codec {
    this.#requests[version] ??= this.#compile(this.fields.request, version)
    return this.#requests[version]
  }

  #response(version: number): Codec {
    this.#responses[version] ??= this.#compile(this.fields.response, version)
    return this.#responses[version]
  }

  #compile(fields: Fields, version: number): Codec {
    const [first, last] = this.versions
    if (!(Number.isInteger(version) && first <= version && version <= last)) {
      throw new RangeError(`${this.name} has versions ${first} to ${last}, not ${version}`)
    }
    return compileStruct(fields, { version, isFlexible: this.isFlexible(version) })
  }
}

/** Some API, where it does not matter which. */
export type AnyApi = Api<unknown, unknown, unknown, unknown>

/** A decoded request. */
export type RequestOf<A> = A extends Api<infer Request, infer _, infer __, infer ___> ? Request : never
/** An answer as it is given to the encoder. */
export type ResponseOf<A> = A extends Api<infer _, infer Response, infer __, infer ___> ? Response : never

export function defineApi<Request extends Fields, Response extends Fields>(
  definition: Definition<Request, Response>,
): Api<ReadOf<Request>, WrittenOf<Response>, WrittenOf<Request>, ReadOf<Response>> {
  return new Api(definition)
}
