import { EMPTY_HEAD, type Head } from '../../../src/core/log/head.ts'
import type { Segment } from '../../../src/core/log/settled/segment.ts'
import { sumOf } from '../../../src/core/log/settled/segment-sum.ts'
import { UNSETTLED } from '../../../src/core/log/settled/settled.ts'
import { toOffset } from '../../../src/core/numbers.ts'

/** Segments of ten offsets each that follow one another, with what is given of each. */
export function segmentsOf(...given: readonly Partial<Segment>[]): Segment[] {
  let loggedBytes = 0
  return given.map((each, index) => {
    const bytes = each.bytes ?? 100
    loggedBytes += bytes
    return {
      baseOffset: toOffset(10 * index),
      end: toOffset(10 * index + 10),
      id: index.toString(16).padStart(8, '0').padEnd(32, '0'),
      bytes,
      footerBytes: 50,
      records: bytes > 0 ? 10 : 0,
      writes: 2,
      loggedBytes,
      maxTimestampMs: 1_000 * (index + 1),
      firstTimestampMs: 1_000 * index,
      createdMs: 1_000 * (index + 1),
      startOffset: toOffset(0),
      tombstonesMs: 0,
      ...each,
    }
  })
}

/** The head of a log of which these have settled, and so many bytes more are in blocks that have not. */
export function headOver(segments: readonly Segment[], unsettledBytes = 0): Head {
  const { end, loggedBytes } = segments.at(-1) ?? { end: toOffset(0), loggedBytes: 0 }
  const next = toOffset(end + (unsettledBytes > 0 ? 1 : 0))
  return {
    ...EMPTY_HEAD,
    tailOffset: next,
    nextOffset: next,
    flushed: { bytes: loggedBytes + unsettledBytes, maxTimestampMs: -1 },
    settled: { ...UNSETTLED, settledOffset: end, ...sumOf(segments), loggedBytes },
  }
}
