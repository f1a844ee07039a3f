import { type Offset, toOffset } from '../../numbers.ts'
import type { KeyHash } from './key-hash.ts'

/** Of a key's hash: what tells keys apart. */
const HASH_BYTES = 16
/** Of an offset and 1, since 0 says that there is none: 56 bits are more than an offset has. */
const OFFSET_BYTES = 7
const SLOT_BYTES = HASH_BYTES + OFFSET_BYTES
/** How full the table gets: fuller ones take longer and longer. */
const FILL_MAX = 0.75
const TWO_TO_32 = 2 ** 32
const TWO_TO_24 = 2 ** 24

/**
 * The newest offset of each key: a table of a fixed size that knows keys by their hashes, so that a million of them take 31 MB
 * whatever their length. Open addressing, in one piece of memory that is made once: one that grew would need both sizes.
 */
export class KeyMap {
  readonly #hash: KeyHash
  /** Of the key that is looked at. */
  readonly #words = new Uint32Array(HASH_BYTES / 4)
  #table: Buffer
  readonly #slots: number
  readonly #keysMax: number
  #keys = 0

  /**
   * @param keys how many there are at most, as far as is known
   * @param bytesMax what the table may have: with more keys it is full before
   * @param hash each of its bits as good as random
   */
  constructor(keys: number, bytesMax: number, hash: KeyHash) {
    const slots = Math.min(Math.floor(bytesMax / SLOT_BYTES), Math.ceil(keys / FILL_MAX))
    // One for a key, and one that stays empty: there every search ends.
    this.#slots = Math.max(2, slots)
    this.#keysMax = Math.floor(this.#slots * FILL_MAX)
    this.#hash = hash
    this.#table = Buffer.alloc(this.#slots * SLOT_BYTES)
  }

  /** What the table has, however many keys are in it. */
  get bytes(): number {
    return this.#table.length
  }

  get keys(): number {
    return this.#keys
  }

  /** For how many more keys there is room. */
  get room(): number {
    return this.#keysMax - this.#keys
  }

  /**
   * Gives its memory back, and is of no more use. Left to V8 it would be there for long after, beside the next pass's map: of all
   * that a pass has it is the largest, and so little lies in its heap that nothing has it collected.
   */
  release(): void {
    const memory = this.#table.buffer as { transfer?: (bytes: number) => unknown }
    this.#table = Buffer.alloc(0)
    // Node 20 has no `transfer`.
    memory.transfer?.(0)
  }

  /** False: there is no room for another key, and it is as before. */
  put(key: Uint8Array, offset: Offset): boolean {
    const at = this.#find(key)
    const known = this.#offsetAt(at)
    if (known === undefined) {
      if (this.#keys === this.#keysMax) return false
      this.#keys += 1
      for (let word = 0; word < this.#words.length; word++)
        this.#table.writeUInt32BE(this.#words[word]!, at + 4 * word)
    }
    if (known === undefined || offset > known) this.#setOffset(at, offset)
    return true
  }

  latest(key: Uint8Array): Offset | undefined {
    return this.#offsetAt(this.#find(key))
  }

  /** Where the key stands, or would; its hash is in `#words` then. Since the table never gets full, the way ends. */
  #find(key: Uint8Array): number {
    const table = this.#table
    const words = this.#words
    this.#hash(key, words)
    let slot = Math.floor((words[0]! / TWO_TO_32) * this.#slots)
    for (;;) {
      const at = slot * SLOT_BYTES
      if (isSame(table, at, words) || isEmpty(table, at)) return at
      slot = slot + 1 === this.#slots ? 0 : slot + 1
    }
  }

  #offsetAt(at: number): Offset | undefined {
    if (isEmpty(this.#table, at)) return undefined
    const high = this.#table.readUInt32BE(at + HASH_BYTES)
    const low = this.#table.readUIntBE(at + HASH_BYTES + 4, 3)
    return toOffset(high * TWO_TO_24 + low - 1)
  }

  #setOffset(at: number, offset: Offset): void {
    const stored = offset + 1
    this.#table.writeUInt32BE(Math.floor(stored / TWO_TO_24), at + HASH_BYTES)
    this.#table.writeUIntBE(stored % TWO_TO_24, at + HASH_BYTES + 4, 3)
  }
}

/** From the offset's lowest byte on, which is the one that is seldom 0. */
function isEmpty(table: Buffer, at: number): boolean {
  for (let byte = SLOT_BYTES - 1; byte >= HASH_BYTES; byte--) if (table[at + byte] !== 0) return false
  return true
}

function isSame(table: Buffer, at: number, words: Uint32Array): boolean {
  for (let word = 0; word < words.length; word++)
    if (table.readUInt32BE(at + 4 * word) !== words[word]) return false
  return true
}
