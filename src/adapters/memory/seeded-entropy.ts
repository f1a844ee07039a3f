import type { Entropy } from '../../ports/entropy.ts'

/** Chance from a seed: the same seed draws the same numbers. The generator is Bob Jenkins' small PRNG (JSF32). */
export class SeededEntropy implements Entropy {
  #a = 0xf1ea5eed
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    this.#b = this.#c = this.#d = seed >>> 0
    for (let round = 0; round < 20; round += 1) this.#next()
  }

  id(): string {
    return Array.from({ length: 4 }, () => this.#next().toString(16).padStart(8, '0')).join('')
  }

  fraction(): number {
    return this.#next() / 2 ** 32
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1))
  }

  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!
  }

  #next(): number {
    const e = (this.#a - rotate(this.#b, 27)) >>> 0
    this.#a = (this.#b ^ rotate(this.#c, 17)) >>> 0
    this.#b = (this.#c + this.#d) >>> 0
    this.#c = (this.#d + e) >>> 0
    this.#d = (e + this.#a) >>> 0
    return this.#d
  }
}

function rotate(value: number, bits: number): number {
  return ((value << bits) | (value >>> (32 - bits))) >>> 0
}
