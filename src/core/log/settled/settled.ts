import { ByteReader, ByteWriter } from '../../bytes.ts'
import { advance, type Offset, toOffset } from '../../numbers.ts'

/**
 * What of a log has settled: the boundaries between its levels, and what goes with them. It stands in the head as one value,
 * which is compared as a whole; it never returns to an earlier one, since some member of it grows with every move.
 *
 * Merged segments of `generation` count from firstOffset to mergedOffset, rolled ones from there to settledOffset, blocks from
 * there to the tail. Whatever stands elsewhere is ignored, whoever put it and however late.
 */
export interface Settled {
  /** Where the index begins: what lies wholly below is dropped. */
  readonly firstOffset: Offset
  readonly mergedOffset: Offset
  readonly settledOffset: Offset
  /** Which generation of merged segments counts; 0 at first. */
  readonly generation: number
  /** The highest generation that somebody has begun to make; only that one may come to count. */
  readonly cleaning: number
  /** The generation before it whose items it takes over, where a pass is gone on with; 0: none. */
  readonly resumes: number
  /** Up to where that one reaches, and up to where it is clean. */
  readonly cleaningTo: Offset
  readonly cleaningClean: Offset
  /** Compacted up to here. */
  readonly cleanOffset: Offset
  /** One more whenever somebody has altered what decides on deleting: whoever decided before is refused. */
  readonly rules: number
  /** The set hash: the sum of segmentHash over the segments that count. */
  readonly segmentSum: number
  /** Of all batches in the segments that count. */
  readonly bytes: number
  /** Of all batches ever, up to settledOffset: the running sum there (LogSummary.bytes). */
  readonly loggedBytes: number
  /** When settledOffset last moved up, by somebody's clock: for when to try, never for whether it is allowed. */
  readonly settledMs: number
  /**
   * No record of the merged segments that count has a later timestamp, so that whoever looks for a time need not ask for them
   * to know; some that had one may have been dropped. 0: there are none, or none of their records has one.
   */
  readonly mergedMaxMs: number
}

const ZERO = toOffset(0)

/** Nothing has. */
export const UNSETTLED: Settled = {
  firstOffset: ZERO,
  mergedOffset: ZERO,
  settledOffset: ZERO,
  generation: 0,
  cleaning: 0,
  resumes: 0,
  cleaningTo: ZERO,
  cleaningClean: ZERO,
  cleanOffset: ZERO,
  rules: 0,
  segmentSum: 0,
  bytes: 0,
  loggedBytes: 0,
  settledMs: 0,
  mergedMaxMs: 0,
}

export function isUnsettled(settled: Settled): boolean {
  return Object.values(settled).every(member => member === 0)
}

/** The bytes of those that were decoded or encoded before: they never change, and every append writes them again. */
const encodedSettled = new WeakMap<Settled, Uint8Array>()

export function isSameSettled(one: Settled, other: Settled): boolean {
  return Buffer.compare(encodeSettled(one), encodeSettled(other)) === 0
}

/** Equal values have equal bytes, so that a store can compare them. */
export function encodeSettled(settled: Settled): Uint8Array {
  let bytes = encodedSettled.get(settled)
  if (!bytes) {
    bytes = writeSettled(settled)
    encodedSettled.set(settled, bytes)
  }
  return bytes
}

function writeSettled(settled: Settled): Uint8Array {
  return new ByteWriter()
    .byte(SETTLED_VERSION)
    .number(settled.firstOffset)
    .number(settled.mergedOffset - settled.firstOffset)
    .number(settled.settledOffset - settled.mergedOffset)
    .number(settled.generation)
    .number(settled.cleaning - settled.generation)
    .number(settled.resumes)
    .number(settled.cleaningTo)
    .number(settled.cleaningClean)
    .number(settled.cleanOffset)
    .number(settled.rules)
    .number(settled.segmentSum)
    .number(settled.bytes)
    .number(settled.loggedBytes)
    .number(settled.settledMs)
    .number(settled.mergedMaxMs)
    .finish()
}

/** @throws RangeError when the bytes are nothing of a version that is known */
export function decodeSettled(bytes: Uint8Array): Settled {
  const settled = readSettled(bytes)
  encodedSettled.set(settled, bytes)
  return settled
}

function readSettled(bytes: Uint8Array): Settled {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version < SETTLED_VERSION_WITHOUT_TIMES || version > SETTLED_VERSION)
    throw new RangeError(`boundaries of version ${version} are not known`)
  const firstOffset = toOffset(reader.number())
  const mergedOffset = advance(firstOffset, reader.number())
  const settledOffset = advance(mergedOffset, reader.number())
  const generation = reader.number()
  return {
    firstOffset,
    mergedOffset,
    settledOffset,
    generation,
    cleaning: generation + reader.number(),
    resumes: reader.number(),
    cleaningTo: toOffset(reader.number()),
    cleaningClean: toOffset(reader.number()),
    cleanOffset: toOffset(reader.number()),
    rules: reader.number(),
    segmentSum: reader.number(),
    bytes: reader.number(),
    loggedBytes: reader.number(),
    settledMs: reader.number(),
    // Nobody knows, so any time may be there.
    mergedMaxMs: version > SETTLED_VERSION_WITHOUT_TIMES ? reader.number() : Number.MAX_SAFE_INTEGER,
  }
}

const SETTLED_VERSION_WITHOUT_TIMES = 1
const SETTLED_VERSION = 2
