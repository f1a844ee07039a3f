import * as z from 'zod'
import { CountSchema, TimestampMsSchema } from './numbers.ts'

export const TriggerAnswer = z
  .object({
    groupId: z.string().describe('The group whose offsets it commits, and which is its own.'),
    topic: z.string(),
    triggerId: z.string(),
    target: z.string().describe('What is called.'),
    state: z.enum(['active', 'paused']),
    hasTopic: z.boolean().describe('Whether the topic is there.'),
    createdMs: TimestampMsSchema,
    batchSize: CountSchema,
    maxBatchingWindowMs: CountSchema,
    startingPosition: z
      .union([z.enum(['earliest', 'latest']), z.object({ timestampMs: TimestampMsSchema })])
      .describe('Where a partition begins in which the group has committed nothing.'),
    parallelism: CountSchema.nullable().describe(
      'Partitions that are delivered at the same time; null: all.',
    ),
    retryAttempts: CountSchema.nullable().describe('null: without end.'),
    maxRecordAgeMs: CountSchema.nullable().describe('null: however old.'),
    bisectBatchOnError: z.boolean(),
    reportBatchItemFailures: z.boolean(),
    filters: z.array(z.string()).readonly().describe('EventBridge patterns, as JSON.'),
    onFailure: z.string().nullable().describe('Where what is given up is told; null: nowhere.'),
    callTimeoutMs: CountSchema,
  })
  .meta({ id: 'Trigger' })

export const TriggerListAnswer = z.object({ triggers: z.array(TriggerAnswer) }).meta({ id: 'TriggerList' })
