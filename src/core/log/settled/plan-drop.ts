import type { Offset } from '../../numbers.ts'
import type { Head } from '../head.ts'

/** Which of a log's levels holds an offset; below firstOffset none does, and a log's end is in its tail. */
export function holderOf(head: Head, offset: Offset): 'merged' | 'rolled' | 'block' | 'tail' | undefined {
  const { firstOffset, mergedOffset, settledOffset } = head.settled
  if (offset < firstOffset) return undefined
  if (offset < mergedOffset) return 'merged'
  if (offset < settledOffset) return 'rolled'
  return offset < head.tailOffset ? 'block' : 'tail'
}

/**
 * Up to where a log that starts here can be dropped; undefined where that is where it begins already. It is where what holds
 * the start begins, or begins to count.
 * @param base of the segment or block that holds the start, in its level (holderOf); of no account where the tail does
 */
export function planDrop(head: Head, startOffset: Offset, base: Offset): Offset | undefined {
  const { firstOffset, mergedOffset, settledOffset } = head.settled
  const holder = holderOf(head, startOffset)
  const lowest = { merged: firstOffset, rolled: mergedOffset, block: settledOffset, tail: head.tailOffset }
  if (holder === undefined || base > startOffset) return undefined
  const to = holder === 'tail' || base < lowest[holder] ? lowest[holder] : base
  return to > firstOffset ? to : undefined
}
