import { batchesOf } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { type Block, blockEnd } from '../../core/log/block.ts'
import { countBytes, type IndexEntry, type PlacedEntry, placeEntries, spanOf } from '../../core/log/entry.ts'
import { findHeadProblems, type Head } from '../../core/log/head.ts'
import { type LogSummary, summarize } from '../../core/log/summary.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import { DamagedBatch } from '../../core/record/batch-header.ts'
import { placeKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { readPlace } from '../reading/walk.ts'
import { error, type Finding, type VerifySummary } from './finding.ts'
import type { ReferredObjects } from './referred-objects.ts'
import type { SegmentsCheck } from './verify-segments.ts'

const BLOCKS_PER_READ = 64

/** Checks a log as its head shows it: blocks and tail, and, unless it is `isOfIndex`, what they point at. */
export async function* verifyLog(
  { ports, partition, place, summary, isOfIndex = false }: SegmentsCheck,
  head: Head,
  referred: ReferredObjects,
): AsyncGenerator<Finding> {
  for (const problem of findHeadProblems(head)) yield error(`${place} head`, problem)

  yield* verifyUntrimmed(ports, partition, head, place, referred)
  const from = toOffset(Math.max(head.startOffset, head.settled.settledOffset))
  let next: Offset | undefined
  let before: LogSummary | undefined
  for await (const block of blocksOf(ports, partition, head)) {
    noteObjects(block.entries, referred)
    // It waits for being dropped, and nobody reads it.
    if (blockEnd(block) <= from) continue
    const blockPlace = `${place} block ${block.baseOffset}`
    summary.blocks += 1
    for (const problem of findBlockProblems(block, head, next, before)) {
      yield error(blockPlace, problem)
    }
    if (!isOfIndex) {
      const placed = placeEntries(block.baseOffset, block.entries)
      yield* verifyEntries(ports, placed, blockPlace, referred, summary)
    }
    next = blockEnd(block)
    before = block.summary
  }
  const covered = next ?? head.tailOffset
  if (covered !== head.tailOffset || (next === undefined && from < head.tailOffset)) {
    const missing = next ?? from
    yield error(place, `offsets ${missing} to ${head.tailOffset - 1} are in no block`)
  }
  if (
    before &&
    (before.bytes !== head.flushed.bytes || before.maxTimestampMs !== head.flushed.maxTimestampMs)
  ) {
    yield error(`${place} head`, 'its sums are not those of the last block')
  }
  if (isOfIndex) return
  yield* verifyEntries(ports, placeEntries(head.tailOffset, head.tail), `${place} tail`, referred, summary)
}

/** What a log points at, without a look at it. */
export async function noteReferred(
  ports: Ports,
  partition: PartitionId,
  referred: ReferredObjects,
): Promise<void> {
  const head = await ports.index.readHead(partition)
  if (!head) return
  noteObjects(head.tail, referred)
  for await (const block of blocksOf(ports, partition, head)) noteObjects(block.entries, referred)
  for (const block of await ports.index.readBlocks(partition, head.tailOffset, 2)) {
    noteObjects(block.entries, referred)
  }
}

function noteObjects(entries: readonly IndexEntry[], referred: ReferredObjects): void {
  for (const { place } of entries) if (place.kind === 'object') referred.add(place.object)
}

/**
 * A block that was put, but whose entries still stand in the tail: a crash in the middle of a flush leaves one,
 * and the next flush goes on from it. What it points at is in use; its entries must be the tail's.
 */
async function* verifyUntrimmed(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  place: string,
  referred: ReferredObjects,
): AsyncGenerator<Finding> {
  for (const block of await ports.index.readBlocks(partition, head.tailOffset, 2)) {
    // One further on was put after the head was read.
    if (block.baseOffset !== head.tailOffset) continue
    noteObjects(block.entries, referred)
    const isTail = block.entries.every((entry, index) => entry.id === head.tail[index]?.id)
    if (isTail) continue
    yield error(
      `${place} block ${block.baseOffset}`,
      'is to take entries out of the tail that do not stand there',
    )
  }
}

/** The blocks between what has settled and the tail. Those put meanwhile are left out, and so are those that have settled. */
async function* blocksOf(ports: Ports, partition: PartitionId, head: Head): AsyncGenerator<Block> {
  const { settledOffset } = head.settled
  let from = settledOffset
  while (from < head.tailOffset) {
    const blocks = await ports.index.readBlocks(partition, from, BLOCKS_PER_READ)
    const fresh = blocks.filter(
      block =>
        block.baseOffset >= settledOffset && block.baseOffset < head.tailOffset && blockEnd(block) > from,
    )
    yield* fresh
    const last = fresh.at(-1)
    if (!last) return
    from = blockEnd(last)
  }
}

function findBlockProblems(
  block: Block,
  head: Head,
  expected: Offset | undefined,
  before: LogSummary | undefined,
): string[] {
  const problems: string[] = []
  const { settledOffset, loggedBytes } = head.settled
  const from = expected ?? Math.max(head.startOffset, settledOffset)
  if (expected === undefined ? block.baseOffset > from : block.baseOffset !== expected) {
    problems.push(`does not follow the block before it: expected offset ${from}`)
  }
  if (spanOf(block.entries) === 0) problems.push('holds no records')
  const sums = before && summarize(before, block.entries)
  const isFirstUnsettled = settledOffset > 0 && block.baseOffset === settledOffset
  if (isFirstUnsettled && loggedBytes + countBytes(block.entries) !== block.summary.bytes) {
    problems.push('its sums do not follow on those of what has settled')
  }
  if (sums && (sums.bytes !== block.summary.bytes || sums.maxTimestampMs !== block.summary.maxTimestampMs)) {
    problems.push('its sums do not add up')
  }
  return problems
}

async function* verifyEntries(
  ports: Ports,
  entries: readonly PlacedEntry[],
  place: string,
  referred: ReferredObjects,
  summary: VerifySummary,
): AsyncGenerator<Finding> {
  for (const { baseOffset, entry } of entries) {
    summary.entries += 1
    noteObjects([entry], referred)
    const entryPlace = `${place} offset ${baseOffset}`
    const bytes = await readPlace(ports.objects, entry.place, entry.bytes)
    if (!bytes || bytes.length < entry.bytes) {
      const key = entry.place.kind === 'inline' ? 'the index' : placeKey(entry.place)
      yield error(
        entryPlace,
        `${entry.bytes} bytes should be in ${key}; ${bytes ? `only ${bytes.length} are` : 'it is not there'}`,
      )
      continue
    }
    const problem = findRunProblem(bytes, baseOffset, entry, summary)
    if (problem) yield error(entryPlace, problem)
  }
}

/** Checks every batch of an entry, CRC included, and what the entry says of them. */
function findRunProblem(
  bytes: Uint8Array,
  baseOffset: Offset,
  entry: IndexEntry,
  summary: VerifySummary,
): string | undefined {
  let covered = 0
  let records = 0
  let maxTimestampMs = -1
  const boundaries = new Map<number, number>()
  try {
    for (const { position, header, span } of batchesOf(bytes, baseOffset)) {
      boundaries.set(position, covered)
      covered += span
      records += header.recordCount
      maxTimestampMs = Math.max(maxTimestampMs, header.maxTimestamp)
      summary.batches += 1
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    // What to do about it, verify's own lines say.
    const told = error.cause instanceof TidemarkError ? error.cause : error
    return told instanceof DamagedBatch ? `${told.damage}.` : told.message
  }
  summary.records += records
  summary.bytes += bytes.length
  if (covered !== entry.span) return `covers ${covered} offsets; the index says ${entry.span}`
  if (maxTimestampMs !== entry.maxTimestampMs) {
    return `its largest timestamp is ${maxTimestampMs}; the index says ${entry.maxTimestampMs}`
  }
  const wrongMark = entry.marks.find(mark => boundaries.get(mark.bytes) !== mark.span)
  if (wrongMark) return `no batch with record ${wrongMark.span} begins at byte ${wrongMark.bytes}`
  return undefined
}
