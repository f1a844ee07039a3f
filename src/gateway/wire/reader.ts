import { WIRE_ELEMENTS_MAX } from '../../core/limits.ts'

/** Bytes that are no message: they end too early, or a length in them is impossible. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/**
 * Reads Kafka's primitive types from a frame. Every length is held against the bytes that are left before
 * anything is made of it.
 */
export class Reader {
  readonly #bytes: Uint8Array
  /** For strings; made when the first long one comes. */
  #buffer: Buffer | undefined
  readonly #end: number
  #position: number
  #elementsLeft = WIRE_ELEMENTS_MAX
  /** What is being read, for the error's message. */
  field = ''

  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes
    this.#position = start
    this.#end = bytes.length
  }

  get position(): number {
    return this.#position
  }

  get left(): number {
    return this.#end - this.#position
  }

  fail(problem: string): never {
    throw new WireError(`${this.field || 'the message'}, at byte ${this.#position}: ${problem}`)
  }

  #take(length: number): number {
    const start = this.#position
    if (length > this.#end - start) {
      this.fail(`${length} bytes are needed, and ${this.#end - start} are left`)
    }
    this.#position = start + length
    return start
  }

  int8(): number {
    return (this.#bytes[this.#take(1)]! << 24) >> 24
  }

  boolean(): boolean {
    return this.#bytes[this.#take(1)] !== 0
  }

  int16(): number {
    const at = this.#take(2)
    return ((this.#bytes[at]! << 24) >> 16) | this.#bytes[at + 1]!
  }

  int32(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  int64(): number {
    const high = this.int32()
    return high * 0x1_0000_0000 + (this.int32() >>> 0)
  }

  float64(): number {
    const at = this.#take(8)
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getFloat64(0)
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#take(1)]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) break
        return value >>> 0
      }
    }
    this.fail('a number is longer than 32 bits')
  }

  uuid(): string {
    const at = this.#take(16)
    let text = ''
    for (let index = 0; index < 16; index++) {
      if (index === 4 || index === 6 || index === 8 || index === 10) text += '-'
      text += HEX[this.#bytes[at + index]!]
    }
    return text
  }

  string(length: number): string {
    const at = this.#take(length)
    const bytes = this.#bytes
    if (length <= SHORT) {
      let text = ''
      let index = at
      for (; index < at + length && bytes[index]! < 0x80; index++) text += String.fromCharCode(bytes[index]!)
      if (index === at + length) return text
    }
    this.#buffer ??= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return this.#buffer.toString('utf8', at, at + length)
  }

  /** Takes note that so many elements follow, each of `leastBytes` or more. */
  elements(count: number, leastBytes: number): void {
    if (count > this.left / leastBytes) {
      this.fail(`${count} elements, for which ${this.left} bytes are too few`)
    }
    this.#elementsLeft -= count
    if (this.#elementsLeft < 0) this.fail(`more than ${WIRE_ELEMENTS_MAX} elements in all`)
  }

  copy(length: number): Uint8Array {
    return length === 0 ? NO_BYTES : this.view(length).slice()
  }

  view(length: number): Uint8Array {
    const at = this.#take(length)
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length)
  }

  skip(length: number): void {
    this.#take(length)
  }
}

const NO_BYTES = new Uint8Array(0)

/** Up to here a loop over ASCII is quicker than a call. */
const SHORT = 12

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
