import { RUN_READ_BYTES, SEGMENT_MARK_BYTES } from '../../core/limits.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import { type Offset, toOffset, toPosition } from '../../core/numbers.ts'
import { batchSizeBytes, batchSpan } from '../../core/record/batch-header.ts'
import { BASE_OFFSET_AT, MAX_TIMESTAMP_AT, RECORDS_AT, readInt64 } from '../../core/record/batch-layout.ts'
import { SparseIndex, type StretchStart } from '../../core/segment/sparse-index.ts'
import type { ObjectStore } from '../../ports/object-store.ts'

interface FoundBatch {
  readonly base: number
  readonly end: number
  readonly sizeBytes: number
  readonly maxTimestampMs: number
}

/**
 * What a segment's footer would say of the places in it, where that is damaged: the batches themselves may be whole. It
 * takes all of their headers, and hence as many reads as the segment is long. Behind what has no size that could be there
 * are no more marks.
 * @returns undefined where the object is not there any more
 */
export async function scanSegment(
  objects: Pick<ObjectStore, 'get'>,
  key: string,
  { baseOffset, entry }: PlacedEntry,
): Promise<SparseIndex | undefined> {
  const { bytes, span } = entry
  const stretches: StretchStart[] = []
  let next: number = baseOffset
  for (let position = 0; position < bytes; ) {
    const read = await objects.get(key, toPosition(position), Math.min(RUN_READ_BYTES, bytes - position))
    if (!read) return undefined
    let passed = 0
    for (;;) {
      const found = findBatch(read, passed, next, toOffset(baseOffset + span))
      if (!found) break
      const last = stretches.at(-1)
      const at = position + passed
      if (!last || at - last.bytes >= SEGMENT_MARK_BYTES) {
        stretches.push({ span: next - baseOffset, bytes: at, maxTimestampMs: found.maxTimestampMs })
      } else {
        const maxTimestampMs = Math.max(last.maxTimestampMs, found.maxTimestampMs)
        stretches[stretches.length - 1] = { ...last, maxTimestampMs }
      }
      next = found.end
      passed += found.sizeBytes
    }
    if (passed === 0) break
    position += passed
  }
  if (stretches.length === 0) stretches.push({ span: 0, bytes: 0, maxTimestampMs: entry.maxTimestampMs })
  return new SparseIndex(stretches, { span, bytes })
}

/** The whole batch at a position that can follow on what comes before. */
function findBatch(bytes: Uint8Array, position: number, least: number, end: Offset): FoundBatch | undefined {
  if (position + RECORDS_AT > bytes.length) return undefined
  const base = readInt64(bytes, position + BASE_OFFSET_AT)
  const batchEnd = base + batchSpan(bytes, position)
  if (base < least || batchEnd <= base || batchEnd > end) return undefined
  try {
    const sizeBytes = batchSizeBytes(bytes, position)
    if (position + sizeBytes > bytes.length) return undefined
    return { base, end: batchEnd, sizeBytes, maxTimestampMs: readInt64(bytes, position + MAX_TIMESTAMP_AT) }
  } catch {
    return undefined
  }
}
