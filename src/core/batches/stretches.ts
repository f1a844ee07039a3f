import { TidemarkError } from '../errors.ts'
import { BATCH_BYTES_MAX } from '../limits.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import { batchSizeBytes, batchSpan, checkBatch, patchOffsets } from '../record/batch-header.ts'
import { BASE_OFFSET_AT, RECORDS_AT, readInt64 } from '../record/batch-layout.ts'
import { batchesOf, type RunOffsets } from './batch-run.ts'

/**
 * A stretch of a log as it is copied: whole batches with their final offsets in them; bytes that are damaged, as they are; or
 * nothing, where what was there is lost.
 */
export type Stretch =
  | {
      readonly kind: 'batches' | 'damaged'
      readonly baseOffset: Offset
      readonly end: Offset
      readonly bytes: Uint8Array
    }
  | {
      readonly kind: 'lost'
      readonly baseOffset: Offset
      readonly end: Offset
      /** Whether a mark stood there already. */
      readonly isMarked?: boolean | undefined
    }

/**
 * The stretches of a run, in order, from its base to its end without a gap. Of damage only one batch is lost where the sizes
 * of all lead from one to the next up to the run's end; else all that follows.
 * @param bytes changed in place
 * @param end where the run ends; where offsets are stored, there may be a hole before it
 */
export function stretchesOf(
  bytes: Uint8Array,
  baseOffset: Offset,
  end: Offset,
  offsets: RunOffsets,
): Stretch[] {
  if (isWhole(bytes, baseOffset, end, offsets)) return [{ kind: 'batches', baseOffset, end, bytes }]
  const { laid, position, next } = layOut(bytes, baseOffset, end, offsets)
  const leadsOn = position === bytes.length && (offsets === 'stored' || next === end)
  const stretches: Stretch[] = []
  const add = (kind: 'batches' | 'damaged', from: Offset, to: Offset, first: number, last: number) => {
    const before = stretches.at(-1)
    if (before?.kind === 'batches' && kind === 'batches') {
      const joined = bytes.subarray(before.bytes.byteOffset - bytes.byteOffset, last)
      stretches[stretches.length - 1] = { ...before, end: to, bytes: joined }
    } else stretches.push({ kind, baseOffset: from, end: to, bytes: bytes.subarray(first, last) })
  }
  let reached = baseOffset
  for (const batch of laid) {
    const isDamaged = !isSound(bytes, batch.position)
    if (isDamaged && !leadsOn) {
      add('damaged', reached, end, batch.position, bytes.length)
      return stretches
    }
    // Also where it is damaged: it covers as much as it says, or those behind it would not fit.
    if (offsets === 'counted') patchOffsets(bytes, batch.position, batch.offset, 0)
    add(isDamaged ? 'damaged' : 'batches', reached, batch.end, batch.position, batch.position + batch.size)
    reached = batch.end
  }
  if (reached === end) return stretches
  if (position < bytes.length) add('damaged', reached, end, position, bytes.length)
  else if (offsets === 'counted') stretches.push({ kind: 'lost', baseOffset: reached, end })
  // A hole belongs to what comes before it.
  else stretches.push({ ...stretches.pop()!, end })
  return stretches
}

/** What is left of a stretch where it begins to count in its midst, at the end of a batch; undefined: nothing. */
export function stretchFrom(stretch: Stretch, from: Offset): Stretch | undefined {
  if (stretch.end <= from) return undefined
  if (stretch.baseOffset >= from) return stretch
  // What is damaged has no beginnings that could be found.
  if (stretch.kind !== 'batches') return { ...stretch, baseOffset: from }
  let position = 0
  let next = stretch.baseOffset
  for (const { offset, span, header } of batchesOf(stretch.bytes, next, 'stored', stretch.end)) {
    next = advance(offset, span)
    if (next > from) break
    position += header.sizeBytes
  }
  return { ...stretch, baseOffset: from, bytes: stretch.bytes.subarray(position) }
}

function isWhole(bytes: Uint8Array, baseOffset: Offset, end: Offset, offsets: RunOffsets): boolean {
  let next = baseOffset
  try {
    for (const { offset, span } of batchesOf(bytes, baseOffset, offsets, end)) next = advance(offset, span)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return false
  }
  return offsets === 'stored' ? next <= end : next === end
}

interface Laid {
  readonly position: number
  readonly size: number
  readonly offset: Offset
  readonly end: Offset
}

/** Where the batches lie as far as their sizes and spans can be believed, and where the first lies that cannot. */
function layOut(bytes: Uint8Array, baseOffset: Offset, end: Offset, offsets: RunOffsets) {
  const laid: Laid[] = []
  let position = 0
  let next = baseOffset
  while (bytes.length - position >= RECORDS_AT) {
    const size = sizeOf(bytes, position)
    if (size > BATCH_BYTES_MAX || position + size > bytes.length) break
    const stored = offsets === 'stored' ? readInt64(bytes, position + BASE_OFFSET_AT) : next
    const span = batchSpan(bytes, position)
    if (span < 1 || stored < next || stored + span > end) break
    const offset = toOffset(stored)
    next = advance(offset, span)
    laid.push({ position, size, offset, end: next })
    position += size
  }
  return { laid, position, next }
}

/** What the batch says; Infinity where that is no size at all. */
function sizeOf(bytes: Uint8Array, position: number): number {
  try {
    return batchSizeBytes(bytes, position)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function isSound(bytes: Uint8Array, position: number): boolean {
  try {
    checkBatch(bytes, position)
    return true
  } catch (error) {
    if (error instanceof TidemarkError) return false
    throw error
  }
}
