import { FOOTER_PRODUCERS_MAX } from '../../limits.ts'
import type { PlacedEntry } from '../entry.ts'
import { expiryMs, type FlushedProducer } from './flushed-producer.ts'
import { addRuns } from './fold-producers.ts'

/**
 * The idempotent producers that are known at the end of these entries: those of before, with what the entries add. Of too
 * many the latest; none that a log would have forgotten by `nowMs`.
 */
export function producersAfter(
  before: ReadonlyMap<bigint, FlushedProducer>,
  entries: Iterable<PlacedEntry>,
  nowMs: number,
): Map<bigint, FlushedProducer> {
  const producers = new Map(before)
  for (const placed of entries) addRuns(producers, placed)
  const latest = [...producers]
    .filter(([, producer]) => expiryMs(producer) > nowMs)
    .sort(([, one], [, other]) => other.createdMs - one.createdMs)
  return new Map(latest.slice(0, FOOTER_PRODUCERS_MAX))
}
