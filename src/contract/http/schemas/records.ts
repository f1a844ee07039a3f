import * as z from 'zod'
import {
  BATCH_RECORDS_MAX,
  FETCH_PARTITIONS_MAX,
  FETCH_WAIT_MS_MAX,
  LISTENER_MESSAGE_BYTES_MAX,
} from '../../../core/limits.ts'
import { WAKING_HEADER } from '../../waking/offer.ts'
import { CountSchema, OffsetSchema, PartitionSchema, PositionSchema, TimestampMsSchema } from './numbers.ts'
import { PayloadInput, PayloadOutput } from './payload.ts'

const startOffset = OffsetSchema.describe('The first offset that the partition still serves.')
const endOffset = OffsetSchema.describe('The high watermark: the offset that the next record gets.')
const nextOffset = OffsetSchema.describe('Where the next fetch goes on.')
const headerKey = z.string().refine(key => key.isWellFormed(), 'has half of a surrogate pair')

export const ProduceRequest = z
  .strictObject({
    records: z
      .array(
        z.strictObject({
          key: PayloadInput.optional().describe(
            "Records with the same key go to the same partition: that of Kafka's own client.",
          ),
          value: PayloadInput,
          headers: z
            .array(z.strictObject({ key: headerKey, value: PayloadInput }))
            .optional()
            .describe('In order; a key may come more than once.'),
          partition: PartitionSchema.optional().describe('Wins over the key.'),
          timestampMs: TimestampMsSchema.optional().describe(
            'Milliseconds since 1970, UTC; the time of arrival when it is left out.',
          ),
        }),
      )
      .min(1)
      .max(BATCH_RECORDS_MAX),
    compression: z
      .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      .optional()
      .describe('How the records are stored; "none" when it is left out.'),
  })
  .meta({ id: 'Produce' })

export const ProduceAnswer = z
  .object({
    records: z
      .array(z.object({ partition: PartitionSchema, offset: OffsetSchema }))
      .describe('Where each record stands, in the order of the request.'),
  })
  .meta({ id: 'Produced' })

export const ProduceBatchesAnswer = z
  .object({
    partition: PartitionSchema,
    baseOffset: OffsetSchema.describe("The first record's offset; the others follow without a gap."),
    records: CountSchema,
    startOffset,
    logAppendTimeMs: TimestampMsSchema.nullable().describe(
      'Where the topic stamps records itself (LogAppendTime); else null.',
    ),
  })
  .meta({ id: 'ProducedBatches' })

export const AnyProduceAnswer = z.union([ProduceAnswer, ProduceBatchesAnswer])

export const FetchAnswer = z
  .object({
    startOffset,
    endOffset,
    nextOffset,
    records: z.array(
      z.object({
        offset: OffsetSchema,
        timestampMs: z.int(),
        key: PayloadOutput,
        value: PayloadOutput,
        headers: z.array(z.object({ key: z.string(), value: PayloadOutput })),
      }),
    ),
  })
  .meta({ id: 'Fetched' })

const run = {
  baseOffset: OffsetSchema,
  // A server of before tells it as `records` only.
  span: CountSchema.optional().describe('How many offsets the range covers.'),
  records: CountSchema.meta({ deprecated: true, description: 'The same as span.' }),
  bytes: CountSchema,
  offsets: z
    .literal('final')
    .optional()
    .describe('Where it is there, the offsets inside the bytes are final, and may have gaps.'),
}

const located = {
  startOffset,
  endOffset,
  nextOffset,
  ranges: z
    .array(
      z.union([
        z.object({
          ...run,
          inline: z.string().meta({ format: 'byte', description: 'The bytes themselves, in base64.' }),
        }),
        z.object({
          ...run,
          url: z
            .string()
            .describe(
              'Where to GET the bytes, with the header Range: bytes=<position>-<position+bytes-1>. One that begins ' +
                'with / is of this server: put it behind the address by which you call it, with its prefix if ' +
                'it has one.',
            ),
          position: PositionSchema.describe("The range's first byte in the object."),
          expiresMs: TimestampMsSchema.describe('When the URL ends to work.'),
        }),
      ]),
    )
    .describe(
      "Runs of whole record batches. Unless offsets is final, those inside the bytes are not: a range's first batch " +
        'begins at baseOffset, each further one where its predecessor ends. Where they are final, leave out what ends ' +
        'at or before baseOffset.',
    ),
}

export const LocateAnswer = z.object(located).meta({ id: 'Located' })

const askedPartition = {
  topicId: z
    .string()
    .optional()
    .describe('Of the topic that is meant: one that was made anew under its name has another.'),
  partition: PartitionSchema,
  offset: OffsetSchema.describe('The first record that is wanted.'),
  maxBytes: CountSchema.optional().describe(
    'What this partition may bring: as much as all when it is left out.',
  ),
  arm: z
    .boolean()
    .optional()
    .describe(
      'true: has the listener woken when there is more than from `offset` on is known, and looks then.',
    ),
  armFrom: OffsetSchema.optional().describe(
    'How far it is known to be, where that is beyond `offset`: what the last wake-up told. Only with `arm`.',
  ),
}

const askedTogether = {
  maxBytes: CountSchema.optional().describe(
    'What all may bring together. A soft limit: the first batch of the first partition that has one comes, however large.',
  ),
  minBytes: CountSchema.optional().describe('How much to wait for; 1 when it is left out.'),
  maxWaitMs: CountSchema.optional().describe(
    `How long to wait for it, where there is less; 0 when it is left out. Larger values than ${FETCH_WAIT_MS_MAX} count as that.`,
  ),
  locate: z.boolean().optional().describe('true: tell where the bytes lie, in JSON.'),
  listener: z
    .string()
    .max(LISTENER_MESSAGE_BYTES_MAX)
    .optional()
    .describe(
      `The ticket of a socket, of a broker that has told of those in the header ${WAKING_HEADER}: who is to be woken.`,
    ),
}

export const FetchManyRequest = z
  .strictObject({
    partitions: z
      .array(
        z.strictObject({
          topic: z.string().optional().describe('Undefined where the topic is named by its id alone.'),
          ...askedPartition,
        }),
      )
      .max(FETCH_PARTITIONS_MAX)
      .describe('Those that come first are served first: put those last that have got something.'),
    ...askedTogether,
  })
  .meta({ id: 'FetchMany' })

export const FetchTopicRequest = z
  .strictObject({
    partitions: z.array(z.strictObject(askedPartition)).max(FETCH_PARTITIONS_MAX),
    ...askedTogether,
  })
  .meta({ id: 'FetchTopic' })

const answeredPartition = {
  topic: z.string().optional(),
  topicId: z.string().optional(),
  partition: PartitionSchema,
}

export const LocateManyAnswer = z
  .object({
    partitions: z
      .array(
        z.union([
          z.object({ ...answeredPartition, ...located }),
          z.object({
            ...answeredPartition,
            error: z.object({
              kafkaError: z.string(),
              kafkaErrorNumber: z.int(),
              detail: z.string(),
              retriable: z.boolean(),
              written: z.enum(['no', 'yes', 'unknown']),
            }),
          }),
        ]),
      )
      .describe('One for each partition of the request, in its order.'),
  })
  .meta({ id: 'LocatedMany' })

export const ReadAnswer = z.union([FetchAnswer, LocateAnswer])

export const OffsetAnswer = z
  .object({
    offset: OffsetSchema.nullable().describe('null when no record is that young.'),
    timestampMs: z
      .int()
      .nullable()
      .describe("The found record's timestamp, when one was looked for by time."),
  })
  .meta({ id: 'FoundOffset' })

export const DeleteRecordsAnswer = z.object({ startOffset }).meta({ id: 'DeletedRecords' })
