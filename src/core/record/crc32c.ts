/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f6_3b78
/** Bytes that one step takes in: a table for each, so that their look-ups do not wait for one another. */
const SLICES = 16

const TABLES = makeTables()

/**
 * CRC-32C in JavaScript, for where no native module can be had; as an unsigned 32-bit number.
 * Slicing: Kounavis and Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators".
 */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15] = TABLES
  const end = bytes.length
  let crc = -1
  let at = 0
  for (const last = end - SLICES; at <= last; at += SLICES) {
    const first = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      t15![first & 0xff]! ^
      t14![(first >>> 8) & 0xff]! ^
      t13![(first >>> 16) & 0xff]! ^
      t12![first >>> 24]! ^
      t11![bytes[at + 4]!]! ^
      t10![bytes[at + 5]!]! ^
      t9![bytes[at + 6]!]! ^
      t8![bytes[at + 7]!]! ^
      t7![bytes[at + 8]!]! ^
      t6![bytes[at + 9]!]! ^
      t5![bytes[at + 10]!]! ^
      t4![bytes[at + 11]!]! ^
      t3![bytes[at + 12]!]! ^
      t2![bytes[at + 13]!]! ^
      t1![bytes[at + 14]!]! ^
      t0![bytes[at + 15]!]!
  }
  for (; at < end; at += 1) crc = t0![(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Table `n` tells what a byte does to the CRC when `n` zero bytes follow it. */
function makeTables(): Int32Array[] {
  const tables = Array.from({ length: SLICES }, () => new Int32Array(256))
  const [first] = tables
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
    first![byte] = crc
  }
  for (let slice = 1; slice < SLICES; slice += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const before = tables[slice - 1]![byte]!
      tables[slice]![byte] = (before >>> 8) ^ first![before & 0xff]!
    }
  }
  return tables
}
