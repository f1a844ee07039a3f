import { type Position, toPosition } from '../../numbers.ts'
import { logObjectKey } from '../../storage-layout.ts'
import type { PartitionId } from '../../topic/partition-id.ts'
import type { IndexEntry } from '../entry.ts'
import type { Segment } from './segment.ts'

const START: Position = toPosition(0)

/** A segment as one entry, in memory only: whoever needs its marks finds them in its footer. */
export function segmentEntry(partition: PartitionId, segment: Segment): IndexEntry {
  const { baseOffset, end, id, bytes, footerBytes, maxTimestampMs, createdMs } = segment
  const key = logObjectKey(partition, baseOffset, id)
  return {
    id,
    span: end - baseOffset,
    bytes,
    maxTimestampMs,
    createdMs,
    place: { kind: 'segment', key, position: START, footerBytes },
    marks: [],
    producers: [],
  }
}
