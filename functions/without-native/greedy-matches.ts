/** How many places are remembered: a table that fits into a processor's cache. */
const TABLE_BITS = 13
const MATCH_BYTES_MIN = 4
/** How far back both formats reach in two bytes. */
const OFFSET_MAX = 65_535
/** After so many places without a match the next ones are tried farther apart: bytes without any should not cost much. */
const PATIENCE_BITS = 5

// Nobody waits while it is in use.
const table = new Int32Array(1 << TABLE_BITS)

/**
 * Takes the bytes from `start` to `end` apart: literals, then a match further back, which is the first one that is found and as
 * long as it gets; at last literals without a match.
 * @param spared bytes at the end in which no match begins, and of which `lastLiterals` belong to none
 */
export function forEachMatch(
  bytes: Uint8Array,
  { start, end, spared, lastLiterals }: MatchedRange,
  visit: (literalsAt: number, literalBytes: number, offset: number, matchBytes: number) => void,
): void {
  table.fill(-1)
  const beginsBefore = end - Math.max(spared, MATCH_BYTES_MIN)
  const matchEnd = end - lastLiterals
  let literalsAt = start
  let misses = 0
  for (let at = start; at <= beginsBefore; ) {
    const slot = slotOf(bytes, at)
    const candidate = table[slot]!
    table[slot] = at
    if (candidate < 0 || at - candidate > OFFSET_MAX || !isSameStart(bytes, candidate, at)) {
      at += 1 + (misses++ >>> PATIENCE_BITS)
      continue
    }
    let length = MATCH_BYTES_MIN
    while (at + length < matchEnd && bytes[candidate + length] === bytes[at + length]) length += 1
    visit(literalsAt, at - literalsAt, at - candidate, length)
    at += length
    literalsAt = at
    misses = 0
  }
  visit(literalsAt, end - literalsAt, 0, 0)
}

interface MatchedRange {
  readonly start: number
  readonly end: number
  readonly spared: number
  readonly lastLiterals: number
}

function slotOf(bytes: Uint8Array, at: number): number {
  const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  return Math.imul(word, 0x9e3779b1) >>> (32 - TABLE_BITS)
}

function isSameStart(bytes: Uint8Array, one: number, other: number): boolean {
  return (
    bytes[one] === bytes[other] &&
    bytes[one + 1] === bytes[other + 1] &&
    bytes[one + 2] === bytes[other + 2] &&
    bytes[one + 3] === bytes[other + 3]
  )
}
