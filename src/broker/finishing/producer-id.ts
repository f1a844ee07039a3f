import type { Entropy } from '../../ports/entropy.ts'

/** 63 bits by chance: enough that no two producers ever meet. */
export function drawProducerId(entropy: Entropy): bigint {
  return BigInt(`0x${entropy.id().slice(0, 16)}`) >> 1n
}
