import { PRODUCER_ENTRIES_KEPT } from '../../limits.ts'
import type { Offset } from '../../numbers.ts'
import type { FlushedProducer } from '../producers/flushed-producer.ts'

/**
 * What a producer's item becomes when it is retired; undefined where what stands there already says so much, or more:
 * whoever is late with what is older must not take it back. Sequence numbers go round and epochs may be forgotten, but
 * offsets only grow. A producer that had come back for a short time keeps its earlier runs.
 */
export function mergeRetired(
  standing: FlushedProducer | undefined,
  given: FlushedProducer,
): FlushedProducer | undefined {
  if (!standing) return given
  if (newestOffset(given) <= newestOffset(standing)) return undefined
  if (given.epoch !== standing.epoch) return given
  const before = standing.runs.filter(({ baseOffset }) => baseOffset < given.runs[0]!.baseOffset)
  return { ...given, runs: [...before, ...given.runs].slice(-PRODUCER_ENTRIES_KEPT) }
}

function newestOffset({ runs }: FlushedProducer): Offset {
  return runs.at(-1)!.baseOffset
}
