import * as z from 'zod'
import { BATCH_RECORDS_MAX } from '../../../core/limits.ts'
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

export const LocateAnswer = z
  .object({
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
  })
  .meta({ id: 'Located' })

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
