import { HEADS_REMEMBERED_BYTES_MAX } from '../../core/limits.ts'
import { type Block, decodeBlock, encodeBlock } from '../../core/log/block.ts'
import { applyStart } from '../../core/log/changes/move-start.ts'
import {
  CLOSED_HEAD,
  decodeStandingHead,
  EMPTY_HEAD,
  encodeStandingHead,
  type Head,
  isClosedHead,
  ownHead,
  type StandingHead,
} from '../../core/log/head.ts'
import {
  decodeRetired,
  encodeRetired,
  expiryMs,
  type FlushedProducer,
} from '../../core/log/producers/flushed-producer.ts'
import { decodeSegment, encodeSegment, isSameSegment, type Level } from '../../core/log/settled/segment.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import {
  BEHIND_HEAD,
  blockKey,
  HEAD_KEY,
  LOG_END,
  LOG_PREFIX,
  levelKey,
  levelPrefix,
  logKey,
  MERGED_PREFIX,
  PRODUCER_PREFIX,
  parseBlockKey,
  parseLevelKey,
  parseLogKey,
  producerKey,
} from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { meaningOf } from '../../ports/damaged-item.ts'
import type { LogIndex, PlacedSegment } from '../../ports/log-index.ts'
import type { Decisions } from './decisions.ts'
import { endOf, type Item, type Items, joinKey, type Lasting, splitKey } from './items.ts'
import { Remembered } from './remembered.ts'
import { TypedItems } from './typed-items.ts'

/** How many producers' items each one that is put looks at, whether they have expired; and who goes through all, at a time. */
const PRODUCERS_LOOKED_AT = 4
const PRODUCERS_PAGE = 100

/** What stands in heads' places. */
export type Heads = TypedItems<StandingHead>

export function headsOver(items: Items): Heads {
  const remembered = new Remembered(HEADS_REMEMBERED_BYTES_MAX, ownHead)
  return new TypedItems(items, encodeStandingHead, decodeStandingHead, remembered)
}

/** The index over sorted items. */
export function logIndexOver(items: Items, decisions: Decisions, heads: Heads): LogIndex {
  const producers = new TypedItems(items, encodeRetired, decodeRetired)
  const toBlock = (bytes: Uint8Array, key: string) => decodeBlock(parseBlockKey(splitKey(key).sortKey), bytes)
  const blocks = new TypedItems(items, encodeBlock, toBlock)
  const toPlaced = (bytes: Uint8Array, key: string): PlacedSegment => {
    const { level, baseOffset } = parseLevelKey(splitKey(key).sortKey)
    return { level, segment: decodeSegment(baseOffset, bytes) }
  }
  const segments = new TypedItems(items, ({ segment }: PlacedSegment) => encodeSegment(segment), toPlaced)

  /** A closed head is none. */
  const changeHead = async (
    partition: PartitionId,
    change: (head: Head) => Head | undefined,
    lasting?: Lasting,
  ) => {
    const changeOpen = (found: StandingHead | undefined) => {
      const head = openHead(found)
      return head && change(head)
    }
    const { standing, changed } = await heads.change(headKey(partition), changeOpen, lasting)
    return { standing: openHead(standing), changed: openHead(changed) }
  }

  /** The last item from `first` to `last` and those that follow it below `end`. */
  const lastAndFollowing = async <T>(
    typed: TypedItems<T>,
    [first, last, end]: readonly [string, string, string],
    limit: number,
  ): Promise<T[]> => {
    const found = await items.lastUpTo(first, last)
    if (found && limit === 1) return [typed.meaning(found.value, found.key)]
    return await typed.range(found?.key ?? first, end, limit)
  }

  /**
   * Removes those that have expired of the few producers whose keys come from this one on, or come first where there
   * are not so many. Each item that is added looks at several, so that they cannot pile up.
   */
  const removeExpired = async (partition: PartitionId, from: string, nowMs: number) => {
    const [first, end] = producerBounds(partition)
    const following = await items.range(from, end, PRODUCERS_LOOKED_AT)
    const left = PRODUCERS_LOOKED_AT - following.length
    const looked = left > 0 ? [...following, ...(await items.range(first, from, left))] : following
    await removeExpiredOf(
      looked.filter(({ key }) => key !== from),
      nowMs,
    )
  }

  const removeExpiredOf = async (looked: readonly Item[], nowMs: number) => {
    const isExpired = (producer: FlushedProducer) => expiryMs(producer) <= nowMs
    const expired = looked.filter(({ value }) => isExpired(decodeRetired(value)))
    // Each is looked at again when it goes: somebody may just have put it anew.
    await Promise.all(expired.map(({ key }) => producers.remove(key, isExpired)))
  }

  return {
    ...(decisions.headCost && { headCost: decisions.headCost }),
    createHead: async (partition, floor) => {
      const made = { ...EMPTY_HEAD, appendFloor: floor, drained: floor }
      const { standing } = await heads.change(headKey(partition), head => (head ? undefined : made))
      return standing ? openHead(standing)?.appendFloor : floor
    },
    isRemoved: async partition => (await heads.read(headKey(partition))) === CLOSED_HEAD,
    readHead: async partition => openHead(await heads.read(headKey(partition))),
    append: async (partition, entry, seen, newcomers, cut) => {
      const { standing, changed } = await changeHead(partition, head =>
        decisions.applyAppend(head, entry, seen, newcomers, cut),
      )
      if (changed) return { kind: 'appended', head: changed }
      return standing ? { kind: 'refused', head: standing } : { kind: 'missing' }
    },
    appendDecided: async (partition, entries, seen, newcomers) => {
      const { standing, changed } = await changeHead(partition, head =>
        decisions.applyDecided(head, entries, seen, newcomers),
      )
      if (changed) return { kind: 'appended', head: changed }
      return standing ? { kind: 'refused', head: standing } : { kind: 'missing' }
    },
    putBlock: async (partition, block, over) => {
      const key = itemKey(partition, blockKey(block.baseOffset))
      const change = (found: Block | undefined) =>
        decisions.mayReplaceBlock(found, over) ? block : undefined
      const { standing, changed } = await blocks.change(key, change, FLUSHED)
      return changed ?? standing ?? block
    },
    trimTail: async (partition, block, changes, movedEpoch) => {
      const trim = (head: Head) => decisions.applyTrim(head, block, changes, movedEpoch)
      return (await changeHead(partition, trim, FLUSHED)).changed
    },
    putProducer: async (partition, producerId, producer, nowMs) => {
      const key = itemKey(partition, producerKey(producerId))
      await producers.change(key, standing => decisions.mergeRetired(standing, producer), FLUSHED)
      await removeExpired(partition, key, nowMs)
    },
    readProducer: (partition, producerId) => producers.read(itemKey(partition, producerKey(producerId))),
    dropExpiredProducers: async (partition, nowMs) => {
      let [from, end] = producerBounds(partition)
      for (;;) {
        const looked = await items.range(from, end, PRODUCERS_PAGE)
        await removeExpiredOf(looked, nowMs)
        if (looked.length < PRODUCERS_PAGE) return
        // No key has anything that sorts below a blank.
        from = `${looked.at(-1)!.key} `
      }
    },
    readBlocks: async (partition, offset, limit) => {
      const [first, last] = [blockKey(toOffset(0)), blockKey(offset)].map(key => itemKey(partition, key))
      return await lastAndFollowing(blocks, [first!, last!, itemKey(partition, BLOCKS_END)], limit)
    },
    moveStart: async (partition, startOffset) => {
      const { standing, changed } = await changeHead(partition, head => applyStart(head, startOffset))
      // Where it was refused, the very head that refused it.
      return changed ?? standing
    },
    removeBlocksBelow: async (partition, offset) => {
      await items.removeRange(itemKey(partition, blockKey(toOffset(0))), itemKey(partition, blockKey(offset)))
    },
    raiseFloor: async (partition, floor, seen) => {
      const { standing, changed } = await changeHead(partition, head =>
        decisions.applyFloor(head, floor, seen),
      )
      return changed ?? standing
    },
    noteDrained: async (partition, drained) => {
      const { standing, changed } = await changeHead(partition, head => decisions.applyDrained(head, drained))
      return changed !== undefined || (standing !== undefined && standing.drained >= drained)
    },
    readSegments: async (partition, level, offset, limit) => {
      const first = segmentKey(partition, level, toOffset(0))
      const end = endOf(itemKey(partition, levelPrefix(level)))
      const bounds = [first, segmentKey(partition, level, offset), end] as const
      return (await lastAndFollowing(segments, bounds, limit)).map(({ segment }) => segment)
    },
    putSegment: async (partition, level, segment) => {
      const key = segmentKey(partition, level, segment.baseOffset)
      const { standing } = await segments.change(key, found => (found ? undefined : { level, segment }))
      return standing?.segment ?? segment
    },
    removeSegment: async (partition, level, segment) => {
      await segments.remove(segmentKey(partition, level, segment.baseOffset), standing =>
        isSameSegment(standing.segment, segment),
      )
    },
    segments: async function* (partition) {
      for (const prefix of [MERGED_PREFIX, levelPrefix('rolled')]) {
        const first = itemKey(partition, prefix)
        yield* segments.pages(first, endOf(first))
      }
    },
    rearrange: async (partition, move) => {
      const { standing, changed } = await changeHead(partition, head => decisions.applyMove(head, move))
      const head = changed ?? standing
      return head && { moved: changed !== undefined, head }
    },
    removePartition: async partition => {
      // Nothing can be appended any more, and then the rest goes.
      await heads.put(headKey(partition), CLOSED_HEAD)
      await items.removeRange(itemKey(partition, ''), headKey(partition))
      await items.removeRange(itemKey(partition, BEHIND_HEAD), itemKey(partition, LOG_END))
    },
    partitions: async function* () {
      let start = LOG_PREFIX
      for (;;) {
        const [item] = await items.range(start, endOf(LOG_PREFIX), 1)
        if (!item) return
        const { partitionKey, sortKey } = splitKey(item.key)
        if (sortKey === HEAD_KEY && isClosedHead(item.value)) {
          // Something may have come too late for the removal.
          start = joinKey(partitionKey, BEHIND_HEAD)
          continue
        }
        yield meaningOf(item.key, () => parseLogKey(partitionKey))
        // On to the next log, past all of this one's items.
        start = endOf(joinKey(partitionKey, ''))
      }
    },
  }
}

/** The steps of a flush, in their order. It is nobody's answer: undone, the tail has what it had, and the next flush does the same. */
const FLUSHED: Lasting = 'in order'

/** Above every block's sort key. */
const BLOCKS_END = 'block$'

export function openHead(head: StandingHead | undefined): Head | undefined {
  return head === CLOSED_HEAD ? undefined : head
}

function itemKey(partition: PartitionId, sortKey: string): string {
  return joinKey(logKey(partition), sortKey)
}

export function headKey(partition: PartitionId): string {
  return itemKey(partition, HEAD_KEY)
}

function segmentKey(partition: PartitionId, level: Level, offset: Offset): string {
  return itemKey(partition, levelKey(level, offset))
}

/** Before the first producer's key, and behind the last one's. */
function producerBounds(partition: PartitionId): [string, string] {
  const first = itemKey(partition, PRODUCER_PREFIX)
  return [first, endOf(first)]
}
