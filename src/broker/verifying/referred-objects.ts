import { VERIFY_IDS_BYTES_MAX } from '../../core/limits.ts'

/** The first 48 bits of an id: ids are random, and two of a million agree in them once in five hundred stores. */
const ID_DIGITS = 12
const SLOTS_FIRST = 1 << 10
/** Half of what they may take, so that there is room while they grow. */
const SLOTS_MAX = VERIFY_IDS_BYTES_MAX / Float64Array.BYTES_PER_ELEMENT / 2
const FULL = 0.75

/**
 * The objects that something refers to, in bounded memory. It may take an object for one of them that only has a like id:
 * then one leftover is not told.
 */
export class ReferredObjects {
  /** Each one more than an id's number: 0 is a free slot. */
  #slots = new Float64Array(SLOTS_FIRST)
  #count = 0
  #isFull = false
  readonly #slotsMax: number

  constructor(slotsMax = SLOTS_MAX) {
    this.#slotsMax = slotsMax
  }

  /** Whether there was no room for all of them: then nobody can tell what nothing refers to. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** @param id 32 hexadecimal digits */
  add(id: string): void {
    if (this.#count >= this.#slots.length * FULL && !this.#grow()) return
    this.#put(numberOf(id))
  }

  has(id: string): boolean {
    const number = numberOf(id)
    return this.#slots[this.#slotOf(number)] === number
  }

  #put(number: number): void {
    const slot = this.#slotOf(number)
    if (this.#slots[slot] === number) return
    this.#slots[slot] = number
    this.#count += 1
  }

  /** Where it stands, or would. */
  #slotOf(number: number): number {
    const last = this.#slots.length - 1
    for (let slot = number % this.#slots.length; ; slot = slot === last ? 0 : slot + 1) {
      if (this.#slots[slot] === 0 || this.#slots[slot] === number) return slot
    }
  }

  #grow(): boolean {
    if (this.#slots.length >= this.#slotsMax) {
      this.#isFull = true
      return false
    }
    const before = this.#slots
    this.#slots = new Float64Array(before.length * 2)
    this.#count = 0
    for (const number of before) if (number !== 0) this.#put(number)
    return true
  }
}

function numberOf(id: string): number {
  return Number.parseInt(id.slice(0, ID_DIGITS), 16) + 1
}
