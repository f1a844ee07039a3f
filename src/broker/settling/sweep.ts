import { deadNote } from '../../core/garbage.ts'
import type { Head } from '../../core/log/head.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import { type LevelRange, levelsOf } from '../../core/log/settled/levels.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import type { Settled } from '../../core/log/settled/settled.ts'
import { toOffset } from '../../core/numbers.ts'
import { logObjectKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { segmentAt } from './counted-segments.ts'

/** Segments that are read together: those that do not count any more come first, and there are few of them. */
const SEGMENTS_PER_READ = 100
/** Segments that are noted and removed at the same time. */
const SEGMENTS_PARALLEL_MAX = 8

/**
 * Removes what does not count any more and never will: blocks below settledOffset, segments below the boundaries of their
 * levels, and generations that nobody makes any more. Goes by any head, however old, since boundaries only grow. Each object is
 * noted as dead before the item that names it goes.
 * @param isThorough also where only what came late can be
 */
export async function sweep(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  isThorough: boolean,
  budget: Budget,
): Promise<void> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, budget.deadlineMs, 'no', step)
  const { settled } = head
  if (isThorough) await insist(() => ports.index.removeBlocksBelow(partition, settled.settledOffset))
  for (const range of levelsOf(settled)) await sweepLevel(ports, partition, head, range, budget)
  const before = isThorough ? await insist(() => generationsBelow(ports, partition, settled.generation)) : []
  for (const level of [...before, ...givenUp(settled)])
    await sweepLevel(ports, partition, head, { level }, budget)
}

/** Generations of before of which something stands, however long ago they counted: they sort before the one that does. */
async function generationsBelow(ports: Ports, partition: PartitionId, generation: number): Promise<number[]> {
  const found = new Set<number>()
  for await (const { level } of ports.index.segments(partition)) {
    if (level === 'rolled' || level >= generation) break
    found.add(level)
  }
  return [...found]
}

/** Generations that nobody makes any more, and that nobody takes anything over from. */
function givenUp({ generation, cleaning, resumes }: Settled): number[] {
  const between = Array.from(
    { length: Math.max(0, cleaning - generation - 1) },
    (_, at) => generation + 1 + at,
  )
  return between.filter(each => each !== resumes)
}

/** @param range of a dead generation only the level: nothing of it counts */
async function sweepLevel(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  { level, lo, hi }: Pick<LevelRange, 'level'> & Partial<LevelRange>,
  budget: Budget,
): Promise<void> {
  for (;;) {
    const read = () => ports.index.readSegments(partition, level, toOffset(0), SEGMENTS_PER_READ)
    const found = await retryUntil(ports, budget.deadlineMs, 'no', read)
    // Up to the first one that counts; without any, up to the boundary, at which one may stand that is about to.
    const [counted] = lo === undefined || hi === undefined ? [] : countedIn(found, lo, hi)
    const first = found.findIndex(
      segment => segment === counted || segment.baseOffset >= (hi ?? Number.POSITIVE_INFINITY),
    )
    const stray = first < 0 ? found : found.slice(0, first)
    await fewAtATime(stray, SEGMENTS_PARALLEL_MAX, segment =>
      removeStray(ports, partition, head, level, segment, budget),
    )
    if (stray.length === 0 || stray.length < found.length || found.length < SEGMENTS_PER_READ) return
    await budget.pace(0)
  }
}

async function removeStray(
  ports: Ports,
  partition: PartitionId,
  { settled }: Head,
  level: Level,
  segment: Segment,
  { deadlineMs }: Budget,
): Promise<void> {
  const { clock, entropy, index, upkeep } = ports
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const { generation } = settled
  // One level up, or in the next generation, the same object may have been taken over as it is.
  const above =
    level === generation
      ? undefined
      : await segmentAt(ports, partition, generation, segment.baseOffset, deadlineMs)
  if (above?.id !== segment.id) {
    const key = logObjectKey(partition, segment.baseOffset, segment.id)
    const note = deadNote(key, clock.nowMs(), 1, entropy.id())
    await insist(() => upkeep.putNote(note))
  }
  await insist(() => index.removeSegment(partition, level, segment))
}
