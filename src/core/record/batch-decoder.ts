import { TidemarkError } from '../errors.ts'
import { type BatchHeader, checkBatch, DamagedBatch } from './batch-header.ts'
import { RECORDS_AT } from './batch-layout.ts'
import { decompress } from './compression.ts'
import type { LogRecord } from './record.ts'
import { checkRoom, RecordFields, readLength, trailingBytes } from './record-fields.ts'
import { VarintReader } from './varint.ts'

/**
 * Checks the batch at `position` as `checkBatch` does, then decodes its records; of a control batch, its
 * markers.
 *
 * @throws TidemarkError as `checkBatch`; INVALID_RECORD when the records are not as their header says;
 *   MESSAGE_TOO_LARGE when they would grow above DECOMPRESSED_BYTES_MAX. All of them are in memory at once: what reads
 *   batches that it does not trust reads them with BatchRecords, a portion at a time
 */
export function decodeBatch(bytes: Uint8Array, position = 0): { header: BatchHeader; records: LogRecord[] } {
  const header = checkToRead(bytes, position)
  return { header, records: decodeChecked(header, bytes, position) }
}

/**
 * The records of a batch of which `checkBatch` gave this header.
 * @throws TidemarkError as `decodeBatch`, but for what the check finds
 */
export function decodeChecked(header: BatchHeader, bytes: Uint8Array, position: number): LogRecord[] {
  const records: LogRecord[] = []
  decodeInto(records, header, bytes, position)
  return records
}

/**
 * The records of a run of batches, one after the other until the end of `bytes`. Each batch may grow up
 * to DECOMPRESSED_BYTES_MAX; who reads runs from producers he does not trust decodes batch by batch.
 *
 * @throws TidemarkError as `decodeBatch`; CORRUPT_MESSAGE when the last batch is incomplete
 */
export function decodeBatches(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = []
  let position = 0
  while (position < bytes.length) {
    const header = checkToRead(bytes, position)
    decodeInto(records, header, bytes, position)
    position += header.sizeBytes
  }
  return records
}

/**
 * As `checkBatch`, for whoever reads a batch, and has not sent it.
 * @throws TidemarkError as checkBatch
 */
export function checkToRead(bytes: Uint8Array, position: number): BatchHeader {
  try {
    return checkBatch(bytes, position)
  } catch (error) {
    if (!(error instanceof DamagedBatch)) throw error
    const message = `A batch to be read is damaged: ${error.damage}. Read it again; if it stays so, go on behind it.`
    throw new TidemarkError('CORRUPT_MESSAGE', message, 'no', { cause: error })
  }
}

function decodeInto(records: LogRecord[], header: BatchHeader, bytes: Uint8Array, position: number): void {
  const { reader, end } = openRecords(header, bytes, position)
  const { recordCount } = header
  const fields = new RecordFields(header)
  for (let offsetDelta = 0; offsetDelta < recordCount; offsetDelta++) {
    records.push(fields.read(reader, readLength(reader, end), offsetDelta))
  }
  if (reader.position !== end) throw trailingBytes(recordCount, end - reader.position)
}

/** Decompresses the records, where they are, and checks that as many as claimed can be in them. */
function openRecords(
  header: BatchHeader,
  bytes: Uint8Array,
  position: number,
): { reader: VarintReader; end: number } {
  const start = position + RECORDS_AT
  const end = position + header.sizeBytes
  if (header.compression === 'none') return { reader: new VarintReader(bytes, start), end }
  const plain = decompress(header.compression, bytes.subarray(start, end))
  checkRoom(header, plain.length)
  return { reader: new VarintReader(plain, 0), end: plain.length }
}
