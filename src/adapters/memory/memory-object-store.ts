import { copyBytes } from '../../core/bytes.ts'
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

  /** These objects as they look across an unreliable network. A listing is no part of any protocol, and passes untouched. */
  across(network: Network): ObjectStore {
    return {
      put: (key, chunks) => network.write(() => this.put(key, chunks)),
      get: (key, position, bytes) => network.read(() => this.get(key, position, bytes)),
      list: () => this.list(),
      remove: key => network.write(() => this.remove(key)),
    }
  }

  async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    this.#objects.set(key, { bytes: Buffer.concat(chunks), modifiedMs: this.#clock.nowMs() })
  }

  async get(key: string, position: Position, bytes: number): Promise<Uint8Array | undefined> {
    const object = this.#objects.get(key)
    // A Buffer's own slice would be a view of what is stored.
    return object && copyBytes(object.bytes, position, position + bytes)
  }

  async *list(): AsyncGenerator<ObjectInfo> {
    for (const [key, { bytes, modifiedMs }] of [...this.#objects])
      yield { key, bytes: bytes.length, modifiedMs }
  }

  async remove(key: string): Promise<void> {
    this.#objects.delete(key)
  }
}
