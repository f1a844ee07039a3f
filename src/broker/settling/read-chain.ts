import { SEGMENTS_READ_MAX } from '../../core/limits.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import { levelsOf } from '../../core/log/settled/levels.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import type { Settled } from '../../core/log/settled/settled.ts'
import type { Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { readCounted } from './counted-segments.ts'
import { Moved } from './read-runs.ts'

/**
 * All segments that count, from the log's first one on, without a gap, so many at a time.
 * @throws Moved where one is missing: somebody else has moved the log meanwhile
 */
export async function* countedPages(
  ports: Ports,
  partition: PartitionId,
  settled: Settled,
  deadlineMs: number,
  perPage: number = SEGMENTS_READ_MAX,
): AsyncGenerator<{ readonly level: Level; readonly page: readonly Segment[] }> {
  for (const range of levelsOf(settled)) {
    for (let next = range.lo; next < range.hi; ) {
      const page = await readCounted(ports, partition, { ...range, lo: next }, deadlineMs, perPage)
      if (page.length === 0) throw new Moved(`there is no segment at ${next}`)
      for (const segment of page) {
        if (segment.baseOffset > next) throw new Moved(`there is no segment at ${next}`)
        next = segment.end
      }
      yield { level: range.level, page }
    }
  }
}

/** All segments that count, by their levels: a rolled one may count from its midst on only, where the merged ones end. */
export interface Chain {
  readonly merged: readonly Segment[]
  readonly rolled: readonly Segment[]
}

/** @throws Moved as countedPages does */
export async function readChain(
  ports: Ports,
  partition: PartitionId,
  settled: Settled,
  deadlineMs: number,
): Promise<Chain> {
  const chain: { merged: Segment[]; rolled: Segment[] } = { merged: [], rolled: [] }
  for await (const { level, page } of countedPages(ports, partition, settled, deadlineMs)) {
    chain[level === 'rolled' ? 'rolled' : 'merged'].push(...page)
  }
  return chain
}

/** What stands of a level from the segment on that holds `from`, up to the first gap; nothing where none does. */
export async function readUpToGap(
  ports: Ports,
  partition: PartitionId,
  level: Level,
  { from, to }: { readonly from: Offset; readonly to: Offset },
  deadlineMs: number,
): Promise<Segment[]> {
  const chain: Segment[] = []
  for (let next = from; next < to; ) {
    const read = () => ports.index.readSegments(partition, level, next, SEGMENTS_READ_MAX)
    const page = countedIn(await retryUntil(ports, deadlineMs, 'no', read), next, to)
    const before = next
    for (const segment of page) {
      if (segment.baseOffset > next) return chain
      chain.push(segment)
      next = segment.end
    }
    if (next === before) return chain
  }
  return chain
}
