import { type Block, decodeBlock } from '../../../src/core/log/block.ts'
import type { IndexEntry } from '../../../src/core/log/entry.ts'
import { decodeHead, type Head, isClosedHead } from '../../../src/core/log/head.ts'
import { decodeSegment, type Level, type Segment } from '../../../src/core/log/settled/segment.ts'
import { UNSETTLED } from '../../../src/core/log/settled/settled.ts'
import {
  HEAD_KEY,
  ingestKey,
  logObjectKey,
  parseBlockKey,
  parseLevelKey,
} from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'

/** A stretch of a level between two boundaries, and what of it stands in the way of its being whole. */
interface Counted<T> {
  readonly items: readonly T[]
  readonly problem?: string
}

/**
 * The items of one log as they stand, and what of them counts: worked out here anew, and not by what the readers and the
 * sweeps go by.
 */
export class LogView {
  readonly partition: PartitionId
  head: Head | undefined
  readonly blocks = new Map<number, Block>()
  readonly levels = new Map<Level, Map<number, Segment>>()

  constructor(partition: PartitionId) {
    this.partition = partition
  }

  /** Takes over a change of the item with this sort key. Tells whether it is one of those that may count. */
  change(sortKey: string, after: Uint8Array | undefined): boolean {
    if (sortKey === HEAD_KEY) {
      this.head = after && !isClosedHead(after) ? decodeHead(after) : undefined
      return true
    }
    if (sortKey.startsWith('block#')) {
      const base = parseBlockKey(sortKey)
      if (after) this.blocks.set(base, decodeBlock(base, after))
      else this.blocks.delete(base)
      return true
    }
    if (!/^(segment|merged)#/.test(sortKey)) return false
    const { level, baseOffset } = parseLevelKey(sortKey)
    const standing = this.levels.get(level) ?? new Map<number, Segment>()
    this.levels.set(level, standing)
    if (after) standing.set(baseOffset, decodeSegment(baseOffset, after))
    else standing.delete(baseOffset)
    return true
  }

  /** Merged ones, then rolled ones. */
  countedSegments(): Counted<Segment> {
    const { firstOffset, mergedOffset, settledOffset, generation } = this.head?.settled ?? UNSETTLED
    const merged = this.#counted(generation, firstOffset, mergedOffset)
    const rolled = this.#counted('rolled', mergedOffset, settledOffset)
    const problem = merged.problem ?? rolled.problem
    return { items: [...merged.items, ...rolled.items], ...(problem !== undefined && { problem }) }
  }

  countedBlocks(): Counted<Block> {
    if (!this.head) return { items: [] }
    const { startOffset, tailOffset, settled } = this.head
    const items = [...this.blocks.values()]
      .filter(({ baseOffset }) => settled.settledOffset <= baseOffset && baseOffset < tailOffset)
      .sort((one, other) => one.baseOffset - other.baseOffset)
    let next: number = settled.settledOffset
    for (const { baseOffset, entries } of items) {
      // What lies below the start may have gone.
      if (baseOffset !== next && !(baseOffset > next && baseOffset <= startOffset)) {
        return { items, problem: `a block begins at ${baseOffset}, and not at ${next}` }
      }
      next = entries.reduce((end, { span }) => end + span, baseOffset as number)
    }
    if (next === tailOffset || (items.length === 0 && tailOffset <= startOffset)) return { items }
    return { items, problem: `blocks end at ${next}, and the tail begins at ${tailOffset}` }
  }

  /** The objects that what counts refers to. */
  *objects(): Generator<string> {
    for (const { entries } of this.countedBlocks().items) yield* objectsOf(entries)
    yield* objectsOf(this.head?.tail ?? [])
    // Also one that has no records left has an object, whose footer says so.
    for (const segment of this.countedSegments().items) yield this.keyOf(segment)
  }

  keyOf({ baseOffset, id }: Segment): string {
    return logObjectKey(this.partition, baseOffset, id)
  }

  /** The sort keys of items that do not count. */
  *strays(): Generator<string> {
    const blocks = new Set(this.countedBlocks().items)
    for (const [base, block] of this.blocks) if (!blocks.has(block)) yield `block at ${base}`
    const segments = new Set(this.countedSegments().items)
    for (const [level, standing] of this.levels) {
      for (const [base, segment] of standing) if (!segments.has(segment)) yield `${level} at ${base}`
    }
  }

  #counted(level: Level, lo: number, hi: number): Counted<Segment> {
    if (lo >= hi) return { items: [] }
    const standing = [...(this.levels.get(level)?.values() ?? [])].sort(
      (one, other) => one.baseOffset - other.baseOffset,
    )
    const items = standing.filter(({ baseOffset }) => lo <= baseOffset && baseOffset < hi)
    if (items[0]?.baseOffset !== lo) {
      const below = standing.filter(({ baseOffset }) => baseOffset < lo).at(-1)
      if (below && below.end > lo) items.unshift(below)
    }
    const first = items[0]
    const name = level === 'rolled' ? 'rolled segments' : `merged segments of generation ${level}`
    if (!first || first.baseOffset > lo) return { items, problem: `no ${name} hold offset ${lo}` }
    let next: number = first.baseOffset
    for (const { baseOffset, end } of items) {
      if (baseOffset !== next) {
        return { items, problem: `one of the ${name} begins at ${baseOffset}, and not at ${next}` }
      }
      next = end
    }
    return next === hi ? { items } : { items, problem: `${name} end at ${next}, and not at ${hi}` }
  }
}

function* objectsOf(entries: readonly IndexEntry[]): Generator<string> {
  for (const { place } of entries) if (place.kind === 'object') yield ingestKey(place)
}
