import { type Block, decodeBlock, encodeBlock } from '../../core/log/block.ts'
import { applyStart } from '../../core/log/changes/move-start.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import { decodeHead, EMPTY_HEAD, encodeHead, type Head } from '../../core/log/head.ts'
import {
  decodeRetired,
  encodeRetired,
  expiryMs,
  type FlushedProducer,
} from '../../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../../core/log/producers/fold-producers.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import {
  blockKey,
  HEAD_KEY,
  LOG_END,
  LOG_PREFIX,
  logKey,
  PRODUCER_PREFIX,
  parseBlockKey,
  parseLogKey,
  producerKey,
} from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { AppendOutcome, LogIndex } from '../../ports/log-index.ts'
import { DECISIONS, type Decisions } from './decisions.ts'
import { Form } from './form.ts'
import { endOf, type Item, type Items, joinKey, removal, splitKey } from './items.ts'

/** How many producers' items each one that is put looks at, whether they have expired. */
const PRODUCERS_LOOKED_AT = 4

const HEADS = new Form(encodeHead, decodeHead)
const PRODUCERS = new Form(encodeRetired, decodeRetired)

/** The index over sorted items. */
export class ItemLogIndex implements LogIndex {
  readonly #items: Items
  readonly #decisions: Decisions

  constructor(items: Items, decisions: Decisions = DECISIONS) {
    this.#items = items
    this.#decisions = decisions
  }

  async createHead(partition: PartitionId): Promise<void> {
    await HEADS.change(this.#items, headKey(partition), head => (head ? undefined : EMPTY_HEAD))
  }

  async readHead(partition: PartitionId): Promise<Head | undefined> {
    return await HEADS.read(this.#items, headKey(partition))
  }

  async append(
    partition: PartitionId,
    entry: IndexEntry,
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
  ): Promise<AppendOutcome> {
    const { standing, changed } = await HEADS.change(
      this.#items,
      headKey(partition),
      head => head && this.#decisions.applyAppend(head, entry, seen, newcomers),
    )
    if (changed) return { kind: 'appended', head: changed }
    return standing ? { kind: 'refused', head: standing } : { kind: 'missing' }
  }

  async putBlock(partition: PartitionId, block: Block): Promise<Block> {
    const { baseOffset } = block
    const form = new Form(encodeBlock, bytes => decodeBlock(baseOffset, bytes))
    const key = itemKey(partition, blockKey(baseOffset))
    const { standing } = await form.change(this.#items, key, found => (found ? undefined : block))
    return standing ?? block
  }

  async trimTail(partition: PartitionId, block: Block, changes: ProducerChanges): Promise<Head | undefined> {
    const { changed } = await HEADS.change(
      this.#items,
      headKey(partition),
      head => head && this.#decisions.applyTrim(head, block, changes),
    )
    return changed
  }

  async putProducer(
    partition: PartitionId,
    producerId: bigint,
    producer: FlushedProducer,
    nowMs: number,
  ): Promise<void> {
    const key = itemKey(partition, producerKey(producerId))
    await PRODUCERS.change(this.#items, key, standing => this.#decisions.mergeRetired(standing, producer))
    await this.#removeExpired(partition, key, nowMs)
  }

  async readProducer(partition: PartitionId, producerId: bigint): Promise<FlushedProducer | undefined> {
    return await PRODUCERS.read(this.#items, itemKey(partition, producerKey(producerId)))
  }

  async readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]> {
    const last = await this.#lastBlock(partition, offset)
    if (last && limit === 1) return [toBlock(last)]
    const start = last?.key ?? firstBlockKey(partition)
    return (await this.#items.range(start, itemKey(partition, BLOCKS_END), limit)).map(toBlock)
  }

  async moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined> {
    const { standing, changed } = await HEADS.change(
      this.#items,
      headKey(partition),
      head => head && applyStart(head, startOffset),
    )
    // Where it was refused, the very head that refused it.
    return changed ?? standing
  }

  async removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void> {
    const last = await this.#lastBlock(partition, offset)
    if (last) await this.#items.removeRange(firstBlockKey(partition), last.key)
  }

  async removePartition(partition: PartitionId): Promise<void> {
    // First what makes the rest a log.
    await this.#items.update(headKey(partition), removal)
    await this.#items.removeRange(itemKey(partition, ''), itemKey(partition, LOG_END))
  }

  async *partitions(): AsyncGenerator<PartitionId> {
    let start = LOG_PREFIX
    for (;;) {
      const [item] = await this.#items.range(start, endOf(LOG_PREFIX), 1)
      if (!item) return
      const { partitionKey } = splitKey(item.key)
      yield parseLogKey(partitionKey)
      // On to the next log, past all of this one's items.
      start = endOf(joinKey(partitionKey, ''))
    }
  }

  /** The last block's item at or below an offset. */
  async #lastBlock(partition: PartitionId, offset: Offset): Promise<Item | undefined> {
    return await this.#items.lastUpTo(firstBlockKey(partition), itemKey(partition, blockKey(offset)))
  }

  /**
   * Removes those that have expired of the few producers whose keys come from this one on, or come first where there
   * are not so many. Each item that is added looks at several, so that they cannot pile up.
   */
  async #removeExpired(partition: PartitionId, from: string, nowMs: number): Promise<void> {
    const [first, end] = [itemKey(partition, PRODUCER_PREFIX), itemKey(partition, LOG_END)]
    const following = await this.#items.range(from, end, PRODUCERS_LOOKED_AT)
    const left = PRODUCERS_LOOKED_AT - following.length
    const looked = left > 0 ? [...following, ...(await this.#items.range(first, from, left))] : following
    const isExpired = (producer: FlushedProducer) => expiryMs(producer) <= nowMs
    const expired = looked.filter(({ key, value }) => key !== from && isExpired(PRODUCERS.decode(value)))
    // Each is looked at again when it goes: somebody may just have put it anew.
    await Promise.all(expired.map(({ key }) => PRODUCERS.removeIf(this.#items, key, isExpired)))
  }
}

/** Above every block's sort key. */
const BLOCKS_END = 'block$'

function itemKey(partition: PartitionId, sortKey: string): string {
  return joinKey(logKey(partition), sortKey)
}

function headKey(partition: PartitionId): string {
  return itemKey(partition, HEAD_KEY)
}

function firstBlockKey(partition: PartitionId): string {
  return itemKey(partition, blockKey(toOffset(0)))
}

function toBlock({ key, value }: Item): Block {
  return decodeBlock(parseBlockKey(splitKey(key).sortKey), value)
}
