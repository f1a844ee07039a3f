import { TidemarkError } from '../../core/errors.ts'
import { BATCH_BYTES_MAX, RUN_READ_BYTES } from '../../core/limits.ts'
import { toPosition } from '../../core/numbers.ts'
import {
  type BatchHeader,
  batchSizeBytes,
  checkBatch,
  DamagedBatch,
  readBatchHeader,
} from '../../core/record/batch-header.ts'
import { RECORDS_AT as BATCH_HEADER_BYTES } from '../../core/record/batch-layout.ts'
import { decodeFooter, type Footer, TRAILER_BYTES, trailerOf } from '../../core/segment/footer.ts'
import type { Ports } from '../../ports/index.ts'

/** What an object is made of. */
export type InspectedPart =
  | { readonly kind: 'object'; readonly key: string; readonly bytes: number; readonly modifiedMs: number }
  | { readonly kind: 'footer'; readonly footer: Footer }
  | {
      readonly kind: 'batch'
      readonly position: number
      readonly header: BatchHeader
      readonly problem: string | undefined
    }
  /** From here on it makes no sense. */
  | { readonly kind: 'damage'; readonly position: number; readonly problem: string }

/** An object's footer, where it has one, and its batches one after the other. Nothing: there is no such object. */
export async function* inspectObject(
  ports: Ports,
  key: string,
  { withBatches }: { readonly withBatches: boolean },
): AsyncGenerator<InspectedPart> {
  let found: { bytes: number; modifiedMs: number } | undefined
  for await (const object of ports.objects.list(key)) {
    if (object.key === key) found = object
    break
  }
  if (!found) return
  const { bytes, modifiedMs } = found
  yield { kind: 'object', key, bytes, modifiedMs }
  const end = await ports.objects.get(key, toPosition(Math.max(0, bytes - TRAILER_BYTES)), TRAILER_BYTES)
  const trailer = end && trailerOf(end)
  let footerBytes = 0
  if (trailer && trailer.footerBytes <= bytes) {
    footerBytes = trailer.footerBytes
    const encoded = await ports.objects.get(key, toPosition(bytes - footerBytes), footerBytes)
    try {
      if (encoded) yield { kind: 'footer', footer: decodeFooter(encoded) }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      yield { kind: 'damage', position: bytes - footerBytes, problem: error.message }
    }
  }
  if (withBatches) yield* inspectBatches(ports, key, bytes - footerBytes)
}

async function* inspectBatches(ports: Ports, key: string, end: number): AsyncGenerator<InspectedPart> {
  for (let at = 0; at < end; ) {
    const read =
      (await ports.objects.get(key, toPosition(at), Math.min(RUN_READ_BYTES, end - at))) ?? new Uint8Array()
    let position = 0
    while (position < read.length) {
      const size = read.length - position < BATCH_HEADER_BYTES ? undefined : sizeOf(read, position)
      if (size === undefined || size > BATCH_BYTES_MAX || at + position + size > end) {
        yield { kind: 'damage', position: at + position, problem: 'no whole batch begins here' }
        return
      }
      if (position + size > read.length) break
      yield {
        kind: 'batch',
        position: at + position,
        header: readBatchHeader(read, position),
        problem: problemOf(read, position),
      }
      position += size
    }
    if (position === 0) {
      yield { kind: 'damage', position: at, problem: 'it ends in the middle of a batch' }
      return
    }
    at += position
  }
}

function sizeOf(bytes: Uint8Array, position: number): number | undefined {
  try {
    return batchSizeBytes(bytes, position)
  } catch (error) {
    if (error instanceof TidemarkError) return undefined
    throw error
  }
}

function problemOf(bytes: Uint8Array, position: number): string | undefined {
  try {
    checkBatch(bytes, position)
    return undefined
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return error instanceof DamagedBatch ? error.damage : error.message
  }
}
