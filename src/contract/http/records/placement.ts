import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { encodeBatch } from '../../../core/record/batch-encoder.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { partitionForKey } from '../../../core/topic/partitioner.ts'
import { latestTimestampMs } from '../../../core/topic/topic-config.ts'
import type { ProduceRequest } from '../schemas/records.ts'
import { payloadToBytes } from './payload.ts'
import type { TopicFacts } from './topic-facts.ts'

type JsonRecord = z.output<typeof ProduceRequest>['records'][number]

/** The records of one request that go to one partition, as one batch. */
export interface PlacedBatch {
  partition: number
  batch: Uint8Array
  /** Which records of the request these are, in the batch's order. */
  indices: number[]
}

/** Where the records of one request go: a partition for each record, in the order of the request. */
export interface Placement {
  partitions: number[]
  batches: PlacedBatch[]
}

/**
 * Places a request's records as Kafka's producer does: an explicit partition wins, a key is hashed, the others
 * all go to `sticky`. Encodes one batch for each partition, and refuses the request as a whole when one of
 * its records cannot be written: nothing has been written yet.
 * @param options `futureMs`: what lies behind it is in the future
 * @throws UNKNOWN_TOPIC_OR_PARTITION, MESSAGE_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP
 */
export function placeRecords(
  records: readonly JsonRecord[],
  facts: TopicFacts,
  sticky: number,
  options: { nowMs: number; futureMs: number; compression?: CompressionName },
): Placement {
  const latestMs = latestTimestampMs(facts.settings, options.futureMs)
  const groups = new Map<number, { inputs: RecordInput[]; indices: number[] }>()
  const partitions = records.map((record, index) => {
    checkTimestamp(record, index, latestMs)
    const input = toInput(record)
    const partition = partitionOf(record, input, index, facts.partitions, sticky)
    let group = groups.get(partition)
    if (group === undefined) {
      group = { inputs: [], indices: [] }
      groups.set(partition, group)
    }
    group.inputs.push(input)
    group.indices.push(index)
    return partition
  })
  const batches = [...groups].map(([partition, { inputs, indices }]) => {
    const batch = encodeBatch(inputs, options)
    checkSize(batch, partition, facts.settings.maxBatchBytes)
    return { partition, batch, indices }
  })
  return { partitions, batches }
}

function toInput({ key, value, headers, timestampMs }: JsonRecord): RecordInput {
  return {
    key: payloadToBytes(key ?? null),
    value: payloadToBytes(value),
    ...(headers === undefined
      ? {}
      : { headers: headers.map(header => ({ key: header.key, value: payloadToBytes(header.value) })) }),
    ...(timestampMs === undefined ? {} : { timestampMs }),
  }
}

function partitionOf(
  record: JsonRecord,
  input: RecordInput,
  index: number,
  partitions: number,
  sticky: number,
): number {
  if (record.partition !== undefined) {
    if (record.partition < partitions) return record.partition
    throw new TidemarkError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `records[${index}] wants partition ${record.partition}, but the topic has partitions 0 to ${partitions - 1}. ` +
        'Nothing of the request was written.',
    )
  }
  return input.key == null ? sticky : partitionForKey(input.key, partitions)
}

/** As the broker does for each partition by itself, when those of others may be written. */
function checkTimestamp({ timestampMs = 0 }: JsonRecord, index: number, latestMs: number): void {
  if (timestampMs <= latestMs) return
  throw new TidemarkError(
    'INVALID_TIMESTAMP',
    `records[${index}] has the timestamp ${timestampMs}, which lies further in the future than the topic's ` +
      'message.timestamp.after.max.ms allows. Timestamps are milliseconds since 1970. Nothing of the request was written.',
  )
}

function checkSize(batch: Uint8Array, partition: number, batchBytesMax: number): void {
  if (batch.length <= batchBytesMax) return
  throw new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `The records for partition ${partition} make a batch of ${batch.length} bytes; the topic's max.message.bytes ` +
      `is ${batchBytesMax}. Send fewer records in a request. Nothing of this one was written.`,
  )
}
