import type { FoundOffset, OffsetFor } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { READ_AGAIN_MAX, SEGMENTS_READ_MAX } from '../../core/limits.ts'
import { type Block, blockEnd } from '../../core/log/block.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import { later, type Offset, toOffset, toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'
import { findTimestamp } from '../../core/record/find-timestamp.ts'
import { Lane } from '../../core/turns.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { partitionGone } from '../topics/topic-directory.ts'
import { FooterCache } from './footers.ts'
import { findLatestRecord, type LogLook } from './latest-record.ts'
import { stretchesOf } from './stretches.ts'
import { LogStartMoved, missingBytes, walkEntries, walkSegments } from './walk.ts'

/** What is looked for, and where. */
interface Look extends LogLook {
  readonly timestampMs: number
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
    if (at !== 'max-timestamp') checkTimestamp(at.timestampMs)
    try {
      const look = { ports, partition: id, head, footers, looks }
      if (at === 'max-timestamp') return await findLatestRecord(look)
      return await offsetForTime({ ...look, timestampMs: at.timestampMs })
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
    const found = await looks.run(() => findInEntry(look, placed))
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
async function findInEntry(look: Look, placed: PlacedEntry): Promise<FoundOffset | undefined> {
  const { ports, footers, head, timestampMs } = look
  for (const { maxTimestampMs, from, read } of await stretchesOf(
    { objects: ports.objects, footers },
    head,
    placed,
  )) {
    if (maxTimestampMs < timestampMs) continue
    const { bytes, batches } = await read()
    for (const { position } of batches) {
      const found = await findTimestamp(bytes, position, timestampMs, from)
      if (found) return found
    }
  }
  return undefined
}
