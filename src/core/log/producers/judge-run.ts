import { PRODUCER_ENTRIES_KEPT } from '../../limits.ts'
import { advance, type Offset } from '../../numbers.ts'
import { placeEntries } from '../entry.ts'
import type { Head } from '../head.ts'
import { type FlushedProducer, type FlushedRun, stateOf } from './flushed-producer.ts'
import type { ProducerRun } from './producer-run.ts'
import { after, SEQUENCES } from './producer-state.ts'

export type Verdict =
  /** It follows on what is there. */
  | { readonly kind: 'next' }
  /** It is there already, from this offset on. */
  | { readonly kind: 'duplicate'; readonly baseOffset: Offset }
  /** It is there already, too far back to know where. */
  | { readonly kind: 'old' }
  /** It begins before the end of what is there, but at least a part of it was never taken, as far as is known. */
  | { readonly kind: 'skipped'; readonly expected: number }
  /** Records before it are missing. */
  | { readonly kind: 'gap'; readonly expected: number }
  /** Its producer has gone on to a higher epoch. */
  | { readonly kind: 'fenced'; readonly epoch: number }

/**
 * What a log says of a run that it did not take, or would not. The head's word goes before that of the producer's own
 * item, which is what was known when it was last retired.
 */
export function judgeRun(head: Head, run: ProducerRun, retired?: FlushedProducer): Verdict {
  const state = head.producers.get(run.producerId) ?? (retired && stateOf(retired))
  if (!state) return { kind: 'next' }
  if (run.epoch < state.epoch) return { kind: 'fenced', epoch: state.epoch }
  if (run.epoch > state.epoch) return run.sequence === 0 ? { kind: 'next' } : { kind: 'gap', expected: 0 }
  const flushed = flushedRuns(head, run, retired)
  const known = [...flushed, ...runsInTail(head, run)]
  const found = known.find(({ sequence, records }) => sequence === run.sequence && records === run.records)
  if (found) return { kind: 'duplicate', baseOffset: found.baseOffset }
  const expected = after(state.lastSequence)
  if (run.sequence === expected) return { kind: 'next' }
  // Numbers go round, so what lies less than half the way back is behind, and the rest ahead.
  const backTo = (sequence: number) => (expected - sequence + SEQUENCES) % SEQUENCES
  const back = backTo(run.sequence)
  if (back >= SEQUENCES / 2) return { kind: 'gap', expected }
  // While so few are remembered, those are all that ever left the tail: what lies before them is not in the log.
  const isBeforeAll =
    flushed.length < PRODUCER_ENTRIES_KEPT && known.every(({ sequence }) => backTo(sequence) < back)
  return isBeforeAll || back < run.records ? { kind: 'skipped', expected } : { kind: 'old' }
}

/** What is remembered of the runs of this run's producer and epoch that have left the tail. */
function flushedRuns(
  head: Head,
  { producerId, epoch }: ProducerRun,
  retired: FlushedProducer | undefined,
): FlushedRun[] {
  const flushed = [retired, head.flushedProducers.get(producerId)]
  const runs = flushed.flatMap(each => (each?.epoch === epoch ? each.runs : []))
  // The item may have been put and its producer have stayed, so that both tell of the same.
  return [...new Map(runs.map(run => [run.baseOffset, run])).values()]
}

function runsInTail(head: Head, { producerId, epoch }: ProducerRun): FlushedRun[] {
  return placeEntries(head.tailOffset, head.tail).flatMap(({ baseOffset, entry }) =>
    entry.producers
      .filter(run => run.producerId === producerId && run.epoch === epoch)
      .map(({ sequence, records, spanBefore }) => {
        return { sequence, records, baseOffset: advance(baseOffset, spanBefore) }
      }),
  )
}
