import { advance, type Offset } from '../../numbers.ts'
import { entryEpoch, type IndexEntry } from '../entry.ts'
import { findInTail, type Head } from '../head.ts'
import type { ProducerRun } from '../producers/producer-run.ts'
import { isNext, type ProducerState, type SequenceStep, sequenceSteps } from '../producers/producer-state.ts'
import { applyCut, type Cut } from './cut.ts'

export const NO_NEWCOMERS: ReadonlySet<bigint> = new Set()

/**
 * The condition and the effect of an append, as one atomic step on the head; undefined where the condition
 * does not hold. On DynamoDB the same stands in an update expression.
 *
 * `seen` is a nextOffset that the writer knew before its first try of this entry. While tailOffset <= seen,
 * the tail still shows everything committed since, so looking for the entry there is a complete test for
 * "an earlier try of mine did land". Nothing compares nextOffset, so writers do not conflict. What the entry
 * holds of idempotent producers must follow on what the head has of each. Only `newcomers` may be unknown to it:
 * of them the writer has looked up what they have outside of the head. An object of an epoch below the floor may be gone.
 *
 * With a `cut`, the tail leaves in the same step: as if it had left just before, on condition that it is as the writer knows it.
 */
export function applyAppend(
  head: Head,
  entry: IndexEntry,
  seen: Offset,
  newcomers: ReadonlySet<bigint> = NO_NEWCOMERS,
  cut?: Cut,
): Head | undefined {
  if (head.tailOffset > seen || entryEpoch(entry) < head.appendFloor) return undefined
  if (findInTail(head, entry.id) !== undefined) return undefined
  const before = cut ? applyCut(head, cut) : head
  if (!before) return undefined
  const producers = applySequences(head.producers, entry.producers, newcomers)
  if (!producers) return undefined
  return {
    ...before,
    producers,
    nextOffset: advance(before.nextOffset, entry.span),
    tail: [...before.tail, entry],
  }
}

/**
 * Whether a look through tail and blocks tells if an entry stands in the log that was tried when nextOffset was `seen`. What has
 * settled since has no ids any more.
 */
export function mayLookUp(head: Head, seen: Offset): boolean {
  return head.settled.settledOffset <= seen
}

/**
 * The states after an entry; undefined where one of its runs does not follow on what is there, or is of a producer
 * that is neither there nor a newcomer.
 */
export function applySequences(
  states: ReadonlyMap<bigint, ProducerState>,
  runs: readonly ProducerRun[],
  newcomers: ReadonlySet<bigint>,
): ReadonlyMap<bigint, ProducerState> | undefined {
  if (runs.length === 0) return states
  const isTaken = (step: SequenceStep) => {
    const state = states.get(step.producerId)
    return state ? isNext(state, step) : newcomers.has(step.producerId)
  }
  const steps = sequenceSteps(runs)
  if (!steps?.every(isTaken)) return undefined
  const changed = new Map(states)
  for (const { producerId, epoch, last } of steps) changed.set(producerId, { epoch, lastSequence: last })
  return changed
}
