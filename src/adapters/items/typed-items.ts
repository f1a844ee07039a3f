import { meaningOf } from '../../ports/damaged-item.ts'
import { endOf, type Items, type Lasting } from './items.ts'
import type { Remembered } from './remembered.ts'

const PAGE_ITEMS = 1_000

/** Items of one kind, read and changed by what their bytes mean. Those whose bytes mean nothing are a StoreFailed. */
export class TypedItems<T> {
  readonly #items: Items
  readonly #encode: (value: T) => Uint8Array
  readonly #decode: (bytes: Uint8Array, key: string) => T
  readonly #remembered: Remembered<T> | undefined

  /** @param remembered for items that are read and changed often, each by what it was before */
  constructor(
    items: Items,
    encode: (value: T) => Uint8Array = encodeJson,
    decode: (bytes: Uint8Array, key: string) => T = decodeJson,
    remembered?: Remembered<T>,
  ) {
    this.#items = items
    this.#encode = encode
    this.#decode = decode
    this.#remembered = remembered
  }

  /** @throws StoreFailed where they mean nothing */
  meaning(bytes: Uint8Array, key: string): T {
    const known = this.#remembered?.find(key, bytes)
    if (known !== undefined) return known
    const value = meaningOf(key, () => this.#decode(bytes, key))
    this.#remembered?.note(key, bytes, value)
    return value
  }

  /** As it is to stand there. */
  bytesOf(key: string, value: T): Uint8Array {
    const bytes = this.#encode(value)
    this.#remembered?.note(key, bytes, value)
    return bytes
  }

  async read(key: string): Promise<T | undefined> {
    const bytes = await this.#items.get(key)
    return bytes && this.meaning(bytes, key)
  }

  async range(start: string, end: string, limit?: number): Promise<T[]> {
    return (await this.#items.range(start, end, limit)).map(({ key, value }) => this.meaning(value, key))
  }

  /** As `range`, a page at a time: for what may be many. */
  async *pages(start: string, end: string): AsyncGenerator<T> {
    let from = start
    for (;;) {
      const page = await this.#items.range(from, end, PAGE_ITEMS)
      for (const { key, value } of page) yield this.meaning(value, key)
      if (page.length < PAGE_ITEMS) return
      // No key has anything that sorts below a blank.
      from = `${page.at(-1)!.key} `
    }
  }

  /** Those whose keys begin so. */
  async *all(prefix: string): AsyncGenerator<T> {
    yield* await this.range(prefix, endOf(prefix))
  }

  async put(key: string, value: T): Promise<void> {
    await this.#items.update(key, () => ({ put: this.#encode(value), answer: undefined }))
  }

  /**
   * Changes one item as `Items.update` does; undefined leaves it as it is. Tells what stood there, and what it became where
   * it was changed.
   */
  async change(
    key: string,
    change: (standing: T | undefined) => T | undefined,
    lasting: Lasting = 'at once',
  ): Promise<{ readonly standing: T | undefined; readonly changed: T | undefined }> {
    const update = (bytes: Uint8Array | undefined) => {
      const standing = bytes && this.meaning(bytes, key)
      const changed = change(standing)
      const put = changed && this.bytesOf(key, changed)
      return { put, answer: { standing, changed } }
    }
    return await this.#items.update(key, update, lasting)
  }

  /** Removes an item where one stands and the condition holds. `kept`: there is one, and it does not. */
  async remove(key: string, condition: (standing: T) => boolean): Promise<'removed' | 'kept' | 'missing'> {
    return await this.#items.update(key, bytes => {
      if (!bytes) return { answer: 'missing' }
      const isRemoved = condition(this.meaning(bytes, key))
      return { isRemoved, answer: isRemoved ? 'removed' : 'kept' }
    })
  }
}

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

/** @throws SyntaxError */
export function decodeJson<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as T
}
