import { MemoryObjectStore } from '../../src/adapters/memory/memory-object-store.ts'

/** Objects in memory, of which somebody hears at the moment at which one is removed. */
export class WatchedObjects extends MemoryObjectStore {
  /** The whole of each. */
  readonly #bytes = new Map<string, Uint8Array>()
  readonly #observers: ((key: string) => void)[] = []

  /** Lets `observer` hear of every object that is removed from now on, right after it has gone. */
  onRemoval(observer: (key: string) => void): void {
    this.#observers.push(observer)
  }

  has(key: string): boolean {
    return this.#bytes.has(key)
  }

  keys(): IterableIterator<string> {
    return this.#bytes.keys()
  }

  /** The whole object, which nobody may change. */
  bytesOf(key: string): Uint8Array | undefined {
    return this.#bytes.get(key)
  }

  override async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    this.#bytes.set(key, Buffer.concat(chunks))
    await super.put(key, chunks)
  }

  override async remove(key: string): Promise<void> {
    const isThere = this.#bytes.delete(key)
    await super.remove(key)
    if (isThere) for (const observe of this.#observers) observe(key)
  }

  override async removeAll(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.remove(key)
  }
}
