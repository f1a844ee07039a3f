import { advance, type Offset } from '../../numbers.ts'
import type { IndexEntry } from '../entry.ts'
import { findInTail, type Head } from '../head.ts'
import { applySequences, NO_NEWCOMERS } from '../producers/producers.ts'

/**
 * The condition and the effect of an append, as one atomic step on the head; undefined where the condition
 * does not hold. On DynamoDB the same stands in an update expression.
 *
 * `seen` is a nextOffset that the writer knew before its first try of this entry. While tailOffset <= seen,
 * the tail still shows everything committed since, so looking for the entry there is a complete test for
 * "an earlier try of mine did land". Nothing compares nextOffset, so writers do not conflict. What the entry
 * holds of idempotent producers must follow on what the head has of each. Only `newcomers` may be unknown to it:
 * of them the writer has looked up what they have outside of the head.
 */
export function applyAppend(
  head: Head,
  entry: IndexEntry,
  seen: Offset,
  newcomers: ReadonlySet<bigint> = NO_NEWCOMERS,
): Head | undefined {
  if (head.tailOffset > seen) return undefined
  if (findInTail(head, entry.id) !== undefined) return undefined
  const producers = applySequences(head.producers, entry.producers, newcomers)
  if (!producers) return undefined
  return {
    ...head,
    producers,
    nextOffset: advance(head.nextOffset, entry.records),
    tail: [...head.tail, entry],
  }
}
