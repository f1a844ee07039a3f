import { applyMove } from '../../../core/log/changes/rearrange.ts'
import { levelPrefix, logKey, MERGED_PREFIX } from '../../../core/storage-layout.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import { decodeOpenHeadItem, headIn, headItemKey } from '../items/head.ts'
import { drainedUpdate, floorUpdate, moveUpdate } from '../items/head-moves.ts'
import { decodeSegmentItem, encodeSegmentItem, isStillSegment, segmentItemKey } from '../items/segment.ts'
import { NO_ITEM, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** What only whoever settles logs asks of an index. */
export type Levels = Pick<
  LogIndex,
  'raiseFloor' | 'noteDrained' | 'putSegment' | 'removeSegment' | 'segments' | 'rearrange'
>

/** That part of an index in a DynamoDB table. */
export function dynamoLevels(table: DynamoTable): Levels {
  return {
    async raiseFloor(partition, floor, seen) {
      const drained = seen && (await table.update(headItemKey(partition), floorUpdate(floor, seen)))
      const before = drained && headIn(drained.item)
      if (drained && (drained.held || !before || before.appendFloor >= floor)) return before
      return headIn((await table.update(headItemKey(partition), floorUpdate(floor))).item)
    },
    async noteDrained(partition, drained) {
      const noted = await table.update(headItemKey(partition), drainedUpdate(drained))
      return noted.held || (headIn(noted.item)?.drained ?? -1) >= drained
    },

    async putSegment(partition, level, segment) {
      const { held, item } = await table.put(encodeSegmentItem(partition, level, segment), NO_ITEM)
      if (!item) throw new RangeError('DynamoDB refused a segment without telling which one stands')
      return held ? segment : decodeSegmentItem(item).segment
    },
    async removeSegment(partition, level, segment) {
      await table.remove(segmentItemKey(partition, level, segment.baseOffset), isStillSegment(segment))
    },
    async *segments(partition) {
      for (const prefix of [MERGED_PREFIX, levelPrefix('rolled')]) {
        yield* table.list(under(logKey(partition), prefix), decodeSegmentItem)
      }
    },

    async rearrange(partition, move) {
      let head = await table.read(headItemKey(partition), decodeOpenHeadItem)
      while (head) {
        const after = applyMove(head, move)
        if (!after) return { moved: false, head }
        const made = await table.update(headItemKey(partition), moveUpdate(head, after))
        head = headIn(made.item)
        if (made.held && head) return { moved: true, head }
      }
      return undefined
    },
  }
}
