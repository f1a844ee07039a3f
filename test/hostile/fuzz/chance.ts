import { seededRandom } from '../../cli/seeded-random.ts'

/** Choices that a seed repeats. */
export class Chance {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    // Seeds that lie side by side begin alike.
    for (let index = 0; index < 3; index++) this.#random()
  }

  /** From 0 on, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  is(probability: number): boolean {
    return this.#random() < probability
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** Some of its bytes are others, are missing, or are there twice. */
  damaged(bytes: Uint8Array): Buffer {
    const result = Buffer.from(bytes)
    const changes = 1 + this.below(6)
    for (let change = 0; change < changes && result.length > 0; change++) {
      result[this.below(result.length)] = this.is(0.3)
        ? this.oneOf([0, 255, 127, 128, 13, 10])
        : this.below(256)
    }
    const at = this.below(result.length + 1)
    if (this.is(0.15)) return result.subarray(0, at)
    if (this.is(0.1)) return Buffer.concat([result, result.subarray(at)])
    return result
  }
}
