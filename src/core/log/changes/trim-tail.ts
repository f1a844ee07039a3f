import { type Block, blockEnd } from '../block.ts'
import type { Head } from '../head.ts'
import { type FlushedProducer, stateOf } from '../producers/flushed-producer.ts'
import type { ProducerChanges } from '../producers/fold-producers.ts'
import type { ProducerState } from '../producers/producer-state.ts'

/**
 * The effect of taking a block's entries out of the tail, on the condition that nobody has done so;
 * undefined where somebody has, or where a producer that was to be forgotten has gone on. The block must be in
 * the table before: it decides what leaves. Nor does it hold where the floor has passed an epoch into which entries were moved:
 * such objects may be gone.
 * @param movedEpoch as the function of that name in tail.ts tells it
 */
export function applyTrim(
  head: Head,
  block: Block,
  changes: ProducerChanges,
  movedEpoch: number,
): Head | undefined {
  if (head.tailOffset !== block.baseOffset || movedEpoch < head.appendFloor) return undefined
  const producers = retireProducers(head.producers, changes.retired)
  if (!producers) return undefined
  return {
    ...head,
    producers,
    flushedProducers: changes.flushedProducers,
    tailOffset: blockEnd(block),
    tail: head.tail.slice(block.entries.length),
    flushed: block.summary,
  }
}

/** The states without those retired; undefined where one of them has gone on since. */
function retireProducers(
  states: ReadonlyMap<bigint, ProducerState>,
  retired: ReadonlyMap<bigint, FlushedProducer>,
): ReadonlyMap<bigint, ProducerState> | undefined {
  if (retired.size === 0) return states
  const left = new Map(states)
  for (const [producerId, flushed] of retired) {
    const { epoch, lastSequence } = stateOf(flushed)
    const state = left.get(producerId)
    if (state?.epoch !== epoch || state.lastSequence !== lastSequence) return undefined
    left.delete(producerId)
  }
  return left
}
