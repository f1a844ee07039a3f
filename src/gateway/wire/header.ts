import type { AnyApi } from './api.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  /** Null where the request's version is not known, too: what follows the correlation id is not read then. */
  readonly clientId: string | null
  /** Where the body begins in the frame. */
  readonly bodyAt: number
}

const API_VERSIONS = 18

/**
 * The header of a frame (without the four bytes of its length). `find` gives the API of a key whose request this
 * is in a version that it has, or undefined. Throws WireError.
 */
export function decodeRequestHeader(
  frame: Uint8Array,
  find: (key: number, version: number) => AnyApi | undefined,
): RequestHeader {
  const reader = new Reader(frame)
  reader.field = 'header'
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const api = find(apiKey, apiVersion)
  if (api === undefined) return { apiKey, apiVersion, correlationId, clientId: null, bodyAt: reader.position }
  reader.field = 'header.clientId'
  const length = reader.int16()
  if (length < -1) reader.fail(`a length of ${length}`)
  const clientId = length < 0 ? null : reader.string(length)
  // The client id kept its old form when headers became flexible.
  if (api.isFlexible(apiVersion)) skipTagged(reader)
  return { apiKey, apiVersion, correlationId, clientId, bodyAt: reader.position }
}

/** The whole answer, its length before it, in chunks. */
export function encodeResponseFrame<Response>(
  api: {
    readonly key: number
    isFlexible(version: number): boolean
    writeResponse(writer: Writer, version: number, body: Response): void
  },
  version: number,
  correlationId: number,
  body: Response,
): Uint8Array[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(correlationId)
  if (hasTaggedHeader(api, version)) writer.unsignedVarint(0)
  api.writeResponse(writer, version, body)
  return framed(writer)
}

/** The whole request, its length before it: for whoever plays the client. */
export function encodeRequestFrame<Request>(
  api: {
    readonly key: number
    isFlexible(version: number): boolean
    encodeRequest(version: number, body: Request): Uint8Array[]
  },
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  body: Request,
): Uint8Array[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(header.correlationId)
  const length = header.clientId === null ? -1 : Buffer.byteLength(header.clientId)
  writer.int16(length)
  if (header.clientId !== null) writer.string(header.clientId, length)
  if (api.isFlexible(version)) writer.unsignedVarint(0)
  for (const chunk of api.encodeRequest(version, body)) writer.reference(chunk)
  return framed(writer)
}

/** Where the body of an answer begins, in a frame without its length. */
export function responseBodyAt(
  api: { readonly key: number; isFlexible(version: number): boolean },
  version: number,
  frame: Uint8Array,
): { readonly correlationId: number; readonly bodyAt: number } {
  const reader = new Reader(frame)
  reader.field = 'header'
  const correlationId = reader.int32()
  if (hasTaggedHeader(api, version)) skipTagged(reader)
  return { correlationId, bodyAt: reader.position }
}

/** A client that asks for versions does not know yet which header its broker writes: it is always the first. */
function hasTaggedHeader(
  api: { readonly key: number; isFlexible(version: number): boolean },
  version: number,
): boolean {
  return api.key !== API_VERSIONS && api.isFlexible(version)
}

function framed(writer: Writer): Uint8Array[] {
  const chunks = writer.finish()
  const length = writer.length - 4
  const first = chunks[0]!
  first[0] = length >> 24
  first[1] = length >> 16
  first[2] = length >> 8
  first[3] = length
  return chunks
}

function skipTagged(reader: Reader): void {
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    reader.unsignedVarint()
    reader.skip(reader.unsignedVarint())
  }
}
