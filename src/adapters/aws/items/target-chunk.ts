import { decodeTargetChunk, encodeTargetChunk, type TargetChunk } from '../../../core/group/target-chunk.ts'
import { groupKey, TARGET_CHUNK_ATTRIBUTES, targetChunkKey } from '../../../core/storage-layout.ts'
import { encoded, type Item, itemKey } from '../table/attributes.ts'

const NAME = TARGET_CHUNK_ATTRIBUTES.encoded
const chunkOfShares = encoded<TargetChunk>(encodeTargetChunk, decodeTargetChunk)

export function targetChunkItemKey(groupId: string, targetId: string, chunk: number): Item {
  return itemKey(groupKey(groupId), targetChunkKey(targetId, chunk))
}

export function encodeTargetChunkItem(
  groupId: string,
  targetId: string,
  chunk: number,
  shares: TargetChunk,
): Item {
  return { ...targetChunkItemKey(groupId, targetId, chunk), [NAME]: chunkOfShares.write(shares) }
}

/** @throws RangeError when the item is no target chunk of a version that is known */
export function decodeTargetChunkItem(item: Item): TargetChunk {
  return chunkOfShares.read(item[NAME], NAME)
}
