/** Numbers in [0, 1) that a seed repeats: Lehmer's generator. */
export function seededRandom(seed: number): () => number {
  // A multiple of the modulus would give nothing but zeros.
  let state = (Math.abs(Math.trunc(seed)) % 2_147_483_646) + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return (state - 1) / 2_147_483_646
  }
}
