import { TidemarkError } from '../errors.ts'
import { BATCH_BYTES_MAX, MARK_INTERVAL_BYTES } from '../limits.ts'
import type { Mark } from '../log/entry.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import {
  type BatchHeader,
  batchSizeBytes,
  batchSpan,
  checkBatch,
  DamagedBatch,
  patchOffsets,
} from '../record/batch-header.ts'
import { BASE_OFFSET_AT, RECORDS_AT as BATCH_HEADER_BYTES, readInt64 } from '../record/batch-layout.ts'
import { RunCheck } from '../record/run-check.ts'

/** Kafka's leader epoch: one log has no leaders that could change. */
export const LEADER_EPOCH = 0

/**
 * How a run's batches come by their offsets. Those that somebody has just appended follow one another without a gap, from the
 * run's first offset on; whatever stands in their own fields is overwritten. Those of a segment have them stored, and there
 * may be gaps: within a batch, between two, at the run's end.
 */
export type RunOffsets = 'counted' | 'stored'

/** Notes a batch boundary about every MARK_INTERVAL_BYTES, so that a read may start inside a long run. */
export class MarkTracker {
  readonly marks: Mark[] = []
  #span = 0
  #bytes = 0
  #lastMarkBytes = 0

  /** Tells of the next batch of the run: how many offsets it covers, and its size. */
  add(span: number, bytes: number): void {
    if (this.#bytes - this.#lastMarkBytes >= MARK_INTERVAL_BYTES) {
      this.marks.push({ span: this.#span, bytes: this.#bytes })
      this.#lastMarkBytes = this.#bytes
    }
    this.#span += span
    this.#bytes += bytes
  }
}

/** What is left of a run of batches after it was cut to what somebody asked for. */
export interface CutRun {
  /** Whole batches with their final offsets, or nothing. */
  readonly batches: Uint8Array
  /** The offset after the last batch that was taken or left out as too early. */
  readonly nextOffset: Offset
  /**
   * How many bytes of the run it takes to have one more batch than these bytes hold whole; undefined where
   * they end with a batch, or the limit came first.
   */
  readonly neededBytes: number | undefined
  /** How many bytes of the run lie before `nextOffset`. */
  readonly usedBytes: number
  /** Whether there are no batches beyond those taken. */
  readonly isWhole: boolean
}

export interface Wanted {
  /** Batches that end at or before this offset are left out. */
  readonly from: Offset
  /** Batches above this sum are left out. */
  readonly maxBytes: number
  /** Kafka's rule: the first batch of an answer comes, however large it is. */
  readonly atLeastOne: boolean
  /** Where a run with stored offsets ends at the latest: what says that it lies behind is damaged. */
  readonly end?: Offset
}

/**
 * Checks the CRC of every batch that is wanted and fills in its final offset, in place. Where one is damaged, what
 * comes before it is served.
 * @param baseOffset of the first batch; where they are stored, no batch begins before it
 * @throws TidemarkError CORRUPT_MESSAGE where the first batch of an answer is damaged
 */
export function cutRun(
  bytes: Uint8Array,
  baseOffset: Offset,
  wanted: Wanted,
  offsets: RunOffsets = 'counted',
): CutRun {
  let position = 0
  let offset = baseOffset
  let start = -1
  let neededBytes: number | undefined
  const checking = new RunCheck(bytes)
  try {
    while (position < bytes.length) {
      const isHeaderCut = bytes.length - position < BATCH_HEADER_BYTES
      const size = isHeaderCut ? BATCH_HEADER_BYTES : batchSizeBytes(bytes, position)
      // A size that cannot be is damage, which the check names; believed, it would have the caller read that much.
      if (size > BATCH_BYTES_MAX) checkBatch(bytes, position)
      if (isHeaderCut || position + size > bytes.length) {
        neededBytes = position + size
        break
      }
      const base = offsets === 'stored' ? storedBase(bytes, position, offset, wanted.end) : offset
      const end = advance(base, batchSpan(bytes, position))
      if (end > wanted.from) {
        const first = start < 0 ? position : start
        const isFree = start < 0 && wanted.atLeastOne
        if (!isFree && position + size - first > wanted.maxBytes) break
        checking.check(position, size, first + wanted.maxBytes)
        if (offsets === 'counted') patchOffsets(bytes, position, base, LEADER_EPOCH)
        start = first
      }
      offset = end
      position += size
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    if (start < 0 && wanted.atLeastOne) throw damagedBatch(offset, error)
  }
  return {
    batches: bytes.subarray(start < 0 ? position : start, position),
    nextOffset: offset,
    usedBytes: position,
    neededBytes,
    isWhole: position === bytes.length,
  }
}

/** The CRC leaves the offset out, so all that holds it is where it must lie: behind the batch before, within the run. */
function storedBase(bytes: Uint8Array, position: number, least: Offset, runEnd?: Offset): Offset {
  const base = readInt64(bytes, position + BASE_OFFSET_AT)
  const span = batchSpan(bytes, position)
  const most = runEnd ?? Number.MAX_SAFE_INTEGER
  if (base >= least && span > 0 && base + span <= most) return toOffset(base)
  throw new DamagedBatch(
    `The batch's base offset ${base} does not lie between ${least} and ${most}`,
    'Read what comes before and behind it',
  )
}

function damagedBatch(offset: Offset, cause: TidemarkError): TidemarkError {
  return new TidemarkError(
    'CORRUPT_MESSAGE',
    `The stored batch at offset ${offset} is damaged: ${damageOf(cause)}. If it stays so, go on behind it, as ` +
      '`tidemark consume --skip-corrupt` does, and run `tidemark verify`.',
    'no',
    { cause },
  )
}

/** Which stored batch an error tells of, as it came over the wire too: by its offset. */
export function damagedBatchOf({ message }: TidemarkError): string | undefined {
  return /^The stored batch at offset (\d+) is damaged/.exec(message)?.[1]
}

function damageOf(cause: TidemarkError): string {
  return cause instanceof DamagedBatch ? cause.damage : cause.message.replace(/\.$/, '')
}

/** A batch of a run, with its final offset in its bytes. */
export interface RunBatch {
  readonly position: number
  /** As it was stored: where offsets are counted, its base offset is none. */
  readonly header: BatchHeader
  readonly offset: Offset
  /** How many offsets it covers. */
  readonly span: number
}

/**
 * Each batch of a whole run, once its CRC is checked and its final offset filled in, in place.
 * @param end where a run with stored offsets ends at the latest
 * @throws TidemarkError CORRUPT_MESSAGE where stored bytes are damaged
 */
export function* batchesOf(
  bytes: Uint8Array,
  baseOffset: Offset,
  offsets: RunOffsets = 'counted',
  end?: Offset,
): Generator<RunBatch> {
  let next = baseOffset
  for (let position = 0; position < bytes.length; ) {
    const { header, offset } = checkStored(bytes, position, next, offsets, end)
    if (offsets === 'counted') patchOffsets(bytes, position, offset, LEADER_EPOCH)
    const span = header.lastOffsetDelta + 1
    yield { position, header, offset, span }
    next = advance(offset, span)
    position += header.sizeBytes
  }
}

function checkStored(
  bytes: Uint8Array,
  position: number,
  offset: Offset,
  offsets: RunOffsets,
  end: Offset | undefined,
): Pick<RunBatch, 'header' | 'offset'> {
  try {
    const header = checkBatch(bytes, position)
    return {
      header,
      offset: offsets === 'stored' ? storedBase(bytes, position, offset, end) : offset,
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    throw damagedBatch(offset, error)
  }
}
