import { batchesOf } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { SEGMENTS_READ_MAX } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import { levelsOf } from '../../core/log/settled/levels.ts'
import { isSameSegment, type Level, type Segment } from '../../core/log/settled/segment.ts'
import { sumOf } from '../../core/log/settled/segment-sum.ts'
import { advance, type Offset, toOffset, toPosition } from '../../core/numbers.ts'
import { DamagedBatch } from '../../core/record/batch-header.ts'
import { decodeFooter, type Footer } from '../../core/segment/footer.ts'
import type { Stretch } from '../../core/segment/sparse-index.ts'
import { logObjectKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { error, type Finding, type VerifySummary } from './finding.ts'

/** So much of a segment is read at once, or one stretch between two marks where that is more. */
const READ_BYTES = 1024 * 1024

/**
 * Segments are looked at as their items and footers show them; `isDeep`: as their batches do, too; `isOfIndex`: as their items do
 * alone, which takes no time.
 */
export interface SegmentsCheck {
  readonly ports: Ports
  readonly partition: PartitionId
  /** How a person calls the partition. */
  readonly place: string
  readonly summary: VerifySummary
  readonly isDeep: boolean
  readonly isOfIndex?: boolean
}

/**
 * Checks what of a log has settled: that the segments which count cover it without a gap, that they are all that ever came to
 * count and have not gone, by the sum in the head, and that each one's object is there and says the same.
 */
export async function* verifySegments(check: SegmentsCheck, head: Head): AsyncGenerator<Finding> {
  const { segmentSum, bytes, mergedMaxMs } = head.settled
  const found = { segmentSum: 0, bytes: 0 }
  for (const { level, lo, hi } of levelsOf(head.settled)) {
    let next = lo
    for await (const segment of countedSegments(check, level, lo, hi)) {
      check.summary.segments += 1
      const sums = sumOf([segment])
      found.segmentSum += sums.segmentSum
      found.bytes += sums.bytes
      if (segment.baseOffset !== next && (next > lo || segment.baseOffset > lo)) {
        yield error(check.place, missing(next, segment.baseOffset))
      }
      next = segment.end
      if (!check.isOfIndex) yield* verifySegment(check, segment)
      if (level !== 'rolled' && segment.maxTimestampMs > mergedMaxMs) {
        yield error(
          check.place,
          `its merged segment at offset ${segment.baseOffset} reaches ${segment.maxTimestampMs}; the head says ${mergedMaxMs}`,
        )
      }
    }
    const isMerged = level !== 'rolled'
    if (next < hi) yield error(check.place, missing(next, hi))
    else if (next > hi && (!isMerged || lo < hi)) {
      yield error(
        check.place,
        `its ${isMerged ? 'merged' : 'rolled'} segments end at offset ${next}; the head says ${hi}`,
      )
    }
  }
  if (found.segmentSum !== segmentSum) {
    yield error(
      check.place,
      'its segments do not add up to the sum in its head: one is missing, or stands in the place of another',
    )
  }
  if (found.bytes !== bytes) {
    yield error(check.place, `its segments have ${found.bytes} bytes; the head says ${bytes}`)
  }
}

function missing(from: Offset, to: Offset): string {
  return from < to
    ? `offsets ${from} to ${to - 1} are in no segment`
    : `the segment from offset ${to} on begins before the one before it ends`
}

/** Those that count between two boundaries of a level, a page at a time. */
async function* countedSegments(
  { ports, partition }: SegmentsCheck,
  level: Level,
  lo: Offset,
  hi: Offset,
): AsyncGenerator<Segment> {
  let from = lo
  while (from < hi) {
    const page = await ports.index.readSegments(partition, level, from, SEGMENTS_READ_MAX)
    yield* from === lo
      ? countedIn(page, lo, hi)
      : page.filter(({ baseOffset }) => baseOffset >= from && baseOffset < hi)
    const last = page.at(-1)
    if (!last || last.baseOffset < from || page.length < SEGMENTS_READ_MAX) return
    from = toOffset(last.baseOffset + 1)
  }
}

async function* verifySegment(check: SegmentsCheck, segment: Segment): AsyncGenerator<Finding> {
  const { ports, partition, summary, isDeep } = check
  const key = logObjectKey(partition, segment.baseOffset, segment.id)
  const place = `${check.place} segment ${segment.baseOffset}`
  const { bytes, footerBytes } = segment
  const encoded = await ports.objects.get(key, toPosition(bytes), footerBytes)
  if (!encoded || encoded.length < footerBytes) {
    const there = encoded ? 'it ends before' : 'it is not there'
    yield error(place, `${bytes + footerBytes} bytes should be in ${key}; ${there}`)
    return
  }
  let footer: Footer
  try {
    footer = decodeFooter(encoded)
  } catch (failure) {
    if (!(failure instanceof RangeError)) throw failure
    yield error(place, `the footer of ${key} is damaged: ${failure.message}`)
    return
  }
  const problem = findFooterProblem(footer, segment, partition)
  if (problem !== undefined) yield error(place, `${problem} (${key})`)
  if (segment.lost)
    yield error(place, `${segment.lost} of its offsets are given up; marks stand in their place (${key})`)
  summary.records += isDeep ? 0 : segment.records
  summary.bytes += isDeep ? 0 : bytes
  if (isDeep) yield* verifyBatches(check, segment, footer, key, place)
}

/** An item and its object's footer say the same, and are of this partition. */
function findFooterProblem(footer: Footer, segment: Segment, partition: PartitionId): string | undefined {
  const { topic } = footer
  if (topic.topicId !== partition.topicId || footer.partition !== partition.partition) {
    return `its footer is of partition ${footer.partition} of topic ${topic.name} (${topic.topicId})`
  }
  return isSameSegment(footer.segment, segment) ? undefined : 'its footer says something else than its item'
}

/** Reads all of a segment: every batch, its CRC and its offsets, and whether batches begin where the footer says so. */
async function* verifyBatches(
  { ports, summary }: SegmentsCheck,
  segment: Segment,
  footer: Footer,
  key: string,
  place: string,
): AsyncGenerator<Finding> {
  let records = 0
  let isDamaged = false
  for (const stretches of readsOf(footer.marks.stretches())) {
    const from = stretches[0]!.bytes
    const length = stretches.at(-1)!.endBytes - from
    const bytes = await ports.objects.get(key, toPosition(from), length)
    if (!bytes || bytes.length < length) {
      yield error(place, `${segment.bytes} bytes of batches should be in ${key}; it ends before`)
      return
    }
    for (const stretch of stretches) {
      const found = checkStretch(
        bytes.subarray(stretch.bytes - from, stretch.endBytes - from),
        segment,
        stretch,
      )
      summary.batches += found.batches
      records += found.records
      if (found.problem === undefined) continue
      isDamaged = true
      yield error(place, `${found.problem} (${key}, from byte ${stretch.bytes} on)`)
    }
    summary.bytes += length
  }
  summary.records += records
  if (!isDamaged && records !== segment.records) {
    yield error(place, `has ${records} records; its item says ${segment.records}`)
  }
}

/** Stretches that are read together. */
function* readsOf(stretches: Iterable<Stretch>): Generator<Stretch[]> {
  let together: Stretch[] = []
  for (const stretch of stretches) {
    const first = together[0]
    if (first && stretch.endBytes - first.bytes > READ_BYTES) {
      yield together
      together = []
    }
    together.push(stretch)
  }
  if (together.length > 0) yield together
}

function checkStretch(
  bytes: Uint8Array,
  { baseOffset }: Segment,
  { span, endSpan, maxTimestampMs }: Stretch,
): { batches: number; records: number; problem: string | undefined } {
  const found = { batches: 0, records: 0, problem: undefined as string | undefined }
  let latestMs = -1
  try {
    for (const { header } of batchesOf(
      bytes,
      advance(baseOffset, span),
      'stored',
      advance(baseOffset, endSpan),
    )) {
      found.batches += 1
      found.records += header.recordCount
      latestMs = Math.max(latestMs, header.maxTimestamp)
    }
  } catch (failure) {
    if (!(failure instanceof TidemarkError)) throw failure
    // What to do about it, verify's own lines say.
    const told = failure.cause instanceof TidemarkError ? failure.cause : failure
    found.problem = told instanceof DamagedBatch ? `${told.damage}.` : told.message
    return found
  }
  if (latestMs !== maxTimestampMs) {
    found.problem = `the largest timestamp from offset ${baseOffset + span} on is ${latestMs}; its footer says ${maxTimestampMs}`
  }
  return found
}
