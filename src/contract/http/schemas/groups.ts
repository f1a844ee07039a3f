import * as z from 'zod'
import { CountSchema, OffsetSchema, PartitionSchema, TimestampMsSchema } from './numbers.ts'

const topic = z.string().meta({ description: "The topic's name.", examples: ['orders'] })
const instanceId = z.string().optional().meta({ description: 'Of a static member.' })
const assignor = z.enum(['range', 'round-robin', 'cooperative-sticky'])
const epoch = CountSchema.meta({ description: "Counts the group's targets." })

const owned = {
  topic,
  topicId: z.string(),
  partition: PartitionSchema,
  generation: CountSchema.meta({
    description: 'Grows with every owner that this partition has in this group.',
  }),
}

const Owned = z.strictObject(owned).meta({ id: 'OwnedPartition' })

export const HeartbeatRequest = z
  .strictObject({
    memberId: z.string().meta({ description: 'Chosen by the member, for one stay in the group: a UUID.' }),
    memberEpoch: CountSchema.meta({ description: '0 to join; else the epoch of the last answer.' }),
    instanceId,
    clientId: z.string().optional(),
    topics: z.array(topic).optional().meta({ description: 'What it subscribes to, in every heartbeat.' }),
    topicPattern: z
      .string()
      .optional()
      .meta({ description: 'Or every topic whose name this regular expression matches as a whole.' }),
    assignor: assignor.optional().meta({ description: 'The one that most members name wins.' }),
    sessionTimeoutMs: z.int().optional().meta({ description: '45,000 when it is left out.' }),
    owned: z.array(Owned).meta({ description: 'What it owns by the last answer, and has not let go.' }),
    released: z
      .array(Owned)
      .optional()
      .meta({ description: 'What it has let go since: finished with, and committed.' }),
    settledEpoch: CountSchema.optional().meta({
      description: 'The epoch for which it was told isSettled: then this costs one read and one write.',
    }),
  })
  .meta({ id: 'Heartbeat' })

export const HeartbeatAnswer = z
  .object({
    memberEpoch: epoch,
    heartbeatIntervalMs: CountSchema,
    assigned: z
      .array(
        z.object({
          ...owned,
          committedOffset: OffsetSchema.nullable().meta({
            description:
              'Where to begin; null: nothing was committed. Only of what the member did not say it owns.',
          }),
        }),
      )
      .meta({ description: 'All that the member owns now.' }),
    toRelease: z
      .array(z.object(owned))
      .meta({ description: 'Of it: what it must finish, commit and release.' }),
    isSettled: z.boolean().meta({ description: 'Whether it owns its share and nothing else.' }),
  })
  .meta({ id: 'HeartbeatAnswer' })

export const CommitOffsetsRequest = z
  .strictObject({
    memberId: z.string().optional().meta({ description: 'Left out by consumers that are no members.' }),
    instanceId,
    offsets: z.array(
      z.strictObject({
        topic,
        partition: PartitionSchema,
        offset: OffsetSchema.meta({ description: 'The next record to deliver.' }),
        generation: CountSchema.optional().meta({
          description: 'Of a member: the generation under which it owns the partition.',
        }),
        rewinds: z.boolean().optional().meta({
          description:
            'Of a member: whether it means to go back; otherwise an offset below the committed one changes nothing.',
        }),
        metadata: z.string().optional().meta({ description: 'At most 4,096 bytes.' }),
        leaderEpoch: z.int32().optional(),
      }),
    ),
  })
  .meta({ id: 'CommitOffsets' })

export const CommitOffsetsAnswer = z
  .object({
    offsets: z.array(
      z.object({
        topic,
        partition: PartitionSchema,
        error: z
          .object({ kafkaName: z.string(), message: z.string(), retriable: z.boolean() })
          .nullable()
          .meta({ description: 'null: it is committed.' }),
      }),
    ),
  })
  .meta({ id: 'CommittedPartitions' })

export const GroupOffsetsAnswer = z
  .object({
    offsets: z.array(
      z.object({
        topic,
        partition: PartitionSchema,
        offset: OffsetSchema,
        metadata: z.string(),
        committedMs: TimestampMsSchema,
      }),
    ),
  })
  .meta({ id: 'GroupOffsets' })

const summary = {
  groupId: z.string(),
  state: z.enum(['Empty', 'Assigning', 'Reconciling', 'Stable']),
  members: CountSchema,
}

export const GroupListAnswer = z.object({ groups: z.array(z.object(summary)) }).meta({ id: 'GroupList' })

export const GroupAnswer = z
  .object({
    ...summary,
    epoch,
    assignor,
    memberList: z.array(
      z.object({
        memberId: z.string(),
        instanceId: z.string().nullable(),
        clientId: z.string(),
        topics: z.array(topic),
        topicPattern: z.string().nullable(),
        owned: z.array(z.object({ topic, partition: PartitionSchema })),
        leaseUntilMs: TimestampMsSchema.nullable().meta({
          description: 'null: of a trigger, which has none.',
        }),
      }),
    ),
    partitions: z.array(
      z.object({
        topic,
        partition: PartitionSchema,
        memberId: z.string().nullable().meta({ description: 'Who owns it; null: nobody.' }),
        committedOffset: OffsetSchema.nullable(),
        startOffset: OffsetSchema,
        endOffset: OffsetSchema,
        lag: CountSchema.meta({ description: 'Records between the committed offset and the end.' }),
      }),
    ),
  })
  .meta({ id: 'Group' })
