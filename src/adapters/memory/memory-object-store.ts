import { copyBytes } from '../../core/bytes.ts'
import { compareKeys } from '../../core/key-order.ts'
import type { Position } from '../../core/numbers.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts'
import type { Network } from './network.ts'

/** Objects in memory. */
export class MemoryObjectStore implements ObjectStore {
  readonly #clock: Clock
  readonly #objects = new Map<string, { readonly bytes: Uint8Array; readonly modifiedMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** These objects as they look across an unreliable network, where each call is one step, also what S3 makes of several requests. */
  across(network: Network): ObjectStore {
    return {
      put: (key, chunks) => network.write(() => this.put(key, chunks)),
      putLarge: async (key, chunks) => {
        const whole = await gather(chunks)
        await network.write(() => this.put(key, [whole]))
        return whole.length
      },
      get: (key, position, bytes, into) => network.read(() => this.get(key, position, bytes, into)),
      list: (prefix, below) => this.#listAcross(network, prefix, below),
      remove: key => network.write(() => this.remove(key)),
      removeAll: keys => network.write(() => this.removeAll(keys)),
    }
  }

  async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    this.#objects.set(key, { bytes: Buffer.concat(chunks), modifiedMs: this.#clock.nowMs() })
  }

  async putLarge(key: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const whole = await gather(chunks)
    await this.put(key, [whole])
    return whole.length
  }

  async get(
    key: string,
    position: Position,
    bytes: number,
    into?: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const object = this.#objects.get(key)
    if (!object) return undefined
    // A Buffer's own slice would be a view of what is stored.
    if (!into) return copyBytes(object.bytes, position, position + bytes)
    const found = object.bytes.subarray(position, position + bytes)
    into.set(found)
    return into.subarray(0, found.length)
  }

  async *list(prefix = '', below?: string): AsyncGenerator<ObjectInfo> {
    yield* this.#listed(prefix, below)
  }

  async remove(key: string): Promise<void> {
    this.#objects.delete(key)
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#objects.delete(key)
  }

  async *#listAcross(network: Network, prefix = '', below?: string): AsyncGenerator<ObjectInfo> {
    yield* await network.read(async () => this.#listed(prefix, below))
  }

  #listed(prefix: string, below: string | undefined): ObjectInfo[] {
    return [...this.#objects]
      .filter(([key]) => key.startsWith(prefix) && (below === undefined || compareKeys(key, below) < 0))
      .sort(([left], [right]) => compareKeys(left, right))
      .map(([key, { bytes, modifiedMs }]) => ({ key, bytes: bytes.length, modifiedMs }))
  }
}

/** The chunks in one piece; none is looked at any more once the next one is there. */
async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = []
  for await (const chunk of chunks) copies.push(new Uint8Array(chunk))
  return Buffer.concat(copies)
}
