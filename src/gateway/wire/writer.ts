const FIRST_BYTES = 512
const LARGEST_BYTES = 65_536
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/**
 * Writes Kafka's primitive types into chunks: what is given by reference becomes a chunk of its own, and what is
 * full is followed by another, so nothing is ever copied once it is written.
 */
export class Writer {
  readonly #chunks: Uint8Array[] = []
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #start = 0
  #position = 0
  #finished = 0

  /** Bytes written up to now. */
  get length(): number {
    return this.#finished + this.#position - this.#start
  }

  finish(): Uint8Array[] {
    this.#close()
    return this.#chunks
  }

  #take(length: number): number {
    if (this.#position + length > this.#buffer.length) {
      this.#close()
      const next = Math.min(LARGEST_BYTES, this.#buffer.length * 2)
      this.#buffer = Buffer.allocUnsafe(Math.max(length, next))
      this.#start = 0
      this.#position = 0
    }
    const start = this.#position
    this.#position = start + length
    return start
  }

  #close(): void {
    if (this.#position === this.#start) return
    this.#chunks.push(this.#buffer.subarray(this.#start, this.#position))
    this.#finished += this.#position - this.#start
    this.#start = this.#position
  }

  int8(value: number): void {
    const at = this.#take(1)
    this.#buffer[at] = value
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    const at = this.#take(2)
    this.#buffer[at] = value >> 8
    this.#buffer[at + 1] = value
  }

  int32(value: number): void {
    const at = this.#take(4)
    const buffer = this.#buffer
    buffer[at] = value >> 24
    buffer[at + 1] = value >> 16
    buffer[at + 2] = value >> 8
    buffer[at + 3] = value
  }

  int64(value: number): void {
    if (value >= 2 ** 63) {
      // What is read of the largest int64, rounded up: it is written as it was.
      this.int32(0x7fff_ffff)
      this.int32(-1)
      return
    }
    this.int32(Math.floor(value / 0x1_0000_0000))
    this.int32(value)
  }

  float64(value: number): void {
    const at = this.#take(8)
    this.#buffer.writeDoubleBE(value, at)
  }

  unsignedVarint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.int8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.int8(rest)
  }

  uuid(text: string): void {
    if (!UUID.test(text)) throw new RangeError(`${text} is not a UUID`)
    const at = this.#take(16)
    this.#buffer.write(text.replaceAll('-', ''), at, 16, 'hex')
  }

  /** The text's bytes alone, of which there are `length`. */
  string(text: string, length: number): void {
    const at = this.#take(length)
    const buffer = this.#buffer
    // As many bytes as characters: all ASCII.
    if (length === text.length && length <= SHORT) {
      for (let index = 0; index < length; index++) buffer[at + index] = text.charCodeAt(index)
      return
    }
    buffer.write(text, at, length, 'utf8')
  }

  copy(bytes: Uint8Array): void {
    const at = this.#take(bytes.length)
    this.#buffer.set(bytes, at)
  }

  reference(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#close()
    this.#chunks.push(bytes)
    this.#finished += bytes.length
  }
}

/** Up to here a loop over characters is quicker than a call. */
const SHORT = 24
