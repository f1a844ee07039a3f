import type { PartName } from '../../../core/group/classic/parts.ts'
import { groupKey, PART_ATTRIBUTES, parsePartKey, partKey } from '../../../core/storage-layout.ts'
import { bytes, type Item, itemKey, sortKeyOf } from '../table/attributes.ts'

const NAME = PART_ATTRIBUTES.encoded

export function partItemKey(groupId: string, name: PartName): Item {
  return itemKey(groupKey(groupId), partKey(name))
}

export function encodePartItem(groupId: string, name: PartName, content: Uint8Array): Item {
  return { ...partItemKey(groupId, name), [NAME]: bytes.write(content) }
}

/** @throws RangeError when the item is no part */
export function decodePartItem(item: Item): { name: PartName; bytes: Uint8Array } {
  return { name: parsePartKey(sortKeyOf(item)), bytes: bytes.read(item[NAME], NAME) }
}
