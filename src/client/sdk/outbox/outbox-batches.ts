import { TidemarkError } from '../../../core/errors.ts'
import { BATCH_RECORDS_MAX, OUTBOX_BATCH_BYTES_MAX } from '../../../core/limits.ts'
import { encodeBatch } from '../../../core/record/batch-encoder.ts'
import { RECORDS_AT as BATCH_HEADER_BYTES } from '../../../core/record/batch-layout.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { recordBytesMax } from '../../record-size.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { OutboxTopic } from './outbox-topic.ts'

/**
 * The records of one partition in as few batches as fit into items each, in their order.
 * @throws TidemarkError MESSAGE_TOO_LARGE where one record alone fits into none
 */
export function outboxBatches(
  records: readonly RecordInput[],
  topic: Required<OutboxTopic>,
  compression: CompressionName,
): Uint8Array[] {
  const bytesMax = Math.min(topic.maxMessageBytes, OUTBOX_BATCH_BYTES_MAX)
  const batches: Uint8Array[] = []
  let gathered: RecordInput[] = []
  let bytes = BATCH_HEADER_BYTES
  const close = () => {
    if (gathered.length > 0) batches.push(encodeWithin(gathered, topic, compression, bytesMax))
    gathered = []
    bytes = BATCH_HEADER_BYTES
  }
  for (const record of records) {
    const recordBytes = recordBytesMax(record)
    if (bytes + recordBytes > bytesMax || gathered.length === BATCH_RECORDS_MAX) close()
    gathered.push(record)
    bytes += recordBytes
  }
  close()
  return batches
}

/** Compression makes noise a little larger than it was; as it was, it fits. */
function encodeWithin(
  records: readonly RecordInput[],
  topic: Required<OutboxTopic>,
  compression: CompressionName,
  bytesMax: number,
): Uint8Array {
  for (const name of new Set([compression, 'none' as const])) {
    const encoded = encode(records, name)
    if (encoded && encoded.length <= bytesMax) return encoded
  }
  throw tooLarge(records, topic)
}

function encode(records: readonly RecordInput[], compression: CompressionName): Uint8Array | undefined {
  try {
    return encodeBatch(records, { compression })
  } catch (error) {
    if (isKafkaError(error, 'MESSAGE_TOO_LARGE')) return undefined
    throw error
  }
}

function tooLarge(
  records: readonly RecordInput[],
  { topic, maxMessageBytes }: Required<OutboxTopic>,
): TidemarkError {
  const bytes = records.reduce((sum, record) => sum + recordBytesMax(record), BATCH_HEADER_BYTES)
  const isTopics = maxMessageBytes < OUTBOX_BATCH_BYTES_MAX
  const limit = isTopics
    ? `"${topic}" takes ${maxMessageBytes} (max.message.bytes): raise that,`
    : `an item of DynamoDB takes ${OUTBOX_BATCH_BYTES_MAX} of it:`
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `A message makes a batch of ${bytes} bytes or so, and ${limit} give a compression, or put the payload into S3 first ` +
      'and send its key.',
  )
}
