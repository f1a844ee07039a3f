import type { Items } from './items.ts'

/** What an item was before a change, and what it became; undefined: it stays as it is. */
export interface Changed<T> {
  readonly standing: T | undefined
  readonly changed: T | undefined
}

/** How one kind of items is written as bytes, and changed by what the bytes mean. */
export class Form<T> {
  readonly encode: (value: T) => Uint8Array
  /** @throws RangeError, SyntaxError where the bytes are damaged */
  readonly decode: (bytes: Uint8Array) => T

  constructor(encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => T) {
    this.encode = encode
    this.decode = decode
  }

  async read(items: Items, key: string): Promise<T | undefined> {
    const bytes = await items.get(key)
    return bytes && this.decode(bytes)
  }

  async *readAll(items: Items, start: string, end: string): AsyncGenerator<T> {
    for (const { value } of await items.range(start, end)) yield this.decode(value)
  }

  async put(items: Items, key: string, value: T): Promise<void> {
    await items.update(key, () => ({ put: this.encode(value), answer: undefined }))
  }

  /** `change` is as that of `Items.update`; undefined leaves the item as it is. */
  async change(
    items: Items,
    key: string,
    change: (standing: T | undefined) => T | undefined,
  ): Promise<Changed<T>> {
    return await items.update(key, bytes => {
      const standing = bytes && this.decode(bytes)
      const changed = change(standing)
      return { put: changed && this.encode(changed), answer: { standing, changed } }
    })
  }

  /** Removes an item on a condition. Tells what stood there, and whether it was removed. */
  async removeIf(
    items: Items,
    key: string,
    condition: (standing: T) => boolean,
  ): Promise<{ standing: T | undefined; isRemoved: boolean }> {
    return await items.update(key, bytes => {
      const standing = bytes && this.decode(bytes)
      const isRemoved = standing !== undefined && condition(standing)
      return { isRemoved, answer: { standing, isRemoved } }
    })
  }
}

/** Items as JSON. */
export function jsonForm<T>(): Form<T> {
  return new Form<T>(
    value => Buffer.from(JSON.stringify(value)),
    bytes => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as T,
  )
}
