import type { RecordInput } from '../core/record/record.ts'

/** Length, attributes, deltas and the lengths of key, value and headers, each varint at its longest. */
const RECORD_FRAME_BYTES_MAX = 36
/** The lengths of a header's key and value. */
const HEADER_FRAME_BYTES_MAX = 10

/** What `record` takes in a batch at most, before compression. */
export function recordBytesMax({ key, value, headers = [] }: RecordInput): number {
  let bytes = RECORD_FRAME_BYTES_MAX + (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) {
    bytes += HEADER_FRAME_BYTES_MAX + Buffer.byteLength(header.key) + (header.value?.length ?? 0)
  }
  return bytes
}
