import { decodeSegment, encodeSegment, type Level, type Segment } from '../../../core/log/settled/segment.ts'
import type { Offset } from '../../../core/numbers.ts'
import { levelKey, logKey, parseLevelKey, SEGMENT_ATTRIBUTES } from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import type { PlacedSegment } from '../../../ports/log-index.ts'
import { bytes, type Item, itemKey, sortKeyOf } from '../table/attributes.ts'
import { goneOr } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const NAME = SEGMENT_ATTRIBUTES.encoded

export function segmentItemKey(partition: PartitionId, level: Level, baseOffset: Offset): Item {
  return itemKey(logKey(partition), levelKey(level, baseOffset))
}

export function encodeSegmentItem(partition: PartitionId, level: Level, segment: Segment): Item {
  return {
    ...segmentItemKey(partition, level, segment.baseOffset),
    [NAME]: bytes.write(encodeSegment(segment)),
  }
}

/** @throws RangeError when the item is no segment of a version that is known */
export function decodeSegmentItem(item: Item): PlacedSegment {
  const { level, baseOffset } = parseLevelKey(sortKeyOf(item))
  return { level, segment: decodeSegment(baseOffset, bytes.read(item[NAME], NAME)) }
}

/** That exactly this one stands there, or none. */
export function isStillSegment(segment: Segment): Expression {
  return goneOr(words`${NAME} = ${bytes.write(encodeSegment(segment))}`)
}
