import { decodeBlock, encodeBlock } from '../../core/log/block.ts'
import { applyStart } from '../../core/log/changes/move-start.ts'
import {
  CLOSED_HEAD,
  decodeStandingHead,
  EMPTY_HEAD,
  encodeStandingHead,
  type Head,
  isClosedHead,
  type StandingHead,
} from '../../core/log/head.ts'
import {
  decodeRetired,
  encodeRetired,
  expiryMs,
  type FlushedProducer,
} from '../../core/log/producers/flushed-producer.ts'
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
import { meaningOf } from '../../ports/damaged-item.ts'
import type { LogIndex } from '../../ports/log-index.ts'
import type { Decisions } from './decisions.ts'
import { endOf, type Items, joinKey, splitKey } from './items.ts'
import { TypedItems } from './typed-items.ts'

/** How many producers' items each one that is put looks at, whether they have expired. */
const PRODUCERS_LOOKED_AT = 4

/** The index over sorted items. */
export function logIndexOver(items: Items, decisions: Decisions): LogIndex {
  const heads = new TypedItems(items, encodeStandingHead, decodeStandingHead)
  const producers = new TypedItems(items, encodeRetired, decodeRetired)
  const toBlock = (bytes: Uint8Array, key: string) => decodeBlock(parseBlockKey(splitKey(key).sortKey), bytes)
  const blocks = new TypedItems(items, encodeBlock, toBlock)

  /** A closed head is none. */
  const changeHead = async (partition: PartitionId, change: (head: Head) => Head | undefined) => {
    const { standing, changed } = await heads.change(headKey(partition), found => {
      const head = openHead(found)
      return head && change(head)
    })
    return { standing: openHead(standing), changed: openHead(changed) }
  }

  /** The item of the last block at or below an offset. */
  const lastBlock = (partition: PartitionId, offset: Offset) =>
    items.lastUpTo(firstBlockKey(partition), itemKey(partition, blockKey(offset)))

  /**
   * Removes those that have expired of the few producers whose keys come from this one on, or come first where there
   * are not so many. Each item that is added looks at several, so that they cannot pile up.
   */
  const removeExpired = async (partition: PartitionId, from: string, nowMs: number) => {
    const [first, end] = [itemKey(partition, PRODUCER_PREFIX), itemKey(partition, LOG_END)]
    const following = await items.range(from, end, PRODUCERS_LOOKED_AT)
    const left = PRODUCERS_LOOKED_AT - following.length
    const looked = left > 0 ? [...following, ...(await items.range(first, from, left))] : following
    const isExpired = (producer: FlushedProducer) => expiryMs(producer) <= nowMs
    const expired = looked.filter(({ key, value }) => key !== from && isExpired(decodeRetired(value)))
    // Each is looked at again when it goes: somebody may just have put it anew.
    await Promise.all(expired.map(({ key }) => producers.remove(key, isExpired)))
  }

  return {
    createHead: async partition => {
      const { standing } = await heads.change(headKey(partition), head => (head ? undefined : EMPTY_HEAD))
      return standing !== CLOSED_HEAD
    },
    isRemoved: async partition => (await heads.read(headKey(partition))) === CLOSED_HEAD,
    readHead: async partition => openHead(await heads.read(headKey(partition))),
    append: async (partition, entry, seen, newcomers) => {
      const { standing, changed } = await changeHead(partition, head =>
        decisions.applyAppend(head, entry, seen, newcomers),
      )
      if (changed) return { kind: 'appended', head: changed }
      return standing ? { kind: 'refused', head: standing } : { kind: 'missing' }
    },
    putBlock: async (partition, block) => {
      const key = itemKey(partition, blockKey(block.baseOffset))
      const { standing } = await blocks.change(key, found => (found ? undefined : block))
      return standing ?? block
    },
    trimTail: async (partition, block, changes) => {
      const { changed } = await changeHead(partition, head => decisions.applyTrim(head, block, changes))
      return changed
    },
    putProducer: async (partition, producerId, producer, nowMs) => {
      const key = itemKey(partition, producerKey(producerId))
      await producers.change(key, standing => decisions.mergeRetired(standing, producer))
      await removeExpired(partition, key, nowMs)
    },
    readProducer: (partition, producerId) => producers.read(itemKey(partition, producerKey(producerId))),
    readBlocks: async (partition, offset, limit) => {
      const last = await lastBlock(partition, offset)
      if (last && limit === 1) return [meaningOf(last.key, () => toBlock(last.value, last.key))]
      return await blocks.range(last?.key ?? firstBlockKey(partition), itemKey(partition, BLOCKS_END), limit)
    },
    moveStart: async (partition, startOffset) => {
      const { standing, changed } = await changeHead(partition, head => applyStart(head, startOffset))
      // Where it was refused, the very head that refused it.
      return changed ?? standing
    },
    removeBlocksBelow: async (partition, offset) => {
      const last = await lastBlock(partition, offset)
      if (last) await items.removeRange(firstBlockKey(partition), last.key)
    },
    removePartition: async partition => {
      // Nothing can be appended any more, and then the rest goes.
      await heads.put(headKey(partition), CLOSED_HEAD)
      await items.removeRange(itemKey(partition, ''), headKey(partition))
      await items.removeRange(itemKey(partition, PRODUCER_PREFIX), itemKey(partition, LOG_END))
    },
    partitions: async function* () {
      let start = LOG_PREFIX
      for (;;) {
        const [item] = await items.range(start, endOf(LOG_PREFIX), 1)
        if (!item) return
        const { partitionKey, sortKey } = splitKey(item.key)
        if (sortKey === HEAD_KEY && isClosedHead(item.value)) {
          // Something may have come too late for the removal.
          start = joinKey(partitionKey, PRODUCER_PREFIX)
          continue
        }
        yield meaningOf(item.key, () => parseLogKey(partitionKey))
        // On to the next log, past all of this one's items.
        start = endOf(joinKey(partitionKey, ''))
      }
    },
  }
}

/** Above every block's sort key. */
const BLOCKS_END = 'block$'

function openHead(head: StandingHead | undefined): Head | undefined {
  return head === CLOSED_HEAD ? undefined : head
}

function itemKey(partition: PartitionId, sortKey: string): string {
  return joinKey(logKey(partition), sortKey)
}

function headKey(partition: PartitionId): string {
  return itemKey(partition, HEAD_KEY)
}

function firstBlockKey(partition: PartitionId): string {
  return itemKey(partition, blockKey(toOffset(0)))
}
