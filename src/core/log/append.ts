import { advance, type Offset } from '../numbers.ts'
import type { IndexEntry } from './entry.ts'
import { findInTail, type Head } from './head.ts'
import { applySequences } from './producers.ts'

/**
 * The condition and the effect of an append, as one atomic step on the head; undefined where the condition
 * does not hold. On DynamoDB the same stands in an update expression.
 *
 * `seen` is a nextOffset that the writer knew before its first try of this entry. While tailOffset <= seen,
 * the tail still shows everything committed since, so looking for the entry there is a complete test for
 * "an earlier try of mine did land". Nothing compares nextOffset, so writers do not conflict. What the entry
 * holds of idempotent producers must follow on what the log has of each.
 */
export function applyAppend(head: Head, entry: IndexEntry, seen: Offset): Head | undefined {
  if (head.tailOffset > seen) return undefined
  if (findInTail(head, entry.id) !== undefined) return undefined
  const producers = applySequences(head.producers, entry.producers)
  if (!producers) return undefined
  return {
    ...head,
    producers,
    nextOffset: advance(head.nextOffset, entry.records),
    tail: [...head.tail, entry],
  }
}
