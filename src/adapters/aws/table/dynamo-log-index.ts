import { TABLE_SCAN_PAGE_ITEMS } from '../../../core/limits.ts'
import type { Block } from '../../../core/log/block.ts'
import { mergeRetired } from '../../../core/log/changes/put-producer.ts'
import type { IndexEntry } from '../../../core/log/entry.ts'
import { EMPTY_HEAD, type Head } from '../../../core/log/head.ts'
import type { FlushedProducer } from '../../../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../../../core/log/producers/fold-producers.ts'
import { sequenceSteps } from '../../../core/log/producers/producer-state.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import {
  blockKey,
  GROUP_END,
  GROUP_PREFIX,
  LOG_END,
  LOG_PREFIX,
  logKey,
  parseLogKey,
} from '../../../core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../core/topic/partition-id.ts'
import { meaningOf } from '../../../ports/damaged-item.ts'
import type { AppendOutcome, LogIndex } from '../../../ports/log-index.ts'
import { decodeBlockItem, encodeBlockItem } from '../items/block.ts'
import {
  appendUpdate,
  decodeHeadItem,
  encodeHeadItem,
  headItemKey,
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
export class DynamoLogIndex implements LogIndex {
  readonly #table: DynamoTable

  constructor(table: DynamoTable) {
    this.#table = table
  }

  async createHead(partition: PartitionId): Promise<void> {
    await this.#table.put(encodeHeadItem(partition, EMPTY_HEAD), NO_ITEM)
  }

  async readHead(partition: PartitionId): Promise<Head | undefined> {
    return await this.#table.read(headItemKey(partition), decodeHeadItem)
  }

  async append(
    partition: PartitionId,
    entry: IndexEntry,
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
  ): Promise<AppendOutcome> {
    const steps = sequenceSteps(entry.producers)
    if (!steps) return await this.#refuse(partition)
    const update = appendUpdate(entry, seen, steps, newcomers)
    const { held, item } = await this.#table.update(headItemKey(partition), update)
    if (!item) return { kind: 'missing' }
    return { kind: held ? 'appended' : 'refused', head: decodeHeadItem(item) }
  }

  async putBlock(partition: PartitionId, block: Block): Promise<Block> {
    const { held, item } = await this.#table.put(encodeBlockItem(partition, block), NO_ITEM)
    if (!item) throw new RangeError('DynamoDB refused a block without telling which one stands')
    return held ? block : decodeBlockItem(item)
  }

  async trimTail(partition: PartitionId, block: Block, changes: ProducerChanges): Promise<Head | undefined> {
    const trimmed = await this.#table.update(headItemKey(partition), trimUpdate(block, changes))
    return trimmed.held ? headOf(trimmed) : undefined
  }

  /** Drops nothing: the table's time to live does. */
  async putProducer(partition: PartitionId, producerId: bigint, producer: FlushedProducer): Promise<void> {
    // Most producers have no item yet, so a read before the first try would most often be in vain.
    let standing: Item | undefined
    for (;;) {
      const merged = mergeRetired(standing && decodeProducerItem(standing), producer)
      if (!merged) return
      const when = standing ? isStill(standing) : NO_ITEM
      const put = await this.#table.put(encodeProducerItem(partition, producerId, merged), when)
      if (put.held) return
      standing = put.item
    }
  }

  async readProducer(partition: PartitionId, producerId: bigint): Promise<FlushedProducer | undefined> {
    return await this.#table.read(producerItemKey(partition, producerId), decodeProducerItem)
  }

  async readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]> {
    const last = await this.#lastOf(partition, offset, decodeBlockItem)
    const blocks = last ? [last] : []
    const from = last ? toOffset(last.baseOffset + 1) : FIRST_OFFSET
    const left = limit - blocks.length
    if (left <= 0) return blocks
    const following = blocksBetween(partition, from, LAST_OFFSET)
    for await (const block of this.#table.list(following, decodeBlockItem, { limit: left }))
      blocks.push(block)
    return blocks
  }

  async moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined> {
    // Where it is refused, the very head that refused it.
    return headOf(await this.#table.update(headItemKey(partition), startUpdate(startOffset)))
  }

  async removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void> {
    const last = await this.#lastOf(partition, offset, sortKeyOf, true)
    if (last === undefined) return
    await this.#table.removeFound(blocksBetween(partition, FIRST_OFFSET, offset), last)
  }

  async removePartition(partition: PartitionId): Promise<void> {
    await this.#table.remove(headItemKey(partition))
    await this.#table.removeFound(under(logKey(partition)))
  }

  async *partitions(): AsyncGenerator<PartitionId> {
    const given = new Set<string>()
    let startKey: Item | undefined
    do {
      const { keys, lastKey } = await this.#table.scanPartitionKeys(startKey, TABLE_SCAN_PAGE_ITEMS)
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
  }

  /** For an entry whose producers leave gaps within it: no head can take it. */
  async #refuse(partition: PartitionId): Promise<AppendOutcome> {
    const head = await this.readHead(partition)
    return head ? { kind: 'refused', head } : { kind: 'missing' }
  }

  /** What is wanted of the last block at or below an offset. */
  async #lastOf<Read>(
    partition: PartitionId,
    offset: Offset,
    decode: (item: Item) => Read,
    keysOnly = false,
  ): Promise<Read | undefined> {
    const blocks = blocksBetween(partition, FIRST_OFFSET, offset)
    const newest = { descending: true, limit: 1, keysOnly }
    for await (const last of this.#table.list(blocks, decode, newest)) return last
    return undefined
  }
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
  return item && decodeHeadItem(item)
}
