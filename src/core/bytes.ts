/** A copy that the caller may change; a Buffer's own `slice` would be a view. */
export function copyBytes(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end)
}

/**
 * A growing byte buffer and its reader, for what the index persists: unsigned LEB128 numbers up to 2^53 - 1
 * and runs of bytes. Record batches have their own, faster codec, since their layout is Kafka's.
 */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0

  byte(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
    return this
  }

  /** A safe integer from 0 on. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be encoded`)
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
    return this
  }

  /** Bytes whose length the reader knows. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** Bytes with their length before them. */
  block(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes)
  }

  /** An id of 32 hexadecimal digits, as 16 bytes. */
  id(id: string): this {
    this.#reserve(16)
    if (this.#bytes.write(id, this.#length, 'hex') !== 16) throw new RangeError(`${id} is not an id`)
    this.#length += 16
    return this
  }

  finish(): Uint8Array {
    return copyBytes(this.#bytes, 0, this.#length)
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** Reads what a ByteWriter wrote; every method throws RangeError where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  byte(): number {
    const value = this.#bytes[this.#position]
    if (value === undefined) throw new RangeError('the bytes end in the middle of a value')
    this.#position += 1
    return value
  }

  number(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
      factor *= 0x80
    }
    if (!Number.isSafeInteger(value)) throw new RangeError('a number is larger than 2^53 - 1')
    return value
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    const end = this.#position + length
    if (end > this.#bytes.length) throw new RangeError('the bytes end in the middle of a value')
    const view = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return view
  }

  block(): Uint8Array {
    return this.raw(this.number())
  }

  /** All that is left: a view. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#position)
  }

  id(): string {
    return Buffer.from(this.raw(16)).toString('hex')
  }
}
