import type { Move } from '../../core/log/changes/rearrange.ts'
import type { Head } from '../../core/log/head.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { type SegmentSums, sumOf } from '../../core/log/settled/segment-sum.ts'
import { blockEnd } from '../../core/log/block.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { levelsOf, readCounted } from './counted-segments.ts'
import { Moved } from './read-runs.ts'
import type { Log } from './write-segment.ts'

/** A move that drops what lies wholly below the start. */
export type Drop = Extract<Move, { readonly kind: 'drop' }>

/**
 * Drops what lies wholly below the log's start. Undefined where that is nothing, or the log is gone.
 * @throws Moved where somebody else moves it, too
 */
export async function drop(ports: Ports, log: Log, head: Head, budget: Budget): Promise<Head | undefined> {
  const planned = await planDropTo(ports, log, head, head.startOffset, budget)
  if (!planned) return undefined
  const made = await retryUntil(ports, budget.deadlineMs, 'no', () =>
    ports.index.rearrange(log.partition, planned),
  )
  if (made && !made.moved) throw new Moved(`what lies below ${planned.to} has been moved meanwhile`)
  return made?.head
}

/**
 * The move that drops what lies wholly below `startOffset`; undefined where that is nothing. Whoever moves the start along adds
 * it to the move.
 */
export async function planDropTo(
  ports: Ports,
  { partition }: Log,
  head: Head,
  startOffset: Offset,
  { deadlineMs }: Budget,
): Promise<Drop | undefined> {
  const { settled, tailOffset } = head
  const { firstOffset, settledOffset, segmentSum, bytes } = settled
  const to = await findBase(ports, { partition, head, startOffset, deadlineMs })
  if (to <= firstOffset) return undefined
  if (to <= settledOffset) {
    const removed = await sumsBelow(ports, { partition, head, to, deadlineMs })
    return { kind: 'drop', from: settled, to, removed }
  }
  // All that has settled goes, and the sums are those of the head.
  const loggedBytes = to === tailOffset ? head.flushed.bytes : await loggedAt(ports, partition, to, deadlineMs)
  return { kind: 'drop', from: settled, to, removed: { segmentSum, bytes }, loggedBytes }
}

interface Below {
  readonly partition: Log['partition']
  readonly head: Head
  readonly deadlineMs: number
}

/** Where what holds an offset begins: a segment, or what of it counts; a block; the tail. */
async function findBase(
  ports: Ports,
  { partition, head, startOffset, deadlineMs }: Below & { readonly startOffset: Offset },
): Promise<Offset> {
  const { settled, tailOffset } = head
  if (startOffset >= tailOffset) return tailOffset
  if (startOffset >= settled.settledOffset) {
    const read = () => ports.index.readBlocks(partition, startOffset, 1)
    const [block] = await retryUntil(ports, deadlineMs, 'no', read)
    const holds = block && block.baseOffset >= settled.settledOffset && blockEnd(block) > startOffset
    if (!holds || block.baseOffset > startOffset) throw new Moved(`there is no block at ${startOffset}`)
    return block.baseOffset
  }
  const range = levelsOf(settled).find(({ lo, hi }) => lo <= startOffset && startOffset < hi)
  if (!range) return settled.firstOffset
  const [segment] = await readCounted(ports, partition, { ...range, lo: startOffset }, deadlineMs, 1)
  if (!segment || segment.baseOffset > startOffset) throw new Moved(`there is no segment at ${startOffset}`)
  return toOffset(Math.max(segment.baseOffset, range.lo))
}

async function sumsBelow(
  ports: Ports,
  { partition, head, to, deadlineMs }: Below & { readonly to: Offset },
): Promise<SegmentSums> {
  const below: Segment[] = []
  for (const range of levelsOf(head.settled)) {
    for (let { lo } = range; lo < Math.min(range.hi, to); ) {
      const found = await readCounted(ports, partition, { ...range, lo }, deadlineMs)
      const last = found.at(-1)
      if (!last || last.end <= lo) throw new Moved(`there is no segment at ${lo}`)
      below.push(...found.filter(({ end }) => end <= to))
      lo = last.end
    }
  }
  return sumOf(below)
}

/** Of all batches up to a block's beginning. */
async function loggedAt(ports: Ports, partition: Log['partition'], to: Offset, deadlineMs: number): Promise<number> {
  const read = () => ports.index.readBlocks(partition, toOffset(to - 1), 1)
  const [before] = await retryUntil(ports, deadlineMs, 'no', read)
  if (before && blockEnd(before) === to) return before.summary.bytes
  throw new Moved(`there is no block before ${to}`)
}
