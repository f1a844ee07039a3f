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
import type { Offset } from '../../core/numbers.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { AppendOutcome, LogIndex } from '../../ports/log-index.ts'

interface Log {
  readonly partition: PartitionId
  /** As bytes, so that what is read is what any other store would give back, and nobody can change it. */
  head: Uint8Array | undefined
  /** In the order of their base offsets. */
  readonly blocks: { readonly baseOffset: Offset; readonly bytes: Uint8Array }[]
  /** Retired producers, the one that was put first comes first. */
  readonly producers: Map<bigint, Uint8Array>
}

/** The decisions that make the protocol safe. Only a test that breaks it on purpose puts others in their place. */
export interface Decisions {
  readonly applyAppend: typeof applyAppend
  readonly applyTrim: typeof applyTrim
  readonly mergeRetired: typeof mergeRetired
}

const DECISIONS: Decisions = { applyAppend, applyTrim, mergeRetired }

/** The index in memory. */
export class MemoryLogIndex implements LogIndex {
  readonly #logs = new Map<string, Log>()
  readonly #decisions: Decisions

  constructor(decisions: Partial<Decisions> = {}) {
    this.#decisions = { ...DECISIONS, ...decisions }
  }

  async createHead(partition: PartitionId): Promise<void> {
    this.#log(partition).head ??= encodeHead(EMPTY_HEAD)
  }

  async readHead(partition: PartitionId): Promise<Head | undefined> {
    return this.#head(partition)
  }

  async append(
    partition: PartitionId,
    entry: IndexEntry,
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
  ): Promise<AppendOutcome> {
    const head = this.#head(partition)
    if (!head) return { kind: 'missing' }
    const changed = this.#decisions.applyAppend(head, entry, seen, newcomers)
    if (!changed) return { kind: 'refused', head }
    return { kind: 'appended', head: this.#write(partition, changed) }
  }

  async putBlock(partition: PartitionId, block: Block): Promise<Block> {
    const log = this.#log(partition)
    const at = log.blocks.findIndex(({ baseOffset }) => baseOffset >= block.baseOffset)
    const standing = log.blocks[at]
    if (standing?.baseOffset === block.baseOffset) return decodeBlock(block.baseOffset, standing.bytes)
    const added = { baseOffset: block.baseOffset, bytes: encodeBlock(block) }
    log.blocks.splice(at < 0 ? log.blocks.length : at, 0, added)
    return block
  }

  async trimTail(partition: PartitionId, block: Block, changes: ProducerChanges): Promise<Head | undefined> {
    const head = this.#head(partition)
    const changed = head && this.#decisions.applyTrim(head, block, changes)
    return changed && this.#write(partition, changed)
  }

  async putProducer(
    partition: PartitionId,
    producerId: bigint,
    producer: FlushedProducer,
    nowMs: number,
  ): Promise<void> {
    const { producers } = this.#log(partition)
    const standing = producers.get(producerId)
    const merged = this.#decisions.mergeRetired(standing && decodeRetired(standing), producer)
    if (merged) {
      producers.delete(producerId)
      producers.set(producerId, encodeRetired(merged))
    }
    // They stand in the order in which they were put, and so nearly in the order in which they expire.
    for (const [id, bytes] of producers) {
      if (expiryMs(decodeRetired(bytes)) > nowMs) break
      producers.delete(id)
    }
  }

  async readProducer(partition: PartitionId, producerId: bigint): Promise<FlushedProducer | undefined> {
    const bytes = this.#logs.get(partitionKey(partition))?.producers.get(producerId)
    return bytes && decodeRetired(bytes)
  }

  async readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]> {
    const blocks = this.#logs.get(partitionKey(partition))?.blocks ?? []
    const first = blocks.findLastIndex(({ baseOffset }) => baseOffset <= offset)
    const from = Math.max(first, 0)
    return blocks.slice(from, from + limit).map(({ baseOffset, bytes }) => decodeBlock(baseOffset, bytes))
  }

  async moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined> {
    const head = this.#head(partition)
    const changed = head && applyStart(head, startOffset)
    return changed ? this.#write(partition, changed) : head
  }

  async removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void> {
    const blocks = this.#logs.get(partitionKey(partition))?.blocks ?? []
    const last = blocks.findLastIndex(({ baseOffset }) => baseOffset <= offset)
    if (last > 0) blocks.splice(0, last)
  }

  async removePartition(partition: PartitionId): Promise<void> {
    this.#logs.delete(partitionKey(partition))
  }

  async *partitions(): AsyncGenerator<PartitionId> {
    for (const { partition } of [...this.#logs.values()]) yield partition
  }

  /** A partition's log; an empty one is made where there is none. */
  #log(partition: PartitionId): Log {
    const key = partitionKey(partition)
    const log = this.#logs.get(key) ?? { partition, head: undefined, blocks: [], producers: new Map() }
    this.#logs.set(key, log)
    return log
  }

  #head(partition: PartitionId): Head | undefined {
    const bytes = this.#logs.get(partitionKey(partition))?.head
    return bytes && decodeHead(bytes)
  }

  #write(partition: PartitionId, head: Head): Head {
    this.#logs.get(partitionKey(partition))!.head = encodeHead(head)
    return head
  }
}
