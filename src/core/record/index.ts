/** Kafka's record batch, magic 2: bytes in, bytes out, and what of it the broker looks at. */
export { checkToRead, decodeBatch, decodeBatches } from './batch-decoder.ts'
export { encodeBatch } from './batch-encoder.ts'
export {
  type BatchHeader,
  batchSizeBytes,
  batchSpan,
  checkBatch,
  DamagedBatch,
  NO_PRODUCER_ID,
  patchOffsets,
  readBatchHeader,
  stampLogAppendTime,
  stampProducer,
} from './batch-header.ts'
export { RECORDS_AT as BATCH_HEADER_BYTES } from './batch-layout.ts'
export { BatchRecords, type Portion } from './batch-records.ts'
export type { CompressionName } from './compression.ts'
export { findTimestamp } from './find-timestamp.ts'
export type { LogRecord, RecordHeader, RecordInput } from './record.ts'
export { RecordTooLarge } from './record-fields.ts'
