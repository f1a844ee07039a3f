import { type Block, blockEnd } from '../../core/log/block.ts'
import { type PlacedEntry, placeEntries } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import type { FlushedProducer } from '../../core/log/producers/flushed-producer.ts'
import { producersAfter } from '../../core/log/producers/producers-after.ts'
import { planRoll, type RollRules } from '../../core/log/settled/plan-roll.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import type { Offset } from '../../core/numbers.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { lastSegment, readFooter } from './counted-segments.ts'
import { entrySources, Moved, readRuns } from './read-runs.ts'
import { RecordsMissing } from './records-missing.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { endIntent, type Log, writeSegment } from './write-segment.ts'

const BLOCKS_PER_READ = 16
/** Entries that are looked at for one segment: a backlog may be of very small ones. */
const ROLL_ENTRIES_MAX = 8_192

/**
 * Makes the next segment of a log out of its oldest blocks, where that is due, and has it count. The object stands before the
 * item, the item before the boundary moves over it, and the boundary before the blocks go: whoever comes in between finds what
 * stands there and goes on. Undefined: nothing is due.
 * @throws RecordsMissing where nothing lies before them that could be rolled; Moved where somebody else settles it, too, or the log
 *   is gone
 */
export async function roll(
  ports: Ports,
  settings: SettlingSettings,
  log: Log,
  head: Head,
  rules: RollRules,
  budget: Budget,
): Promise<{ head: Head; rolledBytes: number } | undefined> {
  const blocks = planRoll(head, await blocksToRoll(ports, log, head, settings.rollBytes, budget), rules)
  if (blocks.length === 0) return undefined
  try {
    return await rollThese(ports, log, head, blocks, budget)
  } catch (error) {
    // What lies before them goes on: so nobody copies it again each time that somebody tries.
    const before = error instanceof RecordsMissing && blocksBelow(blocks, error.baseOffset)
    if (!before || before.length === 0) throw error
    return await rollThese(ports, log, head, before, budget)
  }
}

function blocksBelow(blocks: readonly Block[], offset: Offset): Block[] {
  return blocks.filter(block => blockEnd(block) <= offset)
}

/** @param blocks one at least, from settledOffset on */
async function rollThese(
  ports: Ports,
  log: Log,
  head: Head,
  blocks: readonly Block[],
  budget: Budget,
): Promise<{ head: Head; rolledBytes: number }> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, budget.deadlineMs, 'no', step)
  const { partition } = log
  const { settledOffset } = head.settled
  const last = blocks.at(-1)!
  const placed = blocks.flatMap(block => placeEntries(block.baseOffset, block.entries))
  const end = blockEnd(last)
  const hasMoved = async () =>
    (await insist(() => ports.index.readHead(partition)))?.settled.settledOffset !== settledOffset
  const written = await writeSegment(
    ports,
    log,
    {
      level: 'rolled',
      baseOffset: settledOffset,
      end,
      stretches: () => readRuns(ports, entrySources(placed), hasMoved, budget.deadlineMs),
      startOffset: head.startOffset,
      createdMs: Math.max(...placed.map(({ entry }) => entry.createdMs)),
      writes: 2,
      loggedBytes: last.summary.bytes,
      tombstonesMs: 0,
      producers: await producersAt(ports, log, head, placed, budget),
    },
    budget,
  )
  const { segment } = written
  const standing = await insist(() => ports.index.putSegment(partition, 'rolled', segment))
  const after = await settle(ports, log, standing, budget)
  await endIntent(ports, written, standing, budget)
  return { head: after, rolledBytes: segment.bytes }
}

/**
 * Moves the boundary over a segment that stands at it, whoever has put it, and removes the blocks below. Where somebody else was
 * faster, the head is as that one left it.
 * @throws Moved where the boundary has gone elsewhere, or the log is gone
 */
export async function settle(
  ports: Ports,
  { partition }: Log,
  segment: Segment,
  { deadlineMs }: Budget,
): Promise<Head> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const nowMs = ports.clock.nowMs()
  const made = await insist(() => ports.index.rearrange(partition, { kind: 'settle', segment, nowMs }))
  const settledOffset = made?.head.settled.settledOffset
  if (!made || settledOffset === undefined || (!made.moved && settledOffset < segment.end))
    throw new Moved(`the segment at ${segment.baseOffset} does not come to count`)
  await insist(() => ports.index.removeBlocksBelow(partition, settledOffset))
  return made.head
}

/** The blocks from settledOffset on, without a gap, until they are enough for one segment. */
async function blocksToRoll(
  ports: Ports,
  { partition }: Log,
  { settled, tailOffset }: Head,
  bytes: number,
  { deadlineMs }: Budget,
): Promise<Block[]> {
  const blocks: Block[] = []
  let next = settled.settledOffset
  let entries = 0
  while (next < tailOffset && entries < ROLL_ENTRIES_MAX) {
    const read = () => ports.index.readBlocks(partition, next, BLOCKS_PER_READ)
    const found = await retryUntil(ports, deadlineMs, 'no', read)
    // Below the boundary none counts, and what stands at the tail may be about to be replaced.
    const following = found.filter(block => block.baseOffset >= next && block.baseOffset < tailOffset)
    for (const block of following) {
      if (block.baseOffset !== next) throw new Moved(`there is no block at ${next} any more`)
      blocks.push(block)
      entries += block.entries.length
      next = blockEnd(block)
      if (block.summary.bytes - settled.loggedBytes >= bytes) return blocks
    }
    if (following.length === 0) throw new Moved(`there is no block at ${next} any more`)
  }
  return blocks
}

/** What will be known of the producers at the end of these entries. */
async function producersAt(
  ports: Ports,
  { partition }: Log,
  { settled }: Head,
  placed: readonly PlacedEntry[],
  { deadlineMs }: Budget,
): Promise<Map<bigint, FlushedProducer>> {
  const before = await lastSegment(ports, partition, settled, deadlineMs)
  const footer = before && (await readFooter(ports, partition, before, deadlineMs))
  return producersAfter(footer?.producers ?? new Map(), placed, ports.clock.nowMs())
}
