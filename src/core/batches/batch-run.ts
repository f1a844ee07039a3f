import { TidemarkError } from '../errors.ts'
import { BATCH_BYTES_MAX, MARK_INTERVAL_BYTES } from '../limits.ts'
import type { Mark } from '../log/entry.ts'
import { advance, type Offset } from '../numbers.ts'
import {
  type BatchHeader,
  batchSizeBytes,
  batchSpan,
  checkBatch,
  DamagedBatch,
  patchOffsets,
} from '../record/batch-header.ts'
import { RECORDS_AT as BATCH_HEADER_BYTES } from '../record/batch-layout.ts'

/** Kafka's leader epoch: one log has no leaders that could change. */
export const LEADER_EPOCH = 0

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
}

/**
 * Checks the CRC of every batch that is wanted and fills in its final offset, in place. Where one is damaged, what
 * comes before it is served.
 * @throws TidemarkError CORRUPT_MESSAGE where the first batch of an answer is damaged
 */
export function cutRun(bytes: Uint8Array, baseOffset: Offset, wanted: Wanted): CutRun {
  let position = 0
  let offset = baseOffset
  let start = -1
  let neededBytes: number | undefined
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
      const end = advance(offset, batchSpan(bytes, position))
      if (end > wanted.from) {
        const first = start < 0 ? position : start
        const isFree = start < 0 && wanted.atLeastOne
        if (!isFree && position + size - first > wanted.maxBytes) break
        checkBatch(bytes, position)
        patchOffsets(bytes, position, offset, LEADER_EPOCH)
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

/**
 * Each batch of a whole run, once its CRC is checked and its final offset filled in, in place. The header is as it
 * was stored; `span` is how many offsets the batch covers.
 * @throws TidemarkError CORRUPT_MESSAGE where stored bytes are damaged
 */
export function* batchesOf(
  bytes: Uint8Array,
  baseOffset: Offset,
): Generator<{ position: number; header: BatchHeader; span: number }> {
  let offset = baseOffset
  for (let position = 0; position < bytes.length; ) {
    const header = checkStored(bytes, position, offset)
    patchOffsets(bytes, position, offset, LEADER_EPOCH)
    const span = header.lastOffsetDelta + 1
    yield { position, header, span }
    offset = advance(offset, span)
    position += header.sizeBytes
  }
}

function checkStored(bytes: Uint8Array, position: number, offset: Offset): BatchHeader {
  try {
    return checkBatch(bytes, position)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    throw damagedBatch(offset, error)
  }
}
