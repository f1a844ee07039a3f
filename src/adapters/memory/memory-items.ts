import { copyBytes } from '../../core/bytes.ts'
import { type Change, type Changes, type Item, type Items, ofOne } from '../items/items.ts'
import type { Network } from './network.ts'
import { SortedKeys } from './sorted-keys.ts'

/** Hears of each change at the moment at which it is made. Undefined: there was no item, or there is none any more. */
export type ItemObserver = (
  key: string,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
) => void

/** Items in memory. Bytes are copied on their way in and out, so that nobody can change what stands there. */
export class MemoryItems implements Items {
  readonly #keys = new SortedKeys()
  readonly #values = new Map<string, Uint8Array>()
  readonly #observers: ItemObserver[] = []

  /** Lets `observer` hear of every change from now on. What it gets it must not change. */
  observe(observer: ItemObserver): void {
    this.#observers.push(observer)
  }

  /** These items as they look across an unreliable network. */
  across(network: Network): Items {
    return {
      get: key => network.read(() => this.get(key)),
      range: (...bounds) => network.read(() => this.range(...bounds)),
      lastUpTo: (first, last) => network.read(() => this.lastUpTo(first, last)),
      update: (key, change) => network.write(() => this.update(key, change)),
      updateAll: (keys, change) => network.write(() => this.updateAll(keys, change)),
      removeRange: (start, end) => network.write(() => this.removeRange(start, end)),
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(key)
  }

  async range(start: string, end: string, limit?: number): Promise<Item[]> {
    return this.#keys.range(start, end, limit).map(key => this.#item(key))
  }

  async lastUpTo(first: string, last: string): Promise<Item | undefined> {
    const key = this.#keys.lastUpTo(first, last)
    return key === undefined ? undefined : this.#item(key)
  }

  async update<T>(key: string, change: (standing: Uint8Array | undefined) => Change<T>): Promise<T> {
    return await this.updateAll([key], ofOne(change))
  }

  async updateAll<T>(
    keys: readonly string[],
    change: (standing: readonly (Uint8Array | undefined)[]) => Changes<T>,
  ): Promise<T> {
    const { changes, answer } = change(keys.map(key => this.#read(key)))
    for (const [index, key] of keys.entries()) {
      const { put, isRemoved } = changes[index] ?? {}
      if (put) this.#set(key, copyBytes(put))
      else if (isRemoved) this.#set(key, undefined)
    }
    return answer
  }

  async removeRange(start: string, end: string): Promise<void> {
    for (const key of this.#keys.range(start, end)) this.#set(key, undefined)
  }

  #read(key: string): Uint8Array | undefined {
    const value = this.#values.get(key)
    return value && copyBytes(value)
  }

  #item(key: string): Item {
    return { key, value: this.#read(key)! }
  }

  #set(key: string, after: Uint8Array | undefined): void {
    const before = this.#values.get(key)
    if (after) {
      this.#values.set(key, after)
      if (!before) this.#keys.add(key)
    } else if (before) {
      this.#values.delete(key)
      this.#keys.remove(key)
    }
    if (before || after) for (const observe of this.#observers) observe(key, before, after)
  }
}
