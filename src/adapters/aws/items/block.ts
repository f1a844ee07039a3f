import { type Block, decodeBlock, encodeBlock } from '../../../core/log/block.ts'
import { BLOCK_ATTRIBUTES, blockKey, logKey, parseBlockKey } from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { bytes, type Item, itemKey, sortKeyOf } from '../table/attributes.ts'
import { goneOr } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const NAME = BLOCK_ATTRIBUTES.encoded

export function encodeBlockItem(partition: PartitionId, block: Block): Item {
  return {
    ...itemKey(logKey(partition), blockKey(block.baseOffset)),
    [NAME]: bytes.write(encodeBlock(block)),
  }
}

/** That none stands there, or exactly this one. */
export function isStillBlock(block: Block): Expression {
  return goneOr(words`${NAME} = ${bytes.write(encodeBlock(block))}`)
}

/** @throws RangeError when the item is no block of a version that is known */
export function decodeBlockItem(item: Item): Block {
  return decodeBlock(parseBlockKey(sortKeyOf(item)), bytes.read(item[NAME], NAME))
}
