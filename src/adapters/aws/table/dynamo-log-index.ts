import { TABLE_SCAN_PAGE_ITEMS, TABLE_WRITE_UNIT_BYTES } from '../../../core/limits.ts'
import { mergeRetired } from '../../../core/log/changes/put-producer.ts'
import { EMPTY_HEAD } from '../../../core/log/head.ts'
import { sequenceSteps } from '../../../core/log/producers/producer-state.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import {
  blockKey,
  GROUP_END,
  GROUP_PREFIX,
  HEAD_KEY,
  LOG_END,
  LOG_PREFIX,
  levelKey,
  logKey,
  parseLogKey,
} from '../../../core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../core/topic/partition-id.ts'
import { meaningOf } from '../../../ports/damaged-item.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import { decodeBlockItem, encodeBlockItem, isStillBlock } from '../items/block.ts'
import {
  appendUpdate,
  closedHeadItem,
  decodeOpenHeadItem,
  encodeHeadItem,
  headIn,
  headItemKey,
  IS_NOT_CLOSED,
  isClosedItem,
  startUpdate,
  trimUpdate,
} from '../items/head.ts'
import { decodeProducerItem, encodeProducerItem, isStill, producerItemKey } from '../items/producer.ts'
import { decodeSegmentItem } from '../items/segment.ts'
import { type Item, itemKey, partitionKeyOf, sortKeyOf } from './attributes.ts'
import { between, NO_ITEM, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'
import type { Expression } from './expression.ts'
import { itemBytes } from './item-bytes.ts'

const FIRST_OFFSET = toOffset(0)
const LAST_OFFSET = toOffset(Number.MAX_SAFE_INTEGER)

/** The index in a DynamoDB table. An append is one UpdateItem and nothing else. */
export function dynamoLogIndex(table: DynamoTable): LogIndex {
  const levels = async () => (await import('./dynamo-seldom.ts')).dynamoLevels(table)
  return {
    async createHead(partition, floor) {
      const made = { ...EMPTY_HEAD, appendFloor: floor, drained: floor }
      const { held, item } = await table.put(encodeHeadItem(partition, made), NO_ITEM)
      return held ? floor : item && decodeOpenHeadItem(item)?.appendFloor
    },
    isRemoved: async partition => isClosedItem(await table.get(headItemKey(partition))),
    readHead: async partition => await table.read(headItemKey(partition), decodeOpenHeadItem),

    headCost: {
      unitBytes: TABLE_WRITE_UNIT_BYTES,
      bytesOf: (partition, head) => itemBytes(encodeHeadItem(partition, head)),
    },

    async append(partition, entry, seen, newcomers, cut) {
      const steps = sequenceSteps(entry.producers)
      // Where its producers leave gaps within it, no head can take it.
      const { held, item } = steps
        ? await table.update(headItemKey(partition), appendUpdate(entry, seen, steps, newcomers, cut))
        : { held: false, item: await table.get(headItemKey(partition)) }
      const head = item && decodeOpenHeadItem(item)
      return head ? { kind: held ? 'appended' : 'refused', head } : { kind: 'missing' }
    },

    // What only transactions need, no other function need carry.
    appendDecided: async (...given) =>
      await (await import('./dynamo-seldom.ts')).appendDecided(table, ...given),

    async putBlock(partition, block, over) {
      const when = over ? isStillBlock(over) : NO_ITEM
      const { held, item } = await table.put(encodeBlockItem(partition, block), when)
      if (!item) throw new RangeError('DynamoDB refused a block without telling which one stands')
      return held ? block : decodeBlockItem(item)
    },

    async trimTail(partition, block, changes, movedEpoch) {
      const update = trimUpdate(block, changes, movedEpoch)
      const trimmed = await table.update(headItemKey(partition), update)
      return trimmed.held ? headIn(trimmed.item) : undefined
    },

    /** Drops nothing: the table's time to live does. */
    async putProducer(partition, producerId, producer) {
      // Most producers have no item yet, so a read before the first try would most often be in vain.
      let standing: Item | undefined
      for (;;) {
        const merged = mergeRetired(standing && decodeProducerItem(standing), producer)
        if (!merged) return
        const when = standing ? isStill(standing) : NO_ITEM
        const put = await table.put(encodeProducerItem(partition, producerId, merged), when)
        if (put.held) return
        standing = put.item
      }
    },
    readProducer: async (partition, producerId) =>
      await table.read(producerItemKey(partition, producerId), decodeProducerItem),

    /** The table's time to live does. */
    async dropExpiredProducers() {},

    async readBlocks(partition, offset, limit) {
      const between = (first: Offset, last: Offset) => blocksBetween(partition, first, last)
      return await lastAndFollowing(table, between, offset, limit, decodeBlockItem, block => block)
    },

    // Where it is refused, the very head that refused it.
    moveStart: async (partition, startOffset) =>
      headIn((await table.update(headItemKey(partition), startUpdate(startOffset))).item),

    async removeBlocksBelow(partition, offset) {
      if (offset === FIRST_OFFSET) return
      await table.removeFound(blocksBetween(partition, FIRST_OFFSET, toOffset(offset - 1)))
    },

    async readSegments(partition, level, offset, limit) {
      const between = (first: Offset, last: Offset) =>
        itemsBetween(partition, levelKey(level, first), levelKey(level, last))
      const found = await lastAndFollowing(
        table,
        between,
        offset,
        limit,
        decodeSegmentItem,
        ({ segment }) => segment,
      )
      return found.map(({ segment }) => segment)
    },
    // The rest only who settles needs, and no other function need carry it.
    putSegment: async (...given) => await (await levels()).putSegment(...given),
    removeSegment: async (...given) => await (await levels()).removeSegment(...given),
    async *segments(partition) {
      yield* (await levels()).segments(partition)
    },
    raiseFloor: async (...given) => await (await levels()).raiseFloor(...given),
    noteDrained: async (...given) => await (await levels()).noteDrained(...given),
    rearrange: async (...given) => await (await levels()).rearrange(...given),

    async removePartition(partition) {
      await table.put(closedHeadItem(partition))
      await table.removeFound(under(logKey(partition)), key => sortKeyOf(key) === HEAD_KEY)
    },

    async *partitions() {
      const given = new Set<string>()
      let startKey: Item | undefined
      do {
        const { keys, lastKey } = await table.scanPartitionKeys(
          startKey,
          TABLE_SCAN_PAGE_ITEMS,
          IS_NOT_CLOSED,
        )
        for (const key of keys) {
          const log = partitionKeyOf(key)
          if (!log.startsWith(LOG_PREFIX)) continue
          const partition = meaningOf(log, () => parseLogKey(log))
          if (given.has(partitionKey(partition))) continue
          given.add(partitionKey(partition))
          yield partition
        }
        startKey = lastKey && pastItems(lastKey)
      } while (startKey)
    },
  }
}

/** What the last item at or below an offset holds, and those that follow it, in order, at most `limit`. */
async function lastAndFollowing<Read>(
  table: DynamoTable,
  between: (first: Offset, last: Offset) => Expression,
  offset: Offset,
  limit: number,
  decode: (item: Item) => Read,
  baseOf: (read: Read) => { readonly baseOffset: Offset },
): Promise<Read[]> {
  const found: Read[] = []
  const newest = { descending: true, limit: 1 }
  for await (const last of table.list(between(FIRST_OFFSET, offset), decode, newest)) found.push(last)
  const from = found[0] ? toOffset(baseOf(found[0]).baseOffset + 1) : FIRST_OFFSET
  const left = limit - found.length
  if (left <= 0) return found
  const following = table.list(between(from, LAST_OFFSET), decode, { limit: left })
  for await (const next of following) found.push(next)
  return found
}

/** Both offsets included. */
function blocksBetween(partition: PartitionId, first: Offset, last: Offset): Expression {
  return itemsBetween(partition, blockKey(first), blockKey(last))
}

function itemsBetween(partition: PartitionId, first: string, last: string): Expression {
  return between(logKey(partition), first, last)
}

/** Where a scan goes on behind all items of a log or of a group. */
function pastItems(key: Item): Item {
  const partition = partitionKeyOf(key)
  if (partition.startsWith(LOG_PREFIX)) return itemKey(partition, LOG_END)
  return partition.startsWith(GROUP_PREFIX) ? itemKey(partition, GROUP_END) : key
}
