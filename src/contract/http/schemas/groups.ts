import * as z from 'zod'
import {
  COMMIT_METADATA_BYTES_MAX,
  SESSION_TIMEOUT_DEFAULT_MS,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
  SUBSCRIPTION_BYTES_MAX,
  TOPIC_PATTERN_CHARACTERS_MAX,
} from '../../../core/limits.ts'
import { INT32_MAX } from '../../../core/numbers.ts'
import {
  CLIENT_ID_SCHEMA,
  INSTANCE_ID_SCHEMA,
  MEMBER_ID_SCHEMA,
  TOPIC_NAME_SCHEMA,
} from '../requests/texts.ts'
import { CountSchema, OffsetSchema, PartitionSchema, TimestampMsSchema, wholeNumber } from './numbers.ts'

const INT32_MIN = -INT32_MAX - 1

const topic = z.string().meta({ description: "The topic's name.", examples: ['orders'] })
const instanceId = z.string().optional()
const assignor = z.enum(['range', 'round-robin', 'cooperative-sticky'])
const epoch = CountSchema.describe("Counts the group's targets.")

const owned = {
  topic,
  topicId: z.string(),
  partition: PartitionSchema,
  generation: CountSchema.describe('Grows with every owner that this partition has in this group.'),
}

const Owned = z.strictObject(owned).meta({ id: 'OwnedPartition' })

export const HeartbeatRequest = z
  .strictObject({
    memberId: z
      .string()
      .meta({ ...MEMBER_ID_SCHEMA, description: 'Chosen by the member, for one stay in the group: a UUID.' }),
    memberEpoch: CountSchema.describe('0 to join; else the epoch of the last answer.'),
    instanceId: instanceId.meta({ ...INSTANCE_ID_SCHEMA, description: 'Of a static member.' }),
    clientId: z.string().optional().meta(CLIENT_ID_SCHEMA),
    topics: z
      .array(z.string().meta({ ...TOPIC_NAME_SCHEMA, examples: ['orders'] }))
      .optional()
      .describe(
        'What it subscribes to, in every heartbeat; whoever joins gives these or a pattern. ' +
          `All together have ${SUBSCRIPTION_BYTES_MAX} bytes at most.`,
      ),
    topicPattern: z
      .string()
      .optional()
      .meta({
        maxLength: TOPIC_PATTERN_CHARACTERS_MAX,
        description:
          'Or every topic whose name this regular expression matches as a whole: characters, classes, groups, |, ' +
          '^, $, and *, +, ?, {n}, {n,}, {n,m}.',
        examples: ['orders-.*'],
      }),
    assignor: assignor.optional().describe('The one that most members name wins.'),
    sessionTimeoutMs: CountSchema.optional().meta({
      minimum: SESSION_TIMEOUT_MS_MIN,
      maximum: SESSION_TIMEOUT_MS_MAX,
      default: SESSION_TIMEOUT_DEFAULT_MS,
    }),
    owned: z.array(Owned).describe('What it owns by the last answer, and has not let go.'),
    released: z.array(Owned).optional().describe('What it has let go since: finished with, and committed.'),
    settledEpoch: CountSchema.optional().describe(
      'The epoch for which it was told isSettled: then this costs one read and one write.',
    ),
  })
  .meta({
    id: 'Heartbeat',
    // Whoever joins says which topics.
    if: { properties: { memberEpoch: { const: 0 } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's name
    then: { anyOf: [{ required: ['topics'] }, { required: ['topicPattern'] }] },
  })

export const HeartbeatAnswer = z
  .object({
    memberEpoch: epoch,
    heartbeatIntervalMs: CountSchema,
    assigned: z
      .array(
        z.object({
          ...owned,
          committedOffset: OffsetSchema.nullable().describe(
            'Where to begin; null: nothing was committed. Only of what the member did not say it owns.',
          ),
          isNew: z
            .boolean()
            .optional()
            .describe(
              'Whether it is newer than the group, with nothing committed: begin at its first record.',
            ),
        }),
      )
      .describe('All that the member owns now.'),
    toRelease: z.array(z.object(owned)).describe('Of it: what it must finish, commit and release.'),
    isSettled: z.boolean().describe('Whether it owns its share and nothing else.'),
  })
  .meta({ id: 'HeartbeatAnswer' })

export const OffsetToCommit = z.strictObject({
  topic,
  topicId: z.string().optional().describe('Of the topic that is meant: made anew, it has another.'),
  partition: PartitionSchema,
  offset: OffsetSchema.describe('The next record to deliver.'),
  generation: CountSchema.optional().describe(
    'Of a member: the generation under which it owns the partition.',
  ),
  sequence: CountSchema.optional().meta({
    minimum: 1,
    description:
      'Of a member: which of its commits of this partition under this generation it is, from 1 on. The one with ' +
      'the highest number counts, whatever its offset.',
  }),
  rewinds: z
    .boolean()
    .optional()
    .describe(
      'Of a member that gives no sequence: whether it means to go back; otherwise an offset below the ' +
        'committed one changes nothing.',
    ),
  metadata: z
    .string()
    .optional()
    .describe(`At most ${COMMIT_METADATA_BYTES_MAX} bytes of UTF-8; with more, this one is refused.`),
  leaderEpoch: wholeNumber({ min: INT32_MIN, max: INT32_MAX }).optional(),
})

export const CommitOffsetsRequest = z
  .strictObject({
    memberId: z.string().optional().describe('Left out by consumers that are no members.'),
    instanceId: instanceId.describe('Of a static member.'),
    offsets: z.array(OffsetToCommit),
  })
  .meta({
    id: 'CommitOffsets',
    if: { required: ['memberId'] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's name
    then: { properties: { offsets: { items: { required: ['generation'] } } } },
    else: { properties: { offsets: { items: { properties: { sequence: false } } } } },
  })

export const CommitOffsetsAnswer = z
  .object({
    offsets: z.array(
      z.object({
        topic,
        partition: PartitionSchema,
        error: z
          .object({ kafkaName: z.string(), message: z.string(), retriable: z.boolean() })
          .nullable()
          .describe('null: it is committed.'),
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
        leaderEpoch: z.int().optional().describe('Of the record before, where whoever committed it knew it.'),
        isPending: z
          .literal(true)
          .optional()
          .describe(
            'A transaction that is open is to commit another one: do not go on from this one. With committedMs 0 nothing is committed yet.',
          ),
      }),
    ),
  })
  .meta({ id: 'GroupOffsets' })

const summary = {
  groupId: z.string(),
  state: z.enum(['Empty', 'Assigning', 'Reconciling', 'PreparingRebalance', 'CompletingRebalance', 'Stable']),
  members: CountSchema,
  kind: z
    .literal('classic')
    .optional()
    .describe("Of a group whose members assign among themselves, by Kafka's older protocol."),
  protocolType: z.string().optional().describe('What the members of a classic group are.'),
}

export const GroupListAnswer = z.object({ groups: z.array(z.object(summary)) }).meta({ id: 'GroupList' })

export const GroupAnswer = z
  .object({
    ...summary,
    epoch,
    assignor,
    protocolName: z.string().optional().describe('What the members of a classic group have agreed on.'),
    memberList: z.array(
      z.object({
        memberId: z.string(),
        instanceId: z.string().nullable(),
        clientId: z.string(),
        clientHost: z.string().optional().describe("Of a client of Kafka's protocol."),
        topics: z.array(topic),
        topicPattern: z.string().nullable(),
        owned: z.array(z.object({ topic, partition: PartitionSchema })),
        leaseUntilMs: TimestampMsSchema.nullable().describe('null: of a trigger, which has none.'),
      }),
    ),
    partitions: z.array(
      z.object({
        topic,
        partition: PartitionSchema,
        memberId: z.string().nullable().describe('Who owns it; null: nobody.'),
        committedOffset: OffsetSchema.nullable(),
        startOffset: OffsetSchema,
        endOffset: OffsetSchema,
        lag: CountSchema.describe('Records between the committed offset and the end.'),
      }),
    ),
  })
  .meta({ id: 'Group' })
