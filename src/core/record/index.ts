/**
 * Kafka's record batch, magic 2: bytes in, bytes out, and what of it the broker looks at. What reads batches in portions is
 * not among it (batch-records.ts, find-timestamp.ts), so that functions carry it only where they read records.
 */
export { decodeBatch, decodeBatches } from './batch-decoder.ts'
export { encodeBatch } from './batch-encoder.ts'
export {
  batchSizeBytes,
  batchSpan,
  checkBatch,
  NO_PRODUCER_ID,
  patchOffsets,
  readBatchHeader,
  stampLogAppendTime,
  stampProducer,
} from './batch-header.ts'
export type { CompressionName } from './compression-name.ts'
export type { LogRecord, RecordHeader, RecordInput } from './record.ts'
