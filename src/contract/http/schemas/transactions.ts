import * as z from 'zod'
import {
  PRODUCER_EPOCHS_MAX,
  TRANSACTION_TIMEOUT_DEFAULT_MS,
  TRANSACTION_TIMEOUT_MS_MAX,
} from '../../../core/limits.ts'
import { TRANSACTION_STATES } from '../../transactions.ts'
import { GROUP_ID_SCHEMA } from '../requests/texts.ts'
import { CommitOffsetsAnswer, OffsetToCommit } from './groups.ts'
import { CountSchema, OffsetSchema, PartitionSchema, TimestampMsSchema, wholeNumber } from './numbers.ts'
import { Base64Text } from './payload.ts'

const topic = z.string().meta({ description: "The topic's name.", examples: ['orders'] })
const ProducerId = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,17})$/)
  .meta({ description: 'As it was told: 64 bits wide, in decimal digits.', examples: ['4711'] })
const Epoch = wholeNumber({ max: PRODUCER_EPOCHS_MAX }).describe('As it was told with the producer id.')

const name = {
  producerId: ProducerId,
  epoch: Epoch,
  number: CountSchema.optional().describe(
    'Which of the transactions is meant: one more than the last one, as it was told. A call that comes late then acts upon no other.',
  ),
}

const error = z
  .object({ kafkaName: z.string(), message: z.string(), retriable: z.boolean() })
  .nullable()
  .describe('null: it is done.')

const Batches = z.array(
  z.strictObject({
    topic,
    topicId: z.string().optional().describe('Of the topic that is meant: made anew, it has another.'),
    partition: PartitionSchema,
    batches: Base64Text.describe(
      "Kafka's record batches, one after the other, in base64: transactional, and of this producer.",
    ),
  }),
)

const groupOffsets = {
  groupId: z.string().meta({ ...GROUP_ID_SCHEMA, examples: ['billing'] }),
  memberId: z.string().optional().describe('Left out by consumers that are no members.'),
  instanceId: z.string().optional().describe('Of a static member.'),
  generation: CountSchema.optional().describe('Of a member of a classic group: its generation.'),
  // In a transaction the latest of them counts.
  offsets: z.array(OffsetToCommit.omit({ sequence: true })),
}

export const InitProducerRequest = z
  .strictObject({
    timeoutMs: wholeNumber({ min: 1, max: TRANSACTION_TIMEOUT_MS_MAX })
      .optional()
      .meta({ default: TRANSACTION_TIMEOUT_DEFAULT_MS }),
    producerId: ProducerId.optional().describe('Of a producer that goes on after an error, with its epoch.'),
    epoch: Epoch.optional(),
  })
  .meta({ id: 'InitProducer' })

export const InitProducerAnswer = z
  .object({
    producerId: ProducerId,
    epoch: CountSchema,
    number: CountSchema.describe(
      'Of the last transaction of this transactional id; the next one is one more.',
    ),
  })
  .meta({ id: 'InitializedProducer' })

export const AddPartitionsRequest = z
  .strictObject({ ...name, partitions: z.array(z.strictObject({ topic, partition: PartitionSchema })) })
  .meta({ id: 'AddPartitions' })

export const StageRequest = z
  .strictObject({
    ...name,
    batches: Batches,
    adds: z
      .boolean()
      .optional()
      .describe('Whether partitions that were not added become part of the transaction.'),
  })
  .meta({ id: 'StageBatches' })

export const PartitionResultsAnswer = z
  .object({
    partitions: z.array(
      z.object({
        topic,
        partition: PartitionSchema,
        error,
        logAppendTimeMs: TimestampMsSchema.optional().describe(
          'Where the topic stamps records itself: when they were staged.',
        ),
      }),
    ),
  })
  .meta({ id: 'PartitionResults' })

export const TransactionOffsetsRequest = z
  .strictObject({ ...name, ...groupOffsets })
  .meta({ id: 'CommitTransactionOffsets' })

export const TransactionOffsetsAnswer = CommitOffsetsAnswer

export const EndTransactionRequest = z
  .strictObject({
    ...name,
    commit: z.boolean(),
    batches: Batches.optional().describe('Become part of it first; with `number` only.'),
    offsets: z.array(z.strictObject(groupOffsets)).optional().describe('The same.'),
  })
  .meta({ id: 'EndTransaction' })

export const EndTransactionAnswer = z
  .object({
    number: CountSchema.describe('Of the one that has ended; the next one is one more.'),
    partitions: z
      .array(
        z.object({
          topic,
          partition: PartitionSchema,
          baseOffset: OffsetSchema.nullable().describe('null: not known any more, or the partition is gone.'),
          records: CountSchema,
        }),
      )
      .describe('Where its records are; empty where it was aborted, or had ended before.'),
  })
  .meta({ id: 'EndedTransaction' })

const state = z.enum(TRANSACTION_STATES)
const summary = { transactionalId: z.string(), producerId: ProducerId, state }

export const TransactionListAnswer = z
  .object({ transactions: z.array(z.object(summary)) })
  .meta({ id: 'TransactionList' })

export const TransactionAnswer = z
  .object({
    ...summary,
    epoch: CountSchema,
    number: CountSchema.describe('Of the present or last transaction.'),
    timeoutMs: CountSchema,
    startedMs: TimestampMsSchema.nullable().describe('null: none is going on.'),
    updatedMs: TimestampMsSchema,
    partitions: z
      .array(z.object({ topic, partition: PartitionSchema, records: CountSchema, bytes: CountSchema }))
      .describe('Of the present one.'),
    offsets: z
      .array(z.object({ groupId: z.string(), topic, partition: PartitionSchema }))
      .describe('Committed offsets that are pending.'),
  })
  .meta({ id: 'Transaction' })
