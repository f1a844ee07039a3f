import type { Entropy } from '../../ports/entropy.ts'

/** 53 bits by chance: enough that no two producers ever meet, and few enough for whoever takes Kafka's int64 for a number. */
export function drawProducerId(entropy: Entropy): bigint {
  return BigInt(`0x${entropy.id().slice(0, 14)}`) >> 3n
}
