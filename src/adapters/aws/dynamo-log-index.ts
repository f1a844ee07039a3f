import { TABLE_BATCH_ITEMS_MAX, TABLE_SCAN_PAGE_ITEMS } from '../../core/limits.ts'
import type { Block } from '../../core/log/block.ts'
import { mergeRetired } from '../../core/log/changes/put-producer.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import { EMPTY_HEAD, type Head } from '../../core/log/head.ts'
import type { FlushedProducer } from '../../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../../core/log/producers/fold-producers.ts'
import { sequenceSteps } from '../../core/log/producers/producer-state.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import {
  blockKey,
  GROUP_END,
  GROUP_PREFIX,
  KEY_ATTRIBUTES,
  LOG_END,
  LOG_PREFIX,
  logKey,
  PRODUCER_ATTRIBUTES,
  parseLogKey,
} from '../../core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { AppendOutcome, LogIndex } from '../../ports/log-index.ts'
import {
  decodeBlockItem,
  decodeHeadItem,
  decodeProducerItem,
  encodeBlockItem,
  encodeHeadItem,
  encodeProducerItem,
  headItemKey,
  type Item,
  itemKey,
  producerItemKey,
  readString,
} from './dynamo-items.ts'
import type { Checked, Condition, DynamoTable, Selection } from './dynamo-table.ts'
import { appendUpdate, startUpdate, trimUpdate } from './head-updates.ts'

const { partition: PK, sort: SK } = KEY_ATTRIBUTES
const NO_ITEM = { expression: `attribute_not_exists(${PK})` }
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
    const item = await this.#table.get(headItemKey(partition))
    return item && decodeHeadItem(item)
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
    return held ? block : decodeBlockItem(standing(item))
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
      const condition = standing ? isStill(standing) : NO_ITEM
      const put = await this.#table.put(encodeProducerItem(partition, producerId, merged), condition)
      if (put.held) return
      standing = put.item
    }
  }

  async readProducer(partition: PartitionId, producerId: bigint): Promise<FlushedProducer | undefined> {
    const item = await this.#table.get(producerItemKey(partition, producerId))
    return item && decodeProducerItem(item)
  }

  async readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]> {
    const last = await this.#lastBlock(partition, offset)
    const blocks = last ? [decodeBlockItem(last)] : []
    const from = last ? toOffset(blocks[0]!.baseOffset + 1) : FIRST_OFFSET
    const left = limit - blocks.length
    if (left <= 0) return blocks
    const following = this.#table.query({ ...blocksBetween(partition, from, LAST_OFFSET), limit: left })
    for await (const item of following) blocks.push(decodeBlockItem(item))
    return blocks
  }

  async moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined> {
    // Where it is refused, the very head that refused it.
    return headOf(await this.#table.update(headItemKey(partition), startUpdate(startOffset)))
  }

  async removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void> {
    const last = await this.#lastBlock(partition, offset, SK)
    if (!last) return
    await this.#removeItems(blocksBetween(partition, FIRST_OFFSET, offset), readString(last, SK))
  }

  async removePartition(partition: PartitionId): Promise<void> {
    await this.#table.remove(headItemKey(partition))
    await this.#removeItems({ condition: `${PK} = :log`, values: { ':log': { S: logKey(partition) } } })
  }

  async *partitions(): AsyncGenerator<PartitionId> {
    const given = new Set<string>()
    let startKey: Item | undefined
    do {
      const { keys, lastKey } = await this.#table.scanKeys(PK, startKey, TABLE_SCAN_PAGE_ITEMS)
      for (const key of keys) {
        const log = readString(key, PK)
        if (!log.startsWith(LOG_PREFIX)) continue
        const partition = parseLogKey(log)
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

  /** The item of the last block at or below an offset. */
  async #lastBlock(partition: PartitionId, offset: Offset, attribute?: string): Promise<Item | undefined> {
    const selection = blocksBetween(partition, FIRST_OFFSET, offset)
    const newestFirst = { ...selection, descending: true, limit: 1, ...(attribute && { attribute }) }
    for await (const item of this.#table.query(newestFirst)) return item
    return undefined
  }

  /**
   * Removes items of a log, but not the one with the sort key `kept`. It removes as it finds them: where there are more
   * than there is time for, the next try has fewer.
   */
  async #removeItems(selection: Selection, kept?: string): Promise<void> {
    const { ':log': log } = selection.values
    let keys: Item[] = []
    for await (const item of this.#table.query({ ...selection, attribute: SK })) {
      const sortKey = readString(item, SK)
      if (sortKey !== kept) keys.push({ [PK]: log!, [SK]: { S: sortKey } })
      if (keys.length < TABLE_BATCH_ITEMS_MAX) continue
      await this.#table.removeAll(keys)
      keys = []
    }
    await this.#table.removeAll(keys)
  }
}

/** Both offsets included. */
function blocksBetween(partition: PartitionId, first: Offset, last: Offset): Selection {
  return {
    condition: `${PK} = :log AND ${SK} BETWEEN :first AND :last`,
    values: {
      ':log': { S: logKey(partition) },
      ':first': { S: blockKey(first) },
      ':last': { S: blockKey(last) },
    },
  }
}

/** Where a scan goes on behind all items of a log or of a group. */
function pastItems(key: Item): Item {
  const partition = readString(key, PK)
  if (partition.startsWith(LOG_PREFIX)) return itemKey(partition, LOG_END)
  return partition.startsWith(GROUP_PREFIX) ? itemKey(partition, GROUP_END) : key
}

/** That a producer's item is as it was read. */
function isStill(item: Item): Condition {
  const { encoded } = PRODUCER_ATTRIBUTES
  return { expression: `${encoded} = :standing`, values: { ':standing': item[encoded]! } }
}

function headOf({ item }: Checked): Head | undefined {
  return item && decodeHeadItem(item)
}

function standing(item: Item | undefined): Item {
  if (!item) throw new RangeError('DynamoDB refused a block without telling which one stands')
  return item
}
