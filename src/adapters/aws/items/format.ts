import { FORMAT_ATTRIBUTES, FORMAT_ITEM } from '../../../core/storage-layout.ts'
import { encodeStoreFormat, type StoreFormat } from '../../../core/store-format.ts'
import { type Item, itemKey, text } from '../table/attributes.ts'
import { type Expression, words } from '../table/expression.ts'

/** The key of what a store says of itself. */
export function formatItemKey(): Item {
  return itemKey(FORMAT_ITEM.partitionKey, FORMAT_ITEM.sortKey)
}

/** The same line of JSON as in the bucket. */
export function encodeFormatItem(format: StoreFormat): Item {
  const line = new TextDecoder().decode(encodeStoreFormat(format))
  return { ...formatItemKey(), [FORMAT_ATTRIBUTES.statement]: text.write(line) }
}

/** That it says what it said when it was read. */
export function isStillFormat(item: Item): Expression {
  return words`${FORMAT_ATTRIBUTES.statement} = ${item[FORMAT_ATTRIBUTES.statement]!}`
}

/** The line of JSON; empty where it is no such item. */
export function decodeFormatItem(item: Item): Uint8Array {
  return new TextEncoder().encode(item[FORMAT_ATTRIBUTES.statement]?.S ?? '')
}
