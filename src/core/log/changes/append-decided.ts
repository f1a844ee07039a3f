import { advance, type Offset } from '../../numbers.ts'
import { entryEpoch, type IndexEntry, spanOf } from '../entry.ts'
import type { Head } from '../head.ts'
import {
  type ProducerState,
  packState,
  type SequenceStep,
  sequenceSteps,
} from '../producers/producer-state.ts'
import { NO_NEWCOMERS } from './append.ts'

/**
 * The condition and the effect of appending what is decided, as one atomic step on the head; undefined where the condition does not hold.
 * On DynamoDB the same stands in an update expression.
 *
 * The producer's sequence is the receipt: the entries are not there while what the head has of their producers lies below their first
 * records, and they are once it has reached their last ones. So any number of callers append them once. What lies between need not have
 * come: an aborted transaction's numbers never do. Every entry has runs of a producer, or there would be no receipt.
 *
 * Only `newcomers` may be unknown to the head, under the conditions of applyAppend. An object of an epoch below the floor may be gone.
 */
export function applyDecided(
  head: Head,
  entries: readonly IndexEntry[],
  seen: Offset,
  newcomers: ReadonlySet<bigint> = NO_NEWCOMERS,
): Head | undefined {
  if (head.tailOffset > seen || entries.some(entry => entryEpoch(entry) < head.appendFloor)) return undefined
  const steps = decidedSteps(entries)
  const isTaken = (step: SequenceStep) => {
    const state = head.producers.get(step.producerId)
    return state ? isBelow(state, step) : newcomers.has(step.producerId)
  }
  if (!steps.every(isTaken)) return undefined
  const producers = new Map(head.producers)
  for (const { producerId, epoch, last } of steps) producers.set(producerId, { epoch, lastSequence: last })
  return {
    ...head,
    producers,
    nextOffset: advance(head.nextOffset, spanOf(entries)),
    tail: [...head.tail, ...entries],
  }
}

/** What the entries do to each producer. @throws RangeError where one has none, or its runs leave gaps */
export function decidedSteps(entries: readonly IndexEntry[]): SequenceStep[] {
  if (entries.length === 0) throw new RangeError('nothing is to be appended')
  if (entries.some(({ producers }) => producers.length === 0))
    throw new RangeError('an entry without a producer leaves no receipt')
  const steps = sequenceSteps(entries.flatMap(({ producers }) => producers))
  if (!steps) throw new RangeError('the runs of a producer leave gaps')
  return steps
}

/**
 * Whether a log with this state of a producer has nothing of the step, of which it is known that it must come, and what is between
 * need not. One with a state at or above its end has all of it.
 */
export function isBelow(state: ProducerState, { epoch, first }: SequenceStep): boolean {
  return packState(state) < packState({ epoch, lastSequence: first })
}
