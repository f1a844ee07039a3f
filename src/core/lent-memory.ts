import { LENT_BYTES_MAX, LENT_BYTES_MIN } from './limits.ts'

/**
 * Memory that is used again and again for what is answered: buffers that are made anew for each answer are collected late, with
 * all of the heap looked through each time, since V8 counts what lies outside of it.
 *
 * ```ts
 * const pool = new MemoryPool(8 * 1024 * 1024)
 * const memory = pool.lend()
 * const { chunks } = await memory.use(() => broker.fetch({ topic, partition, offset, memory }))
 * for (const record of chunks.flatMap(decodeBatches)) count(record)
 * memory.leave() // what is used again from now on: nobody looks at the chunks any more, nor at the records' values
 * ```
 */
export class MemoryPool {
  readonly #bytesMax: number
  readonly #leastBytes: number
  readonly #idle = new Map<number, Uint8Array[]>()
  #idleBytes = 0

  /**
   * @param bytesMax what is kept while nobody has it
   * @param leastBytes what is smaller is not kept
   */
  constructor(bytesMax: number, leastBytes = LENT_BYTES_MIN) {
    this.#bytesMax = bytesMax
    this.#leastBytes = leastBytes
  }

  /** What is kept. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  /** For one answer. */
  lend(): LentMemory {
    return new LentMemory(this)
  }

  /** So many bytes or somewhat more, in which anything may stand. */
  take(bytes: number): Uint8Array {
    const size = this.#isLent(bytes) ? sizeFor(bytes) : bytes
    const idle = this.#idle.get(size)
    const memory = idle?.pop()
    // Not of a slab that others have a part of.
    if (!idle || !memory) return Buffer.allocUnsafeSlow(size)
    this.#idleBytes -= size
    this.#keep(size, idle)
    return memory
  }

  /** Nobody reads or writes there any more. */
  giveBack(memory: Uint8Array): void {
    const { length: size } = memory
    if (!this.#isLent(size) || size > this.#bytesMax) return
    const idle = this.#idle.get(size) ?? []
    idle.push(memory)
    this.#idleBytes += size
    this.#keep(size, idle)
    // Of what nobody has asked for in longest, or it would be all there is once other sizes are wanted.
    for (const [other, oldest] of this.#idle) {
      while (this.#idleBytes > this.#bytesMax && oldest.pop()) this.#idleBytes -= other
      if (this.#idleBytes <= this.#bytesMax) break
    }
  }

  /** As the last one in the order in which sizes were used. */
  #keep(size: number, idle: Uint8Array[]): void {
    this.#idle.delete(size)
    if (idle.length > 0) this.#idle.set(size, idle)
  }

  #isLent(bytes: number): boolean {
    return bytes >= this.#leastBytes && bytes <= LENT_BYTES_MAX
  }
}

/** What one answer lies in, until all who look at it have left. */
export class LentMemory {
  readonly #pool: MemoryPool
  /** Where nobody writes any more but who reads the answer. */
  #settled: Uint8Array[] = []
  /** Whoever lent it, and those who make the answer. */
  #users = 1
  /** Whether somebody may still write there, of whom nobody hears. */
  #isLost = false

  constructor(pool: MemoryPool) {
    this.#pool = pool
  }

  /** Makes the answer. Where that fails, its memory is not used again: some of what was begun may still go on. */
  async use<T>(make: () => Promise<T>): Promise<T> {
    this.#users += 1
    try {
      return await make()
    } catch (error) {
      this.#isLost = true
      throw error
    } finally {
      this.leave()
    }
  }

  /** Nobody looks at the answer any more; to be said once by whoever lent it. */
  leave(): void {
    this.#users -= 1
    if (this.#users > 0) return
    if (!this.#isLost) for (const memory of this.#settled) this.#pool.giveBack(memory)
    this.#settled = []
  }

  /** Memory for so many bytes. */
  take(bytes: number): Uint8Array {
    const memory = this.#pool.take(bytes)
    this.#settled.push(memory)
    return memory.subarray(0, bytes)
  }

  /**
   * Reads so many bytes.
   * @param read where it rejects, or never settles, the memory is not used again: somebody may still write there
   */
  async read<T>(bytes: number, read: (into: Uint8Array) => Promise<T>): Promise<T> {
    const memory = this.#pool.take(bytes)
    const found = await read(memory.subarray(0, bytes))
    this.#settled.push(memory)
    return found
  }
}

/** Of four sizes between one power of two and the next, so that memory fits many. */
function sizeFor(bytes: number): number {
  const step = 2 ** (29 - Math.clz32(bytes - 1))
  return Math.ceil(bytes / step) * step
}
