import { TABLE_SCAN_PAGE_ITEMS } from '../../../core/limits.ts'
import { mergeRetired } from '../../../core/log/changes/put-producer.ts'
import { EMPTY_HEAD, type Head } from '../../../core/log/head.ts'
import { sequenceSteps } from '../../../core/log/producers/producer-state.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import {
  blockKey,
  GROUP_END,
  GROUP_PREFIX,
  HEAD_KEY,
  LOG_END,
  LOG_PREFIX,
  logKey,
  parseLogKey,
} from '../../../core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../core/topic/partition-id.ts'
import { meaningOf } from '../../../ports/damaged-item.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import { decodeBlockItem, encodeBlockItem } from '../items/block.ts'
import {
  appendUpdate,
  closedHeadItem,
  decodeOpenHeadItem,
  encodeHeadItem,
  headItemKey,
  IS_NOT_CLOSED,
  isClosedItem,
  startUpdate,
  trimUpdate,
} from '../items/head.ts'
import { decodeProducerItem, encodeProducerItem, isStill, producerItemKey } from '../items/producer.ts'
import { type Item, itemKey, partitionKeyOf, sortKeyOf } from './attributes.ts'
import { between, NO_ITEM, under } from './conditions.ts'
import type { Checked, DynamoTable } from './dynamo-table.ts'
import type { Expression } from './expression.ts'

const FIRST_OFFSET = toOffset(0)
const LAST_OFFSET = toOffset(Number.MAX_SAFE_INTEGER)

/** The index in a DynamoDB table. An append is one UpdateItem and nothing else. */
export function dynamoLogIndex(table: DynamoTable): LogIndex {
  return {
    async createHead(partition) {
      const { held, item } = await table.put(encodeHeadItem(partition, EMPTY_HEAD), NO_ITEM)
      return held || !isClosedItem(item)
    },
    isRemoved: async partition => isClosedItem(await table.get(headItemKey(partition))),
    readHead: async partition => await table.read(headItemKey(partition), decodeOpenHeadItem),

    async append(partition, entry, seen, newcomers) {
      const steps = sequenceSteps(entry.producers)
      // Where its producers leave gaps within it, no head can take it.
      const { held, item } = steps
        ? await table.update(headItemKey(partition), appendUpdate(entry, seen, steps, newcomers))
        : { held: false, item: await table.get(headItemKey(partition)) }
      const head = item && decodeOpenHeadItem(item)
      return head ? { kind: held ? 'appended' : 'refused', head } : { kind: 'missing' }
    },

    async putBlock(partition, block) {
      const { held, item } = await table.put(encodeBlockItem(partition, block), NO_ITEM)
      if (!item) throw new RangeError('DynamoDB refused a block without telling which one stands')
      return held ? block : decodeBlockItem(item)
    },

    async trimTail(partition, block, changes) {
      const trimmed = await table.update(headItemKey(partition), trimUpdate(block, changes))
      return trimmed.held ? headOf(trimmed) : undefined
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

    async readBlocks(partition, offset, limit) {
      const last = await lastOf(table, partition, offset, decodeBlockItem)
      const blocks = last ? [last] : []
      const from = last ? toOffset(last.baseOffset + 1) : FIRST_OFFSET
      const left = limit - blocks.length
      if (left <= 0) return blocks
      const following = blocksBetween(partition, from, LAST_OFFSET)
      for await (const block of table.list(following, decodeBlockItem, { limit: left })) blocks.push(block)
      return blocks
    },

    // Where it is refused, the very head that refused it.
    moveStart: async (partition, startOffset) =>
      headOf(await table.update(headItemKey(partition), startUpdate(startOffset))),

    async removeBlocksBelow(partition, offset) {
      const last = await lastOf(table, partition, offset, sortKeyOf, true)
      if (last === undefined) return
      await table.removeFound(blocksBetween(partition, FIRST_OFFSET, offset), key => sortKeyOf(key) === last)
    },

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

/** What is wanted of the last block at or below an offset. */
async function lastOf<Read>(
  table: DynamoTable,
  partition: PartitionId,
  offset: Offset,
  decode: (item: Item) => Read,
  keysOnly = false,
): Promise<Read | undefined> {
  const blocks = blocksBetween(partition, FIRST_OFFSET, offset)
  const newest = { descending: true, limit: 1, ...(keysOnly && { keysAnd: '' }) }
  for await (const last of table.list(blocks, decode, newest)) return last
  return undefined
}

/** Both offsets included. */
function blocksBetween(partition: PartitionId, first: Offset, last: Offset): Expression {
  return between(logKey(partition), blockKey(first), blockKey(last))
}

/** Where a scan goes on behind all items of a log or of a group. */
function pastItems(key: Item): Item {
  const partition = partitionKeyOf(key)
  if (partition.startsWith(LOG_PREFIX)) return itemKey(partition, LOG_END)
  return partition.startsWith(GROUP_PREFIX) ? itemKey(partition, GROUP_END) : key
}

function headOf({ item }: Checked): Head | undefined {
  return item && decodeOpenHeadItem(item)
}
