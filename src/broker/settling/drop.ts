import { blockEnd } from '../../core/log/block.ts'
import type { Move } from '../../core/log/changes/rearrange.ts'
import type { Head } from '../../core/log/head.ts'
import { holderOf, planDrop } from '../../core/log/settled/plan-drop.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { type SegmentSums, sumOf } from '../../core/log/settled/segment-sum.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { countedPages } from './read-chain.ts'
import { Moved } from './read-runs.ts'
import type { Log } from './write-segment.ts'

/** A move that drops what lies wholly below the start. */
export type Drop = Extract<Move, { readonly kind: 'drop' }>

/**
 * Drops what lies wholly below the log's start. Undefined where that is nothing.
 * @throws Moved where somebody else moves it, too, or the log is gone
 */
export async function drop(ports: Ports, log: Log, head: Head, budget: Budget): Promise<Head | undefined> {
  const planned = await planDropTo(ports, log, head, head.startOffset, budget)
  if (!planned) return undefined
  const made = await retryUntil(ports, budget.deadlineMs, 'no', () =>
    ports.index.rearrange(log.partition, planned),
  )
  if (!made?.moved) throw new Moved(`what lies below ${planned.to} has been moved meanwhile`)
  const { settledOffset } = made.head.settled
  // No roll ever does it where nothing is appended any more.
  if (settledOffset > head.settled.settledOffset) {
    await retryUntil(ports, budget.deadlineMs, 'no', () =>
      ports.index.removeBlocksBelow(log.partition, settledOffset),
    )
  }
  return made.head
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
  const { settled, tailOffset, flushed } = head
  const { settledOffset, segmentSum, bytes } = settled
  const base = await findBase(ports, { partition, head, startOffset, deadlineMs })
  const to = planDrop(head, startOffset, base)
  if (to === undefined) return undefined
  if (to <= settledOffset) {
    const removed = await sumsBelow(ports, { partition, head, to, deadlineMs })
    return { kind: 'drop', from: settled, to, removed }
  }
  // All that has settled goes, and the sums are those of the head.
  const loggedBytes = to === tailOffset ? flushed.bytes : await loggedAt(ports, partition, to, deadlineMs)
  return { kind: 'drop', from: settled, to, removed: { segmentSum, bytes }, loggedBytes }
}

interface Below {
  readonly partition: Log['partition']
  readonly head: Head
  readonly deadlineMs: number
}

type Holder = Pick<Segment, 'baseOffset' | 'end'>

/** Where what holds an offset begins, in its level. */
async function findBase(
  ports: Ports,
  { partition, head, startOffset, deadlineMs }: Below & { readonly startOffset: Offset },
): Promise<Offset> {
  const holder = holderOf(head, startOffset)
  if (holder === undefined || holder === 'tail') return head.tailOffset
  const level = holder === 'merged' ? head.settled.generation : 'rolled'
  const [found] = await retryUntil(ports, deadlineMs, 'no', async (): Promise<Holder[]> => {
    if (holder !== 'block') return await ports.index.readSegments(partition, level, startOffset, 1)
    const blocks = await ports.index.readBlocks(partition, startOffset, 1)
    return blocks.map(block => ({ baseOffset: block.baseOffset, end: blockEnd(block) }))
  })
  if (!found || found.baseOffset > startOffset || found.end <= startOffset)
    throw new Moved(`nothing holds ${startOffset} any more`)
  return found.baseOffset
}

async function sumsBelow(
  ports: Ports,
  { partition, head, to, deadlineMs }: Below & { readonly to: Offset },
): Promise<SegmentSums> {
  const below: Segment[] = []
  for await (const { page } of countedPages(ports, partition, head.settled, deadlineMs)) {
    below.push(...page.filter(({ end }) => end <= to))
    if (page.at(-1)!.end >= to) break
  }
  return sumOf(below)
}

/** Of all batches up to a block's beginning. */
async function loggedAt(
  ports: Ports,
  partition: Log['partition'],
  to: Offset,
  deadlineMs: number,
): Promise<number> {
  const read = () => ports.index.readBlocks(partition, toOffset(to - 1), 1)
  const [before] = await retryUntil(ports, deadlineMs, 'no', read)
  if (before && blockEnd(before) === to) return before.summary.bytes
  throw new Moved(`there is no block before ${to}`)
}
