import { deadNote } from '../../core/garbage.ts'
import { REBUILD_OFFSETS_STEP } from '../../core/limits.ts'
import type { FlushedProducer } from '../../core/log/producers/flushed-producer.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import { latestOf, sumOf } from '../../core/log/settled/segment-sum.ts'
import { UNSETTLED } from '../../core/log/settled/settled.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import { type Chain, chooseChain, type Gap } from '../../core/segment/choose-chain.ts'
import { logObjectKey } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import type { Budget } from '../settling/budget.ts'
import { readFooter } from '../settling/counted-segments.ts'
import { endIntent, type Log, writeSegment } from '../settling/write-segment.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { FoundLog } from './found-topic.ts'

/** What a partition's log has become. */
export interface RebuiltLog {
  readonly startOffset: Offset
  /** Where the records end that are there. */
  readonly recordsEnd: Offset
  /** Where the next record goes: no offset that anybody was told before. */
  readonly nextOffset: Offset
  readonly segments: number
  readonly records: number
  readonly bytes: number
  readonly gaps: readonly Gap[]
}

/** A segment that counts, or a part of the log of which nothing is left. */
type Link = { readonly level: Level } & ({ readonly segment: Segment } | { readonly gap: Gap })

interface Standing {
  readonly level: Level
  readonly segment: Segment
}

/**
 * Makes the index of one partition from what was found of it, over a head that is as it was made. May be repeated: what an
 * earlier try has made stays.
 */
export async function rebuildLog(
  ports: Ports,
  log: Log,
  found: FoundLog,
  budget: Budget,
): Promise<RebuiltLog> {
  const { index, upkeep, clock, entropy } = ports
  const { partition } = log
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, budget.deadlineMs, 'no', step)
  const chain = chooseChain(found.segments, found.startOffset)
  const links = linksOf(chain)
  const last = lastSegment(chain)
  const producers = last
    ? ((await readFooter(ports, partition, last, budget.deadlineMs))?.producers ?? NOBODY)
    : NOBODY

  // Noted first: whatever becomes of this try, an object that no item will name is known of.
  for (const { baseOffset, id } of chain.unused) {
    const key = logObjectKey(partition, baseOffset, id)
    const dead = deadNote(key, clock.nowMs(), 1, entropy.id())
    await insist(() => upkeep.putNote(dead))
  }
  const standing: Standing[] = []
  for (const link of links) {
    const before = standing.at(-1)?.segment
    const put = (segment: Segment) => insist(() => index.putSegment(partition, link.level, segment))
    const segment =
      'segment' in link
        ? await put(link.segment)
        : await fillGap(ports, log, link, { before, producers, chain }, budget, put)
    standing.push({ level: link.level, segment })
  }
  for (const [producerId, producer] of producers) {
    await insist(() => index.putProducer(partition, producerId, producer, clock.nowMs()))
  }
  await adopt(ports, log, chain, standing, budget)
  const kept = [...chain.merged, ...chain.rolled]
  return {
    startOffset: chain.startOffset,
    recordsEnd: last?.end ?? chain.startOffset,
    nextOffset: standing.at(-1)!.segment.end,
    segments: kept.length,
    records: kept.reduce((sum, { records }) => sum + records, 0),
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    gaps: chain.gaps,
  }
}

const NOBODY: ReadonlyMap<bigint, FlushedProducer> = new Map()

function lastSegment({ merged, rolled }: Chain): Segment | undefined {
  return rolled.at(-1) ?? merged.at(-1)
}

/** All that is to stand in the index, in order; the last one leads to an offset that nobody has been told. */
function linksOf({ merged, rolled, generation, mergedOffset, startOffset, gaps }: Chain): Link[] {
  const end = Math.max(startOffset, rolled.at(-1)?.end ?? merged.at(-1)?.end ?? 0, gaps.at(-1)?.to ?? 0)
  // What gives offsets that were told before is worse than a log with a hole.
  const next = (Math.floor(end / REBUILD_OFFSETS_STEP) + 1) * REBUILD_OFFSETS_STEP
  const holes = [...gaps, { from: toOffset(end), to: toOffset(next) }]
  const links: Link[] = [
    ...merged.map(segment => ({ level: generation, segment })),
    ...rolled.map(segment => ({ level: 'rolled' as const, segment })),
    ...holes.map(gap => ({ level: gap.from < mergedOffset ? generation : ('rolled' as const), gap })),
  ]
  return links.sort((one, other) => baseOf(one) - baseOf(other))
}

function baseOf(link: Link): Offset {
  return 'segment' in link ? link.segment.baseOffset : link.gap.from
}

/** Puts a segment without records where there are none any more. */
async function fillGap(
  ports: Ports,
  log: Log,
  { level, gap }: Link & { readonly gap: Gap },
  {
    before,
    producers,
    chain,
  }: { before: Segment | undefined; producers: ReadonlyMap<bigint, FlushedProducer>; chain: Chain },
  budget: Budget,
  put: (segment: Segment) => Promise<Segment>,
): Promise<Segment> {
  const [stands] = await retryUntil(ports, budget.deadlineMs, 'no', () =>
    ports.index.readSegments(log.partition, level, gap.from, 1),
  )
  // Of an earlier try.
  if (stands?.baseOffset === gap.from) return stands
  const plan = {
    level,
    baseOffset: gap.from,
    end: gap.to,
    stretches: nothing,
    startOffset: chain.startOffset,
    // As old as what comes before it, and so it goes with that.
    createdMs: before?.createdMs ?? ports.clock.nowMs(),
    writes: 1,
    loggedBytes: before?.loggedBytes ?? 0,
    tombstonesMs: 0,
    producers,
  }
  const written = await writeSegment(ports, log, plan, budget)
  const standing = await put(written.segment)
  await endIntent(ports, written, standing, budget)
  return standing
}

async function* nothing(): AsyncGenerator<never> {}

/** Has all that stands come to count in one step. */
async function adopt(
  ports: Ports,
  { partition }: Log,
  { startOffset, mergedOffset, generation, cleaning, cleanOffset }: Chain,
  standing: readonly Standing[],
  budget: Budget,
): Promise<void> {
  const segments = standing.map(({ segment }) => segment)
  const merged = standing.filter(({ level }) => level !== 'rolled').map(({ segment }) => segment)
  const nextOffset = segments.at(-1)!.end
  const loggedBytes = segments.reduce((max, segment) => Math.max(max, segment.loggedBytes), 0)
  const settled = {
    ...UNSETTLED,
    firstOffset: merged[0]?.baseOffset ?? mergedOffset,
    mergedOffset,
    settledOffset: nextOffset,
    generation,
    cleaning,
    cleanOffset,
    ...sumOf(segments),
    loggedBytes,
    settledMs: ports.clock.nowMs(),
    mergedMaxMs: Math.max(0, latestOf(merged)),
  }
  const maxTimestampMs = latestOf(segments)
  const move = {
    kind: 'adopt' as const,
    settled,
    startOffset,
    nextOffset,
    flushed: { bytes: loggedBytes, maxTimestampMs },
  }
  await retryUntil(ports, budget.deadlineMs, 'no', async isUnsure => {
    const made = await ports.index.rearrange(partition, move)
    const isThere = made?.moved || (isUnsure && made?.head.settled.segmentSum === settled.segmentSum)
    if (!isThere) throw new Error(`the head of partition ${partition.partition} is not as it was made`)
  })
}
