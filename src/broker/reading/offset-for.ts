import type { FoundOffset, OffsetFor } from '../../contract/broker.ts'
import { batchesOf, type RunBatch } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { FOOTER_SPARED_BYTES, READ_AGAIN_MAX, SEGMENTS_READ_MAX } from '../../core/limits.ts'
import { type Block, blockEnd } from '../../core/log/block.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import {
  advance,
  later,
  type Offset,
  toOffset,
  toPosition,
  toWholeNumber,
  wholeNumberWords,
} from '../../core/numbers.ts'
import { findTimestamp } from '../../core/record/find-timestamp.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { Lane } from '../../core/turns.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { partitionGone } from '../topics/topic-directory.ts'
import { FooterCache } from './footers.ts'
import { LogStartMoved, missingBytes, readPlace, walkEntries, walkSegments } from './walk.ts'

/** What is looked for, and where. */
interface Look {
  readonly ports: Ports
  readonly partition: PartitionId
  readonly head: Head
  readonly timestampMs: number
  readonly footers: FooterCache
  readonly looks: Lane
}

/**
 * Kafka's ListOffsets.
 * @param looks what looks for times into stored batches at the same time: each has the bytes of an entry in memory, or of a
 *   stretch of a segment
 */
export async function offsetFor(
  ports: Ports,
  directory: TopicDirectory,
  { topic, partition, at }: OffsetFor,
  footers = new FooterCache(ports.objects),
  looks = new Lane(1),
): Promise<FoundOffset> {
  for (let misses = 0; ; misses += 1) {
    const id = await directory.resolvePartition(topic, partition)
    const head = await ports.index.readHead(id)
    if (!head) {
      // Deleted: the next look tells the caller so, unless there is another topic of that name.
      if (misses === READ_AGAIN_MAX) throw partitionGone('no')
      directory.forget(topic)
      continue
    }
    if (at === 'earliest') return { offset: head.startOffset, timestampMs: null }
    if (at === 'latest') return { offset: head.nextOffset, timestampMs: null }
    checkTimestamp(at.timestampMs)
    try {
      const { timestampMs } = at
      return await offsetForTime({ ports, partition: id, head, timestampMs, footers, looks })
    } catch (error) {
      // Records were deleted while we looked: look again from the new start.
      if (!(error instanceof LogStartMoved)) throw error
      if (misses === READ_AGAIN_MAX) throw missingBytes(head.startOffset)
    }
  }
}

/** A time of the future is none of a record, which is an answer and no mistake. */
function checkTimestamp(timestampMs: number): void {
  if (typeof timestampMs === 'number' && toWholeNumber(timestampMs) !== undefined) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    `timestampMs is ${wholeNumberWords({}, 'milliseconds')}, since 1970, and not ${JSON.stringify(timestampMs)}.`,
  )
}

async function offsetForTime(look: Look): Promise<FoundOffset> {
  const { ports, partition, head, timestampMs, looks } = look
  const { mergedOffset, mergedMaxMs } = head.settled
  // A look at the merged ones that finds nothing would be one read too many.
  const from = timestampMs > mergedMaxMs ? later(head.startOffset, mergedOffset) : head.startOffset
  // Each segment knows its own largest timestamp, and one answer of the index tells of many.
  const segments = walkSegments(ports.index, partition, head, from, { first: SEGMENTS_READ_MAX })
  for await (const placed of segments) {
    if (placed.entry.maxTimestampMs < timestampMs) continue
    const found = await looks.run(() => findInSegment(look, placed))
    if (found) return found
  }
  const unsettled = await findCandidate(look)
  for await (const placed of walkEntries(ports.index, partition, head, unsettled)) {
    if (placed.entry.maxTimestampMs < timestampMs) continue
    const found = await looks.run(() => findInEntry(look, placed))
    if (found) return found
  }
  return { offset: null, timestampMs: null }
}

/**
 * Where to start looking in what has not settled: below it no block holds a record with this timestamp or a later one. Halves
 * the offsets, since each block knows the largest timestamp up to its end: the number of blocks read grows with
 * the logarithm of the log's length.
 */
async function findCandidate({ ports, partition, head, timestampMs }: Look): Promise<Offset> {
  const start = later(head.startOffset, head.settled.settledOffset)
  let low: number = start
  let high: number = head.tailOffset
  while (low < high) {
    const middle = toOffset(Math.floor((low + high) / 2))
    const block: Block | undefined = (await ports.index.readBlocks(partition, middle, 1))[0]
    if (!block || block.baseOffset > middle || blockEnd(block) <= middle) throw new LogStartMoved()
    // One that was put by somebody who came late.
    if (block.baseOffset < head.settled.settledOffset) throw new LogStartMoved()
    if (block.summary.maxTimestampMs >= timestampMs) high = block.baseOffset
    else low = blockEnd(block)
  }
  return later(start, toOffset(low))
}

/** One stretch after the other, of those that reach so late a time. */
async function findInSegment(look: Look, placed: PlacedEntry): Promise<FoundOffset | undefined> {
  const { baseOffset, entry } = placed
  const { place, span, bytes } = entry
  if (place.kind !== 'segment') return undefined
  const from = later(look.head.startOffset, placed.from)
  const whole = { span: 0, bytes: 0, endSpan: span, endBytes: bytes, maxTimestampMs: entry.maxTimestampMs }
  const index = bytes > FOOTER_SPARED_BYTES ? await look.footers.indexOf(placed, place) : undefined
  if (bytes > FOOTER_SPARED_BYTES && !index) throw new LogStartMoved()
  for (const stretch of index?.stretches(from - baseOffset) ?? [whole]) {
    if (stretch.maxTimestampMs < look.timestampMs) continue
    const position = toPosition(place.position + stretch.bytes)
    const read = await readPlace(look.ports.objects, { ...place, position }, stretch.endBytes - stretch.bytes)
    if (!read) throw new LogStartMoved()
    const end = advance(baseOffset, stretch.endSpan)
    const batches = batchesOf(read, advance(baseOffset, stretch.span), 'stored', end)
    const found = await findIn(read, batches, look.timestampMs, from)
    if (found) return found
  }
  return undefined
}

async function findInEntry(
  { ports, head, timestampMs }: Look,
  { baseOffset, entry }: PlacedEntry,
): Promise<FoundOffset | undefined> {
  const bytes = await readPlace(ports.objects, entry.place, entry.bytes)
  if (!bytes) throw new LogStartMoved()
  return await findIn(bytes, batchesOf(bytes, baseOffset), timestampMs, head.startOffset)
}

/** The one place where the broker decodes a batch. */
async function findIn(
  bytes: Uint8Array,
  batches: Iterable<RunBatch>,
  timestampMs: number,
  from: Offset,
): Promise<FoundOffset | undefined> {
  for (const { position } of batches) {
    const found = await findTimestamp(bytes, position, timestampMs, from)
    if (found) return found
  }
  return undefined
}
