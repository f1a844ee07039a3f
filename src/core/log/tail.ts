import {
  BLOCK_ENTRIES_MAX,
  BLOCK_PRODUCERS_MAX,
  TAIL_ENTRIES_HARD_MAX,
  TAIL_ENTRIES_KEPT,
  TAIL_ENTRIES_SHARED_MAX,
  TAIL_ENTRIES_SOFT_MAX,
  TAIL_INLINE_HARD_BYTES_MAX,
  TAIL_INLINE_KEPT_BYTES_MAX,
  TAIL_INLINE_PAID_BYTES_MAX,
  TAIL_INLINE_SOFT_BYTES_MAX,
} from '../limits.ts'
import type { Block } from './block.ts'
import { countInlineBytes, entryEpoch, type IndexEntry } from './entry.ts'
import type { Head } from './head.ts'
import { summarize } from './summary.ts'

/**
 * Which entries must leave: inline ones of an age in milliseconds; all inline ones, whatever their age; or all up to the last
 * one in an object of an epoch below the given one.
 */
export type FlushAge = { nowMs: number; flushMs: number } | { epochsBelow: number } | 'all'

/** Up to where a tail may grow before somebody cuts it. */
export interface TailLimit {
  readonly entries: number
  readonly inlineBytes: number
}

/** Where a task in the background flushes. */
export const SOFT_LIMIT: TailLimit = {
  entries: TAIL_ENTRIES_SOFT_MAX,
  inlineBytes: TAIL_INLINE_SOFT_BYTES_MAX,
}

/** Where there is no such task, and producers do it. */
export const SHARED_LIMIT: TailLimit = {
  entries: TAIL_ENTRIES_SHARED_MAX,
  inlineBytes: TAIL_INLINE_SOFT_BYTES_MAX,
}

/**
 * The same where each write of a head is paid for by what stands in it, and several writers append: a lone one takes the tail along
 * before it gets there.
 */
export const PAID_LIMIT: TailLimit = {
  entries: TAIL_ENTRIES_SHARED_MAX,
  inlineBytes: TAIL_INLINE_PAID_BYTES_MAX,
}

/**
 * Whether the newest entry, or the newest few of one append, took the tail past the limit, or past a further step beyond it. Of all
 * writers exactly one sees that of its own append, and sees to the flush: the others need not even try. Should it fail to, the one
 * at the next step does it.
 */
export function crossesLimit({ tail }: Head, limit: TailLimit, appended = 1): boolean {
  return countSteps(tail, limit) > countSteps(tail.slice(0, -appended), limit)
}

function countSteps(tail: readonly IndexEntry[], { entries, inlineBytes }: TailLimit): number {
  const entriesBeyond = tail.length - entries
  const bytesBeyond = countInlineBytes(tail) - inlineBytes
  return (
    Math.max(0, Math.ceil(entriesBeyond / TAIL_ENTRIES_KEPT)) +
    Math.max(0, Math.ceil(bytesBeyond / TAIL_INLINE_KEPT_BYTES_MAX))
  )
}

/**
 * How many of the tail's oldest entries are to leave it now: because an inline one has reached its age, or
 * because the tail has passed a soft limit. 0 where nothing is to be done; no more than a block may hold.
 */
export function countToFlush(head: Head, age: FlushAge): number {
  const byLimit = isPastSoftLimit(head) ? countBeyondKept(head.tail) : 0
  return Math.min(Math.max(countDueByAge(head.tail, age), byLimit), countForBlock(head.tail))
}

function countForBlock(tail: readonly IndexEntry[]): number {
  const seen = new Set<bigint>()
  const tooMany = tail.findIndex(({ producers }) => {
    for (const { producerId } of producers) seen.add(producerId)
    return seen.size > BLOCK_PRODUCERS_MAX
  })
  return Math.min(tooMany < 0 ? tail.length : tooMany, BLOCK_ENTRIES_MAX)
}

/** When something is to leave the tail, in milliseconds since the epoch; undefined while nothing is. */
export function flushDueMs(head: Head, nowMs: number, flushMs: number): number | undefined {
  return isPastSoftLimit(head) && countBeyondKept(head.tail) > 0 ? nowMs : ageDueMs(head, nowMs, flushMs)
}

/** When the oldest inline entry reaches its age, in milliseconds since the epoch; undefined if there is none. */
export function ageDueMs(head: Head, nowMs: number, flushMs: number): number | undefined {
  const inline = head.tail.filter(entry => entry.place.kind === 'inline')
  if (inline.length === 0) return undefined
  return Math.min(
    ...inline.map(entry => (isDueByAge(entry, nowMs, flushMs) ? nowMs : entry.createdMs + flushMs)),
  )
}

/** Whether a producer must flush before it appends: the flush beside it does not keep up. */
export function isPastHardLimit(head: Head): boolean {
  return (
    head.tail.length >= TAIL_ENTRIES_HARD_MAX || countInlineBytes(head.tail) >= TAIL_INLINE_HARD_BYTES_MAX
  )
}

function isPastSoftLimit(head: Head): boolean {
  return head.tail.length > TAIL_ENTRIES_SOFT_MAX || countInlineBytes(head.tail) > TAIL_INLINE_SOFT_BYTES_MAX
}

function countDueByAge(tail: readonly IndexEntry[], age: FlushAge): number {
  const isDue = (entry: IndexEntry) => {
    if (typeof age === 'object' && 'epochsBelow' in age) return entryEpoch(entry) < age.epochsBelow
    if (entry.place.kind !== 'inline') return false
    return age === 'all' || isDueByAge(entry, age.nowMs, age.flushMs)
  }
  return tail.findLastIndex(isDue) + 1
}

/** An entry from further in the future than its whole age comes from a broken clock, and must not stay for ever. */
function isDueByAge(entry: IndexEntry, nowMs: number, flushMs: number): boolean {
  return Math.abs(nowMs - entry.createdMs) >= flushMs
}

/**
 * All but the newest few, which stay so that a retry finds itself in the tail without reading a block.
 * They stay only while they are small: every append pays for each started KB of the head.
 */
function countBeyondKept(tail: readonly IndexEntry[]): number {
  let kept = 0
  let inlineBytes = 0
  for (const entry of tail.toReversed()) {
    if (entry.place.kind === 'inline') inlineBytes += entry.bytes
    if (kept === TAIL_ENTRIES_KEPT || inlineBytes > TAIL_INLINE_KEPT_BYTES_MAX) break
    kept += 1
  }
  return tail.length - kept
}

/** The block that the head's first `entries.length` entries become, once they all lie in objects. */
export function makeBlock(head: Head, entries: readonly IndexEntry[]): Block {
  return { baseOffset: head.tailOffset, entries, summary: summarize(head.flushed, entries) }
}

/**
 * The lowest epoch of an object into which a block moves entries that stand inline in the tail; Infinity where it moves none.
 * Of an entry that this head does not show nobody knows how it stood: it counts as moved. What lay in an object before may be of
 * any epoch.
 */
export function movedEpoch(head: Head, block: Block): number {
  const isInFront = head.tailOffset === block.baseOffset
  const moved = block.entries.filter((_, index) => {
    const standing = isInFront ? head.tail[index] : undefined
    return !standing || standing.place.kind === 'inline'
  })
  return moved.reduce((lowest, entry) => Math.min(lowest, entryEpoch(entry)), Number.POSITIVE_INFINITY)
}

/**
 * Whether a block that stands at the tail's beginning can never be cut out of it: the floor has passed the epoch of an object into
 * which it moves something. Only a head that shows all of the block's entries tells: a tail never changes at its front until it is
 * cut, so what it shows is exact.
 */
export function isDead(head: Head, block: Block): boolean {
  return (
    head.tailOffset === block.baseOffset &&
    head.tail.length >= block.entries.length &&
    movedEpoch(head, block) < head.appendFloor
  )
}
