import { ROLL_AGED_BYTES, ROLL_AGED_MS, ROLL_BYTES, ROLL_ENTRIES, ROLL_YOUNG_MS } from '../../limits.ts'
import type { Offset } from '../../numbers.ts'
import { type Block, blockEnd } from '../block.ts'
import { countBytes, entryEpoch, type IndexEntry } from '../entry.ts'
import type { Head } from '../head.ts'
import { agingMs, waitMsMax } from './waiting.ts'

export interface RollRules {
  /** The topic's `segment.bytes`. */
  readonly segmentBytes: number
  /** The topic's `retention.ms`; -1, or left out: none. */
  readonly retentionMs?: number
  readonly nowMs: number
  /** A round wants what is of an older epoch to be rolled; 0: none does. */
  readonly epochsBelow: number
  /** Entries that have not settled, as far as the caller knows of them. */
  readonly entries?: number
  /** Limits that tests lower. */
  readonly limits?: Partial<RollLimits>
}

export interface RollLimits {
  readonly rollBytes: number
  readonly rollEntries: number
  readonly rollAgedMs: number
  readonly rollAgedBytes: number
  readonly rollYoungMs: number
}

const LIMITS: RollLimits = {
  rollBytes: ROLL_BYTES,
  rollEntries: ROLL_ENTRIES,
  rollAgedMs: ROLL_AGED_MS,
  rollAgedBytes: ROLL_AGED_BYTES,
  rollYoungMs: ROLL_YOUNG_MS,
}

/**
 * Whether a visit is worth it: by the head alone, which costs nothing where somebody has it. What lies below the start, and
 * in the midst of blocks, it does not tell.
 */
export function settlingDue(head: Head, rules: RollRules): 'roll' | 'drop' | undefined {
  const { settled, startOffset, tailOffset } = head
  const hasBlocks = settled.settledOffset < tailOffset
  const isBelowStart = startOffset > settled.settledOffset
  if (
    isBelowStart &&
    (settled.firstOffset < settled.settledOffset || (hasBlocks && startOffset >= tailOffset))
  ) {
    return 'drop'
  }
  if (!hasBlocks) return undefined
  if (rules.epochsBelow > head.drained) return 'roll'
  return isRollDue(head, backlogBytes(head), rules.entries ?? 0, rules) ? 'roll' : undefined
}

/** Of batches in blocks. */
export function backlogBytes({ flushed, settled }: Head): number {
  return flushed.bytes - settled.loggedBytes
}

function isRollDue(head: Head, bytes: number, entries: number, rules: RollRules): boolean {
  // Asked with every append: nothing is copied for it.
  const { limits } = rules
  if (bytes >= Math.min(limits?.rollBytes ?? LIMITS.rollBytes, rules.segmentBytes)) return true
  if (entries >= (limits?.rollEntries ?? LIMITS.rollEntries)) return true
  if (bytes < (limits?.rollAgedBytes ?? LIMITS.rollAgedBytes)) return false
  return rules.nowMs - head.settled.settledMs >= (limits?.rollAgedMs ?? LIMITS.rollAgedMs)
}

/**
 * Which blocks become the next segment: whole ones, from settledOffset on; empty: none yet.
 * @param blocks as they stand in the index, from settledOffset on; the more are given, the larger can the segment become
 */
export function planRoll(head: Head, blocks: readonly Block[], rules: RollRules): readonly Block[] {
  const { rollYoungMs } = { ...LIMITS, ...rules.limits }
  const chain = followingBlocks(head, blocks)
  // A round takes along what bears its payload in the table, and is of no epoch: so it gets into objects, too, however little it is.
  const oldMs = rules.epochsBelow > 0 ? rules.nowMs - rollYoungMs : Number.NEGATIVE_INFINITY
  const wanted = chain.findLastIndex(({ entries }) =>
    entries.some(entry => entryEpoch(entry) < rules.epochsBelow || isInlineBefore(entry, oldMs)),
  )
  // What the round wants may lie behind all of these, which have to go first, however young they are.
  const isWantedBehind = wanted < 0 && rules.epochsBelow > 0
  const waitMs = waitMsMax(rules.retentionMs)
  const taken: Block[] = []
  let bytes = 0
  let entries = 0
  let firstMs = 0
  let isFull = false
  for (const [index, block] of chain.entries()) {
    const createdMs = Math.max(...block.entries.map(entry => entry.createdMs))
    if (index > wanted && !isWantedBehind && createdMs > rules.nowMs - rollYoungMs) break
    const blockBytes = countBytes(block.entries)
    const newestMs = Math.max(...block.entries.map(agingMs))
    if (index === 0) firstMs = newestMs
    isFull = index > 0 && (bytes + blockBytes > rules.segmentBytes || newestMs - firstMs > waitMs)
    if (isFull) break
    taken.push(block)
    bytes += blockBytes
    entries += block.entries.length
  }
  return isFull || wanted >= 0 || isRollDue(head, bytes, entries, rules) ? taken : []
}

function isInlineBefore({ place, createdMs }: IndexEntry, untilMs: number): boolean {
  return place.kind === 'inline' && createdMs <= untilMs
}

/** Without a gap from settledOffset on, and in front of the tail. */
function followingBlocks({ settled, tailOffset }: Head, blocks: readonly Block[]): Block[] {
  const chain: Block[] = []
  let next: Offset = settled.settledOffset
  for (const block of blocks) {
    if (block.baseOffset !== next || next >= tailOffset) break
    chain.push(block)
    next = blockEnd(block)
  }
  return chain
}
