/** Castagnoli's polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78
/** Lengths are below 2^LENGTH_BITS. */
const LENGTH_BITS = 21

/**
 * What appending 2^n zero bytes makes of a CRC-32C, as a table for each n: of each of its four bytes with each value, since what
 * it makes of them together is the sum.
 */
const ZEROS: Int32Array[] = []

function tablesOfZeros(): readonly Int32Array[] {
  if (ZEROS.length > 0) return ZEROS
  for (let bits = 0; bits < LENGTH_BITS; bits++) {
    const half = ZEROS[bits - 1]
    ZEROS.push(
      Int32Array.from({ length: 1024 }, (_, index) => {
        const crc = (index & 0xff) << (8 * (index >>> 8))
        return half ? withZeros(half, withZeros(half, crc)) : withZero(crc)
      }),
    )
  }
  return ZEROS
}

function withZero(crc: number): number {
  let shifted = crc
  for (let bit = 0; bit < 8; bit++) shifted = (shifted >>> 1) ^ (shifted & 1 ? POLYNOMIAL : 0)
  return shifted
}

function withZeros(table: Int32Array, crc: number): number {
  return (
    table[crc & 0xff]! ^
    table[0x100 | ((crc >>> 8) & 0xff)]! ^
    table[0x200 | ((crc >>> 16) & 0xff)]! ^
    table[0x300 | (crc >>> 24)]!
  )
}

/** The CRC-32C of bytes that follow one another, of most of which only their own CRC is looked at. */
export class JoinedChecksum {
  readonly #zeros = tablesOfZeros()
  #crc = 0

  /** Unsigned. */
  get value(): number {
    return this.#crc >>> 0
  }

  /** @param crc of the bytes that follow, of which there are `length`, below 2^21 */
  addKnown(crc: number, length: number): void {
    let joined = this.#crc
    for (let bits = 0, left = length; left > 0; bits++, left >>>= 1) {
      if (left & 1) joined = withZeros(this.#zeros[bits]!, joined)
    }
    this.#crc = joined ^ crc
  }

  /** Bytes themselves: for a few. */
  addBytes(bytes: Uint8Array, start: number, end: number): void {
    const [one, , four] = this.#zeros as [Int32Array, Int32Array, Int32Array]
    let crc = ~this.#crc
    let position = start
    for (; position + 4 <= end; position += 4) {
      const word =
        bytes[position]! |
        (bytes[position + 1]! << 8) |
        (bytes[position + 2]! << 16) |
        (bytes[position + 3]! << 24)
      crc = withZeros(four, crc ^ word)
    }
    for (; position < end; position++) crc = one[(crc ^ bytes[position]!) & 0xff]! ^ (crc >>> 8)
    this.#crc = ~crc
  }
}
