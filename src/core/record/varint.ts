/**
 * Zigzag varints, as in Protocol Buffers: seven bits a byte, the lowest first; the sign is the lowest bit.
 * Kafka has two: varint for 32 bits and varlong for 64, of which Tidemark takes the safe integers.
 */
import { TidemarkError } from '../errors.ts'

/** @param value an integer of 32 bits */
export function varintSizeBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

/** @param value a safe integer */
export function varlongSizeBytes(value: number): number {
  if (value === (value | 0)) return varintSizeBytes(value)
  let size = 1
  for (let rest = Math.floor(magnitude(value) / 64); rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}

/**
 * @param value an integer of 32 bits
 * @returns the position after it
 */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let next = position
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag >= 0x80) {
    bytes[next++] = zigzag | 0x80
    zigzag >>>= 7
  }
  bytes[next++] = zigzag
  return next
}

/**
 * @param value a safe integer
 * @returns the position after it
 */
export function writeVarlong(bytes: Uint8Array, position: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, position, value)
  let next = position
  // Doubling a safe integer can lose its lowest bit, so the sign's bit joins the first byte alone.
  const half = magnitude(value)
  let group = (half % 64) * 2 + (value < 0 ? 1 : 0)
  let rest = Math.floor(half / 64)
  while (rest > 0) {
    bytes[next++] = group | 0x80
    group = rest % 128
    rest = Math.floor(rest / 128)
  }
  bytes[next++] = group
  return next
}

function magnitude(value: number): number {
  return value < 0 ? -(value + 1) : value
}

/**
 * Reads varints one after the other. It may run past the end of what it was meant to read, where it
 * finds zeros: the caller compares `position` with its own end, once, instead of every byte here.
 */
export class VarintReader {
  readonly bytes: Uint8Array
  position: number

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes
    this.position = position
  }

  /** @throws INVALID_RECORD for more than 32 bits */
  readVarint(): number {
    const bytes = this.bytes
    let byte = bytes[this.position++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let zigzag = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.position++]!
      zigzag |= (byte & 0x7f) << shift
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1)
    }
    byte = bytes[this.position++]!
    if (byte > 0x0f) throw tooWide(32)
    zigzag |= byte << 28
    return (zigzag >>> 1) ^ -(zigzag & 1)
  }

  /** @throws INVALID_RECORD for more than 64 bits, and for what is no safe integer */
  readVarlong(): number {
    const bytes = this.bytes
    let byte = bytes[this.position++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    const negative = (byte & 1) === 1
    let half = (byte & 0x7f) >>> 1
    let weight = 64
    for (let groups = 1; byte >= 0x80; groups++, weight *= 128) {
      if (groups === 10) throw tooWide(64)
      byte = bytes[this.position++]!
      half += (byte & 0x7f) * weight
    }
    if (half > Number.MAX_SAFE_INTEGER) throw tooWide(54)
    return negative ? -half - 1 : half
  }
}

function tooWide(bits: number): TidemarkError {
  return new TidemarkError(
    'INVALID_RECORD',
    `A variable-length integer in a record is wider than ${bits} bits. The producer wrote it wrongly; use another client.`,
  )
}
