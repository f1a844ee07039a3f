import { DECOMPRESSED_BYTES_MAX } from '../limits.ts'
import { type BatchHeader, checkToRead } from './batch-header.ts'
import { RECORDS_AT } from './batch-layout.ts'
import { decompress } from './decompression.ts'
import type { LogRecord } from './record.ts'
import { checkRoom, RecordFields, readLength, trailingBytes } from './record-fields.ts'
import { VarintReader } from './varint.ts'

export interface DecodeOptions {
  /** What the records may have when decompressed; DECOMPRESSED_BYTES_MAX, 128 MiB, when it is left out. */
  maxBytes?: number
}

/**
 * Checks the batch at `position` as `checkBatch` does, then decodes its records; of a control batch, its markers. All of
 * them are in memory at once, and a few kilobytes can hold 128 MiB: give `maxBytes` where producers are not trusted.
 *
 * @throws TidemarkError as `checkBatch`; INVALID_RECORD when the records are not as their header says;
 *   MESSAGE_TOO_LARGE when they would grow above `maxBytes`
 */
export function decodeBatch(
  bytes: Uint8Array,
  position = 0,
  { maxBytes = DECOMPRESSED_BYTES_MAX }: DecodeOptions = {},
): { header: BatchHeader; records: LogRecord[] } {
  const header = checkToRead(bytes, position)
  const records: LogRecord[] = []
  decodeInto(records, header, bytes, position, maxBytes)
  return { header, records }
}

/**
 * The records of a run of batches, one after the other until the end of `bytes`. Each batch may grow up
 * to DECOMPRESSED_BYTES_MAX, 128 MiB; who reads runs from producers he does not trust decodes batch by batch, with a
 * `maxBytes`, or consumes: a consumer has no more than a portion in memory.
 *
 * @throws TidemarkError as `decodeBatch`; CORRUPT_MESSAGE when the last batch is incomplete
 */
export function decodeBatches(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = []
  let position = 0
  while (position < bytes.length) {
    const header = checkToRead(bytes, position)
    decodeInto(records, header, bytes, position, DECOMPRESSED_BYTES_MAX)
    position += header.sizeBytes
  }
  return records
}

function decodeInto(
  records: LogRecord[],
  header: BatchHeader,
  bytes: Uint8Array,
  position: number,
  maxBytes: number,
): void {
  const { reader, end } = openRecords(header, bytes, position, maxBytes)
  const { recordCount } = header
  const fields = new RecordFields(header)
  for (let index = 0; index < recordCount; index++) {
    records.push(fields.read(reader, readLength(reader, end), index))
  }
  if (reader.position !== end) throw trailingBytes(recordCount, end - reader.position)
}

/** Decompresses the records, where they are, and checks that as many as claimed can be in them. */
function openRecords(
  header: BatchHeader,
  bytes: Uint8Array,
  position: number,
  maxBytes: number,
): { reader: VarintReader; end: number } {
  const start = position + RECORDS_AT
  const end = position + header.sizeBytes
  if (header.compression === 'none') return { reader: new VarintReader(bytes, start), end }
  const plain = decompress(header.compression, bytes.subarray(start, end), maxBytes)
  checkRoom(header, plain.length)
  return { reader: new VarintReader(plain, 0), end: plain.length }
}
