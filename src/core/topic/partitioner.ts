const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
const ROTATION = 24

/**
 * Kafka's hash of a key: 32 bit murmur2, as a signed number, bit for bit that of the Java client, so that a
 * key lands on the same partition whichever client wrote it.
 * Source: org.apache.kafka.common.utils.Utils.murmur2
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  const wholeWords = length & ~3
  let hash = SEED ^ length
  for (let position = 0; position < wholeWords; position += 4) {
    const littleEndianWord =
      bytes[position]! |
      (bytes[position + 1]! << 8) |
      (bytes[position + 2]! << 16) |
      (bytes[position + 3]! << 24)
    let word = Math.imul(littleEndianWord, MULTIPLIER)
    word ^= word >>> ROTATION
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER)
  }
  const rest = length - wholeWords
  if (rest > 0) {
    if (rest > 2) hash ^= bytes[wholeWords + 2]! << 16
    if (rest > 1) hash ^= bytes[wholeWords + 1]! << 8
    hash = Math.imul(hash ^ bytes[wholeWords]!, MULTIPLIER)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, MULTIPLIER)
  return hash ^ (hash >>> 15)
}

/** The partition of a record with this key, as Kafka's DefaultPartitioner chooses it. */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  // Kafka's toPositive clears the sign bit; Math.abs would send half of the keys elsewhere.
  return (murmur2(key) & 0x7fffffff) % partitions
}

/**
 * The partition for the records without a key of one request: any but the last request's, where there is
 * a choice, as Kafka's sticky partitioner.
 * @param random in [0, 1)
 */
export function stickyPartition(previous: number | null, partitions: number, random: number): number {
  if (previous === null || previous >= partitions || partitions === 1) return Math.floor(random * partitions)
  const other = Math.floor(random * (partitions - 1))
  return other < previous ? other : other + 1
}
