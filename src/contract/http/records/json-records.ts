import { JSON_PIECE_BYTES } from '../../../core/limits.ts'
import type { LogRecord } from '../../../core/record/record.ts'
import { nextTurn } from '../../../core/turns.ts'
import { bytesToPayload, type PayloadEncoding, payloadPieces } from './payload.ts'

/** Records as the members of a JSON list, as far as there is room. */
export class JsonRecords {
  readonly #encoding: PayloadEncoding
  #bytesMax: number
  readonly #parts: Uint8Array[] = []
  #texts: string[] = []
  #bytes = 0
  #count = 0

  constructor(encoding: PayloadEncoding, bytesMax: number) {
    this.#encoding = encoding
    this.#bytesMax = bytesMax
  }

  get count(): number {
    return this.#count
  }

  /** Of the list's members, with the commas between them. */
  get bytes(): number {
    return this.#bytes
  }

  /** From now on there may be so much. */
  allow(bytesMax: number): void {
    this.#bytesMax = bytesMax
  }

  /** Whether there was room for the record. A promise only where it is large. */
  add(record: LogRecord): boolean | Promise<boolean> {
    if (recordBytes(record) > JSON_PIECE_BYTES) return this.#addLarge(record)
    const text = JSON.stringify(toJsonRecord(record, this.#encoding))
    const bytes = Buffer.byteLength(text) + (this.#count > 0 ? 1 : 0)
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#texts.push(text)
    this.#bytes += bytes
    this.#count++
    return true
  }

  /** What was added since becomes bytes. */
  flush(): void {
    if (this.#texts.length === 0) return
    const isFirst = this.#count === this.#texts.length && this.#parts.length === 0
    this.#parts.push(Buffer.from(`${isFirst ? '' : ','}${this.#texts.join(',')}`))
    this.#texts = []
  }

  /** Everything, in order. */
  take(): Uint8Array[] {
    this.flush()
    return this.#parts
  }

  /** A piece at a time, between which others have their turn. */
  async #addLarge(record: LogRecord): Promise<boolean> {
    const parts: Uint8Array[] = []
    let bytes = 0
    for (const text of recordPieces(record, this.#encoding, this.#count > 0)) {
      const part = Buffer.from(text)
      bytes += part.length
      if (this.#bytes + bytes > this.#bytesMax) return false
      parts.push(part)
      await nextTurn()
    }
    this.flush()
    for (const part of parts) this.#parts.push(part)
    this.#bytes += bytes
    this.#count++
    return true
  }
}

/** What a header's members take beside its name and its value. */
const HEADER_FRAME_BYTES = 24

/** What becomes text of a record, and hence the least that it takes in JSON. */
export function recordBytes({ key, value, headers }: LogRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) bytes += HEADER_FRAME_BYTES + header.key.length + (header.value?.length ?? 0)
  return bytes
}

function toJsonRecord({ offset, timestampMs, key, value, headers }: LogRecord, encoding: PayloadEncoding) {
  return {
    offset,
    timestampMs,
    key: bytesToPayload(key, encoding),
    value: bytesToPayload(value, encoding),
    headers: headers.map(header => ({ key: header.key, value: bytesToPayload(header.value, encoding) })),
  }
}

/** The same text as of `toJsonRecord`. */
function* recordPieces(
  { offset, timestampMs, key, value, headers }: LogRecord,
  encoding: PayloadEncoding,
  hasComma: boolean,
): Generator<string> {
  yield `${hasComma ? ',' : ''}{"offset":${offset},"timestampMs":${timestampMs},"key":`
  yield* payloadPieces(key, encoding)
  yield ',"value":'
  yield* payloadPieces(value, encoding)
  yield ',"headers":['
  let text = ''
  for (const [index, header] of headers.entries()) {
    text += `${index > 0 ? ',' : ''}{"key":${JSON.stringify(header.key)},"value":`
    for (const piece of payloadPieces(header.value, encoding)) {
      text += piece
      if (text.length < JSON_PIECE_BYTES) continue
      yield text
      text = ''
    }
    text += '}'
  }
  yield `${text}]}`
}
