import { ByteReader, ByteWriter } from '../../bytes.ts'
import { advance, type Offset, toOffset } from '../../numbers.ts'

/** 'rolled', or the generation of merged ones. */
export type Level = 'rolled' | number

/**
 * The item of one object with a stretch of one partition's log, and nothing else. It never changes; whether it counts is up
 * to the boundaries in the head (settled.ts).
 */
export interface Segment {
  readonly baseOffset: Offset
  /** Where the next one of its level begins; above its last record where the last ones have gone. */
  readonly end: Offset
  /** 32 hexadecimal digits: the object's, and what the item is known by. */
  readonly id: string
  /** Of its batches: where its footer begins. 0: no records are left of it, and its object has a footer alone. */
  readonly bytes: number
  /** Of its footer, with the trailer behind it. */
  readonly footerBytes: number
  /** Fewer than it spans where some have gone. */
  readonly records: number
  /** How often its bytes have been written so far. */
  readonly writes: number
  /** Of all batches that there ever were in the log, up to its end. */
  readonly loggedBytes: number
  /** The largest timestamp of its records; -1 where they have none. */
  readonly maxTimestampMs: number
  /** The largest timestamp of its first batch; -1 where it has none. */
  readonly firstTimestampMs: number
  /** When the newest of its entries was made, by its writer's clock. */
  readonly createdMs: number
  /** Where the log began when it was written. */
  readonly startOffset: Offset
  /** Since when there has been nothing below the tombstones in it, in milliseconds since the epoch; 0: it has none of that kind. */
  readonly tombstonesMs: number
  /** How many of its offsets were given up, with marks in their place; left out: none, as far as whoever wrote it counted them. */
  readonly lost?: number
}

/** The base offset is the item's key and not repeated in the value. */
export function encodeSegment(segment: Segment): Uint8Array {
  const { lost = 0 } = segment
  const writer = new ByteWriter()
    .byte(lost > 0 ? SEGMENT_VERSION : VERSION_WITHOUT_LOST)
    .number(segment.end - segment.baseOffset)
    .id(segment.id)
    .number(segment.bytes)
    .number(segment.footerBytes)
    .number(segment.records)
    .number(segment.writes)
    .number(segment.loggedBytes)
    .number(segment.maxTimestampMs + 1)
    .number(segment.firstTimestampMs + 1)
    .number(segment.createdMs)
    .number(segment.startOffset)
    .number(segment.tombstonesMs)
  return (lost > 0 ? writer.number(lost) : writer).finish()
}

/** @throws RangeError when the bytes are no segment of a version that is known */
export function decodeSegment(baseOffset: Offset, bytes: Uint8Array): Segment {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version !== SEGMENT_VERSION && version !== VERSION_WITHOUT_LOST)
    throw new RangeError(`a segment of version ${version} is not known`)
  return {
    baseOffset,
    end: advance(baseOffset, reader.number()),
    id: reader.id(),
    bytes: reader.number(),
    footerBytes: reader.number(),
    records: reader.number(),
    writes: reader.number(),
    loggedBytes: reader.number(),
    maxTimestampMs: reader.number() - 1,
    firstTimestampMs: reader.number() - 1,
    createdMs: reader.number(),
    startOffset: toOffset(reader.number()),
    tombstonesMs: reader.number(),
    ...(version === SEGMENT_VERSION && { lost: reader.number() }),
  }
}

/** Whether two are the same in all that is kept of them. */
export function isSameSegment(one: Segment, other: Segment): boolean {
  return one.baseOffset === other.baseOffset && Buffer.compare(encodeSegment(one), encodeSegment(other)) === 0
}

const SEGMENT_VERSION = 2
/** Also of whatever has lost nothing: so it stays readable to what is older. */
const VERSION_WITHOUT_LOST = 1
