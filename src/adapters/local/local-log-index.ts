import { type Block, decodeBlock, encodeBlock } from '../../core/log/block.ts'
import { applyAppend } from '../../core/log/changes/append.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import { decodeHead, EMPTY_HEAD, encodeHead, type Head } from '../../core/log/head.ts'
import {
  decodeRetired,
  encodeRetired,
  expiryMs,
  type FlushedProducer,
  mergeRetired,
  type ProducerChanges,
} from '../../core/log/producers/producers.ts'
import { applyStart, applyTrim } from '../../core/log/tail.ts'
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
import type { IndexDatabase } from './index-database.ts'

/** How many producers' items each one that is put looks at, whether they have expired. */
const PRODUCERS_LOOKED_AT = 4

/** The index in SQLite. An item's key is its two parts with a slash between them. */
export class LocalLogIndex implements LogIndex {
  readonly #database: IndexDatabase

  constructor(database: IndexDatabase) {
    this.#database = database
  }

  async createHead(partition: PartitionId): Promise<void> {
    await this.#database.update(headKey(partition), standing =>
      standing ? undefined : encodeHead(EMPTY_HEAD),
    )
  }

  async readHead(partition: PartitionId): Promise<Head | undefined> {
    const bytes = this.#database.get(headKey(partition))
    return bytes && decodeHead(bytes)
  }

  async append(
    partition: PartitionId,
    entry: IndexEntry,
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
  ): Promise<AppendOutcome> {
    let outcome: AppendOutcome = { kind: 'missing' }
    await this.#database.update(headKey(partition), standing => {
      const head = standing && decodeHead(standing)
      const changed = head && applyAppend(head, entry, seen, newcomers)
      if (changed) outcome = { kind: 'appended', head: changed }
      else outcome = head ? { kind: 'refused', head } : { kind: 'missing' }
      return changed && encodeHead(changed)
    })
    return outcome
  }

  async putBlock(partition: PartitionId, block: Block): Promise<Block> {
    let result = block
    await this.#database.update(itemKey(partition, blockKey(block.baseOffset)), standing => {
      result = standing ? decodeBlock(block.baseOffset, standing) : block
      return standing ? undefined : encodeBlock(block)
    })
    return result
  }

  async trimTail(partition: PartitionId, block: Block, changes: ProducerChanges): Promise<Head | undefined> {
    return await this.#change(partition, head => applyTrim(head, block, changes))
  }

  async putProducer(
    partition: PartitionId,
    producerId: bigint,
    producer: FlushedProducer,
    nowMs: number,
  ): Promise<void> {
    const key = itemKey(partition, producerKey(producerId))
    const put = this.#database.update(key, standing => {
      const merged = mergeRetired(standing && decodeRetired(standing), producer)
      return merged && encodeRetired(merged)
    })
    await Promise.all([put, this.#removeExpired(partition, key, nowMs)])
  }

  async readProducer(partition: PartitionId, producerId: bigint): Promise<FlushedProducer | undefined> {
    const bytes = this.#database.get(itemKey(partition, producerKey(producerId)))
    return bytes && decodeRetired(bytes)
  }

  async readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]> {
    const first = itemKey(partition, blockKey(toOffset(0)))
    const last = this.#database.lastUpTo(first, itemKey(partition, blockKey(offset)))
    if (last && limit === 1) return [this.#decode(partition, last)]
    const items = this.#database.range(last?.key ?? first, blocksEnd(partition), limit)
    return [...items].map(item => this.#decode(partition, item))
  }

  async moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined> {
    let seen: Head | undefined
    const changed = await this.#change(partition, head => {
      seen = head
      return applyStart(head, startOffset)
    })
    // Where it was refused, the very head that refused it.
    return changed ?? seen
  }

  async removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void> {
    const first = itemKey(partition, blockKey(toOffset(0)))
    const last = this.#database.lastUpTo(first, itemKey(partition, blockKey(offset)))
    if (!last) return
    await this.#database.removeAll([...this.#database.range(first, last.key)].map(({ key }) => key))
  }

  async removePartition(partition: PartitionId): Promise<void> {
    await this.#database.removeRange(itemKey(partition, ''), itemKey(partition, LOG_END))
  }

  async *partitions(): AsyncGenerator<PartitionId> {
    let from = LOG_PREFIX
    for (;;) {
      const [item] = this.#database.range(from, LOGS_END, 1)
      if (!item) return
      const log = item.key.slice(0, item.key.indexOf('/'))
      yield parseLogKey(log)
      // On to the next log, past all of this one's items.
      from = `${log}0`
    }
  }

  async #change(partition: PartitionId, change: (head: Head) => Head | undefined): Promise<Head | undefined> {
    let changed: Head | undefined
    await this.#database.update(headKey(partition), standing => {
      changed = standing && change(decodeHead(standing))
      return changed && encodeHead(changed)
    })
    return changed
  }

  /**
   * Removes those that have expired of the few producers whose keys come from this one on, or come first where there
   * are not so many. Each item that is added looks at several, so that they cannot pile up.
   */
  async #removeExpired(partition: PartitionId, from: string, nowMs: number): Promise<void> {
    const [first, end] = [itemKey(partition, PRODUCER_PREFIX), itemKey(partition, LOG_END)]
    const following = this.#database.range(from, end, PRODUCERS_LOOKED_AT)
    const left = PRODUCERS_LOOKED_AT - following.length
    const items = left > 0 ? [...following, ...this.#database.range(first, from, left)] : following
    const isExpired = (value: Buffer) => expiryMs(decodeRetired(value)) <= nowMs
    const expired = items.filter(({ key, value }) => key !== from && isExpired(value))
    // Each is looked at again when it goes: another process may just have put it anew.
    await Promise.all(expired.map(({ key }) => this.#database.removeIf(key, isExpired)))
  }

  #decode(partition: PartitionId, item: { key: string; value: Buffer }): Block {
    return decodeBlock(parseBlockKey(item.key.slice(itemKey(partition, '').length)), item.value)
  }
}

/** Above every log's key. */
const LOGS_END = 'log$'

function itemKey(partition: PartitionId, sortKey: string): string {
  return `${logKey(partition)}/${sortKey}`
}

function headKey(partition: PartitionId): string {
  return itemKey(partition, HEAD_KEY)
}

/** Above every block's key. */
function blocksEnd(partition: PartitionId): string {
  return itemKey(partition, 'block$')
}
