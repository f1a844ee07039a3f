import type { FoundOffset, OffsetFor } from '../../contract/broker.ts'
import { batchesOf } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { type Block, blockEnd } from '../../core/log/block.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { type Offset, toOffset, toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'
import { findTimestamp } from '../../core/record/find-timestamp.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { Lane } from '../../core/turns.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { partitionGone } from '../topics/topic-directory.ts'
import { LogStartMoved, missingBytes, READ_AGAIN_MAX, readPlace, walkEntries } from './walk.ts'

/**
 * Kafka's ListOffsets.
 * @param looks what looks for times into stored batches at the same time: each has one entry's bytes in memory
 */
export async function offsetFor(
  ports: Ports,
  directory: TopicDirectory,
  { topic, partition, at }: OffsetFor,
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
      return await offsetForTime(ports, id, head, at.timestampMs, looks)
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

async function offsetForTime(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  timestampMs: number,
  looks: Lane,
): Promise<FoundOffset> {
  const from = await findCandidate(ports, partition, head, timestampMs)
  for await (const placed of walkEntries(ports.index, partition, head, from)) {
    if (placed.entry.maxTimestampMs < timestampMs) continue
    const found = await looks.run(() => findInEntry(ports, placed, head.startOffset, timestampMs))
    if (found) return found
  }
  return { offset: null, timestampMs: null }
}

/**
 * Where to start looking: below it no block holds a record with this timestamp or a later one. Halves the
 * offsets, since each block knows the largest timestamp up to its end: the number of blocks read grows with
 * the logarithm of the log's length.
 */
async function findCandidate(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  timestampMs: number,
): Promise<Offset> {
  let low: number = head.startOffset
  let high: number = head.tailOffset
  while (low < high) {
    const middle = toOffset(Math.floor((low + high) / 2))
    const block: Block | undefined = (await ports.index.readBlocks(partition, middle, 1))[0]
    if (!block || block.baseOffset > middle || blockEnd(block) <= middle) throw new LogStartMoved()
    if (block.summary.maxTimestampMs >= timestampMs) high = block.baseOffset
    else low = blockEnd(block)
  }
  return toOffset(Math.max(low, head.startOffset))
}

/** The one place where the broker decodes a batch. */
async function findInEntry(
  ports: Ports,
  { baseOffset, entry }: PlacedEntry,
  startOffset: Offset,
  timestampMs: number,
): Promise<FoundOffset | undefined> {
  const bytes = await readPlace(ports.objects, entry.place, entry.bytes)
  if (!bytes) throw new LogStartMoved()
  for (const { position } of batchesOf(bytes, baseOffset)) {
    const found = await findTimestamp(bytes, position, timestampMs, startOffset)
    if (found) return found
  }
  return undefined
}
