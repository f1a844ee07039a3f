import { LEADER_EPOCH, type RunOffsets } from '../batches/batch-run.ts'
import { SEGMENT_MARK_BYTES, SEGMENT_MARKS_MAX } from '../limits.ts'
import type { Segment } from '../log/settled/segment.ts'
import { advance, INT32_MAX, type Offset, toOffset } from '../numbers.ts'
import { batchSpan, isLostBatch, lostBatch, patchOffsets, readBatchHeader } from '../record/batch-header.ts'
import { encodeFooter, type Footer } from './footer.ts'
import { SparseIndex, type StretchStart } from './sparse-index.ts'

/** What a segment is told of that does not come from its batches. */
export type FooterFacts = Omit<Footer, 'segment' | 'marks'> &
  Pick<Segment, 'id' | 'writes' | 'loggedBytes' | 'createdMs' | 'startOffset' | 'tombstonesMs'>

/** How far apart the marks of a segment of about so many bytes are. */
export function markBytesFor(segmentBytes: number): number {
  return Math.max(SEGMENT_MARK_BYTES, Math.ceil(segmentBytes / SEGMENT_MARKS_MAX))
}

/**
 * The bytes of a segment as they are made: it sees every batch once, in order, and keeps nothing of them but marks and sums.
 * What it is given was checked: it believes headers.
 */
export class SegmentWriter {
  readonly #base: Offset
  readonly #markBytes: number
  readonly #stretches: { span: number; bytes: number; maxTimestampMs: number }[] = []
  /** Up to here the batches reach. */
  #next: Offset
  #bytes = 0
  #records = 0
  #lost = 0
  #maxTimestampMs = -1
  #firstTimestampMs: number | undefined
  /** Whether a stretch begins with whatever comes next. */
  #isMarkDue = true

  constructor(base: Offset, { markBytes = SEGMENT_MARK_BYTES }: { markBytes?: number } = {}) {
    this.#base = base
    this.#markBytes = markBytes
    this.#next = base
  }

  /** Of all batches so far. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Takes batches, which get their final offsets in place, and gives back what is to be written.
   * @param from of the first one; where offsets are stored, no batch begins before it
   * @param end where they end at the latest
   * @throws RangeError where they do not follow on what came before, or do not end in time
   */
  add(bytes: Uint8Array, from: Offset, offsets: RunOffsets = 'counted', end?: Offset): Uint8Array {
    let next = from
    for (let position = 0; position < bytes.length; ) {
      const header = readBatchHeader(bytes, position)
      const offset = offsets === 'stored' ? toOffset(header.baseOffset) : next
      const batchEnd = advance(offset, header.lastOffsetDelta + 1)
      if (offset < next || batchEnd > (end ?? batchEnd)) {
        throw new RangeError(`a batch from ${offset} to ${batchEnd} does not lie between ${next} and ${end}`)
      }
      if (offsets === 'counted') patchOffsets(bytes, position, offset, LEADER_EPOCH)
      this.#pass(offset, batchEnd, header.sizeBytes, header.maxTimestamp)
      this.#firstTimestampMs ??= Math.max(-1, header.maxTimestamp)
      this.#records += header.recordCount
      next = batchEnd
      position += header.sizeBytes
    }
    return bytes
  }

  /** Takes what cannot be read as it is: a mark before it and one behind let whoever reads begin right there. */
  addDamaged(bytes: Uint8Array, from: Offset, end: Offset): Uint8Array {
    // A mark that is copied on.
    if (isLostBatch(bytes, 0)) this.#lost += batchSpan(bytes, 0)
    this.#isMarkDue = true
    this.#pass(from, end, bytes.length, -1)
    this.#isMarkDue = true
    return bytes
  }

  /** Gives what stands for batches that are not there any more: whoever reads it meets damage, and learns where that ends. */
  addLost(from: Offset, end: Offset): Uint8Array {
    const batches: Uint8Array[] = []
    for (let next = from; next < end; ) {
      const span = Math.min(end - next, INT32_MAX)
      const batch = lostBatch(next, span)
      this.addDamaged(batch, next, advance(next, span))
      batches.push(batch)
      next = advance(next, span)
    }
    return Buffer.concat(batches)
  }

  /**
   * The footer that belongs behind the batches, and the segment's item. Without batches the object is a footer alone: whoever
   * makes the index anew finds by it that nothing is missing there.
   * @param end where the segment ends, behind its last batch or above
   */
  finish(end: Offset, about: FooterFacts): { footer: Uint8Array; segment: Segment } {
    if (end < this.#next || end <= this.#base) {
      throw new RangeError(
        `a segment from ${this.#base} with batches up to ${this.#next} cannot end at ${end}`,
      )
    }
    const { id, writes, loggedBytes, createdMs, startOffset, tombstonesMs, ...rest } = about
    const segment: Segment = {
      baseOffset: this.#base,
      end,
      id,
      bytes: this.#bytes,
      footerBytes: 0,
      records: this.#records,
      writes,
      loggedBytes,
      maxTimestampMs: this.#maxTimestampMs,
      firstTimestampMs: this.#firstTimestampMs ?? -1,
      createdMs,
      startOffset,
      tombstonesMs,
      ...(this.#lost > 0 && { lost: this.#lost }),
    }
    const stretches: readonly StretchStart[] = this.#stretches
    const marks = new SparseIndex(stretches, { span: end - this.#base, bytes: this.#bytes })
    const footer = encodeFooter({ ...rest, segment, marks })
    return { footer, segment: { ...segment, footerBytes: footer.length } }
  }

  #pass(offset: Offset, end: Offset, bytes: number, maxTimestampMs: number): void {
    if (offset < this.#next) throw new RangeError(`offset ${offset} does not come behind ${this.#next}`)
    // However long it becomes, the marks grow no more than by a few thousand each time that its bytes double.
    const markBytes = Math.max(this.#markBytes, this.#bytes / SEGMENT_MARKS_MAX)
    let last = this.#stretches.at(-1)
    if (!last || this.#isMarkDue || this.#bytes - last.bytes >= markBytes) {
      // From the end of what comes before: a read that begins in the hole between need not look at that.
      last = { span: this.#next - this.#base, bytes: this.#bytes, maxTimestampMs: -1 }
      this.#stretches.push(last)
      this.#isMarkDue = false
    }
    last.maxTimestampMs = Math.max(last.maxTimestampMs, maxTimestampMs)
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, maxTimestampMs)
    this.#next = end
    this.#bytes += bytes
  }
}
