import { stretchFrom } from '../../core/batches/stretches.ts'
import type { Head } from '../../core/log/head.ts'
import { planMerge } from '../../core/log/settled/plan-merge.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { sumOf } from '../../core/log/settled/segment-sum.ts'
import type { Settled } from '../../core/log/settled/settled.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { readCounted, readFooter } from './counted-segments.ts'
import { Moved, readRuns, segmentSource } from './read-runs.ts'
import { mergeRules } from './rules.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { endIntent, type Log, type SegmentPlan, writeSegment } from './write-segment.ts'

/** What a merge has come to. */
export interface Merged {
  readonly head: Head
  /** That were written; 0 where a segment was taken over as it is. */
  readonly mergedBytes: number
}

/**
 * Makes one large segment out of the oldest rolled ones, where there are enough, and has it count in their place. One that is
 * large enough as it is goes one level up with the object that it has. Undefined: there are not enough.
 * @throws Moved where somebody else settles it, too, or the log is gone
 */
export async function merge(
  ports: Ports,
  settings: SettlingSettings,
  log: Log,
  head: Head,
  budget: Budget,
): Promise<Merged | undefined> {
  const { mergedOffset, settledOffset } = head.settled
  const range = { level: 'rolled', lo: mergedOffset, hi: settledOffset } as const
  const rolled = await readCounted(
    ports,
    log.partition,
    range,
    budget.deadlineMs,
    settings.mergeSegmentsMax + 1,
  )
  const plan = planMerge(rolled, mergeRules(settings, log.topic, mergedOffset))
  if (!plan) return undefined
  if (plan.kind === 'take over') return await takeOver(ports, log, head, plan.input, budget)
  return await writeMerged(ports, log, head, plan.inputs, budget)
}

/** Has a rolled segment that begins at mergedOffset count as a merged one. No bytes are copied. */
export async function takeOver(
  ports: Ports,
  log: Log,
  head: Head,
  segment: Segment,
  budget: Budget,
): Promise<Merged> {
  const { generation } = head.settled
  const put = () => ports.index.putSegment(log.partition, generation, segment)
  const standing = await retryUntil(ports, budget.deadlineMs, 'no', put)
  const after = await settleMerged(ports, log, head.settled, standing, budget)
  return { head: after, mergedBytes: 0 }
}

async function writeMerged(
  ports: Ports,
  log: Log,
  head: Head,
  inputs: readonly Segment[],
  budget: Budget,
): Promise<Merged> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, budget.deadlineMs, 'no', step)
  const { partition } = log
  const { generation, mergedOffset } = head.settled
  const last = inputs.at(-1)!
  const hasMoved = async () => {
    const now = (await insist(() => ports.index.readHead(partition)))?.settled
    return now?.generation !== generation || now.mergedOffset !== mergedOffset
  }
  const sources = inputs.map(segment => segmentSource(partition, segment))
  const plan: SegmentPlan = {
    level: generation,
    baseOffset: mergedOffset,
    end: last.end,
    stretches: async function* () {
      for await (const stretch of readRuns(ports, sources, hasMoved, budget.deadlineMs)) {
        // The first one may begin below: a pass or a deletion has ended in its midst.
        const counted = stretchFrom(stretch, mergedOffset)
        if (counted) yield counted
      }
    },
    startOffset: head.startOffset,
    createdMs: Math.max(...inputs.map(({ createdMs }) => createdMs)),
    writes: Math.max(...inputs.map(({ writes }) => writes)) + 1,
    loggedBytes: last.loggedBytes,
    tombstonesMs: Math.max(...inputs.map(({ tombstonesMs }) => tombstonesMs)),
    producers: (await readFooter(ports, partition, last, budget.deadlineMs))?.producers ?? new Map(),
  }
  const written = await writeSegment(ports, log, plan, budget)
  const { segment } = written
  const standing = await insist(() => ports.index.putSegment(partition, generation, segment))
  const after = await settleMerged(ports, log, head.settled, standing, budget)
  await endIntent(ports, written, standing, budget)
  return { head: after, mergedBytes: segment.bytes }
}

/**
 * Moves the boundary over a merged segment that stands at it, whoever has put it. What ceases to count is read only now that it
 * is known which one stands, and has to cover it without a gap.
 * @throws Moved where the boundary has gone elsewhere, or the log is gone
 */
export async function settleMerged(
  ports: Ports,
  { partition }: Log,
  settled: Settled,
  segment: Segment,
  { deadlineMs }: Budget,
): Promise<Head> {
  const { generation, mergedOffset, settledOffset } = settled
  const inputs: Segment[] = []
  for (let reached = mergedOffset; reached < segment.end; ) {
    const range = { level: 'rolled', lo: reached, hi: settledOffset } as const
    const found = await readCounted(ports, partition, range, deadlineMs)
    const following = found.filter(({ end }) => end <= segment.end)
    for (const input of following) {
      if (input.baseOffset > reached) throw notThere(segment)
      inputs.push(input)
      reached = input.end
    }
    if (following.length === 0) throw notThere(segment)
  }
  const move = { kind: 'merge', generation, segment, inputs: sumOf(inputs) } as const
  const made = await retryUntil(ports, deadlineMs, 'no', () => ports.index.rearrange(partition, move))
  const now = made?.head.settled
  if (!made || !now || (!made.moved && (now.generation !== generation || now.mergedOffset < segment.end)))
    throw notThere(segment)
  return made.head
}

function notThere({ baseOffset, end }: Segment): Moved {
  return new Moved(`the merged segment from ${baseOffset} to ${end} does not come to count`)
}
