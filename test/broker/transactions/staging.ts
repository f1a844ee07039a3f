import type { TransactionName } from '../../../src/contract/transactions.ts'
import { stampProducer } from '../../../src/core/record/batch-header.ts'
import type { CompressionName } from '../../../src/core/record/compression-name.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { NOW_MS } from '../harness.ts'

interface TransactionalBatch {
  /** Bytes that are added to each record. */
  readonly padding?: number
  readonly hasKeys?: boolean
  readonly compression?: CompressionName
  readonly timestampMs?: number
}

/** One transactional batch of a record for each value. */
export function batchIn(
  { producerId, epoch }: Pick<TransactionName, 'producerId' | 'epoch'>,
  baseSequence: number,
  values: readonly string[],
  { padding = 0, hasKeys = true, compression = 'none', timestampMs = NOW_MS }: TransactionalBatch = {},
): Uint8Array {
  const records = values.map(value => ({
    key: hasKeys ? Buffer.from(value) : null,
    value: Buffer.from(value),
    timestampMs,
    headers: padding > 0 ? [{ key: 'padding', value: Buffer.alloc(padding, 'x') }] : [],
  }))
  const batch = new Uint8Array(encodeBatch(records, { compression }))
  stampProducer(batch, 0, { producerId, producerEpoch: epoch, baseSequence, isTransactional: true })
  return batch
}
