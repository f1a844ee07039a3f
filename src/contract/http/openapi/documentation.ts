import * as z from 'zod'
import type { KafkaErrorName } from '../../../core/errors.ts'
import { BATCHES_TYPE, BYTES_TYPE, JSON_TYPE } from '../media-types.ts'
import { END_OFFSET_HEADER, NEXT_OFFSET_HEADER, START_OFFSET_HEADER } from '../records/offset-headers.ts'
import {
  CommitOffsetsAnswer,
  CommitOffsetsRequest,
  GroupAnswer,
  GroupListAnswer,
  GroupOffsetsAnswer,
  HeartbeatAnswer,
  HeartbeatRequest,
} from '../schemas/groups.ts'
import {
  DeleteRecordsAnswer,
  FetchAnswer,
  LocateAnswer,
  OffsetAnswer,
  ProduceAnswer,
  ProduceBatchesAnswer,
  ProduceRequest,
} from '../schemas/records.ts'
import { AlterTopicRequest, CreateTopicRequest, TopicAnswer, TopicListAnswer } from '../schemas/topics.ts'
import { TriggerAnswer, TriggerListAnswer } from '../schemas/triggers.ts'

/** A content by its media type: a schema for JSON, null for bytes. */
export type Contents = Readonly<Record<string, z.ZodType | null>>

/** What is said of a route beside what serves it. */
export interface RouteDocumentation {
  readonly summary: string
  readonly description?: string
  readonly body?: Contents
  readonly answers: Readonly<
    Record<number, { description: string; contents?: Contents; headers?: Readonly<Record<string, string>> }>
  >
  /** The errors that this route can answer beside those that all have. */
  readonly errors: readonly KafkaErrorName[]
}

export const HealthAnswer = z.object({ status: z.literal('ok') }).meta({ id: 'Health' })

export const OpenApiAnswer = z
  .record(z.string(), z.unknown())
  .meta({ description: 'An OpenAPI 3.1 document.' })

/** By method and path. */
export const ROUTE_DOCUMENTATION: Readonly<Record<string, RouteDocumentation>> = {
  'get /topics': {
    summary: 'List the topics',
    answers: {
      200: {
        description: 'Every topic, in the order of their names.',
        contents: { [JSON_TYPE]: TopicListAnswer },
      },
    },
    errors: [],
  },
  'post /topics': {
    summary: 'Create a topic',
    body: { [JSON_TYPE]: CreateTopicRequest },
    answers: { 201: { description: 'The new topic.', contents: { [JSON_TYPE]: TopicAnswer } } },
    errors: ['TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC_EXCEPTION', 'INVALID_PARTITIONS', 'INVALID_CONFIG'],
  },
  'get /topics/{topic}': {
    summary: 'Describe a topic',
    answers: { 200: { description: 'The topic.', contents: { [JSON_TYPE]: TopicAnswer } } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'],
  },
  'patch /topics/{topic}': {
    summary: 'Add partitions to a topic, or change its configs',
    description: 'The change applies whole or not at all.',
    body: { [JSON_TYPE]: AlterTopicRequest },
    answers: {
      200: { description: 'The topic after the change.', contents: { [JSON_TYPE]: TopicAnswer } },
    },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'INVALID_PARTITIONS', 'INVALID_CONFIG'],
  },
  'delete /topics/{topic}': {
    summary: 'Delete a topic and its records',
    answers: { 204: { description: 'The topic is gone.' } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'],
  },
  'post /topics/{topic}/records': {
    summary: 'Write records',
    description:
      'As JSON: any number of records for any partitions of the topic. The request is checked as a whole before ' +
      'anything is written; each partition gets its records as one batch, in the order of the request. ' +
      `As ${BATCHES_TYPE}: Kafka record batches (magic 2) for one partition, one after the other. ` +
      'When it is answered with success, the records are durable.',
    body: { [JSON_TYPE]: ProduceRequest, [BATCHES_TYPE]: null },
    answers: {
      200: {
        description: 'Where the records stand: per record for JSON, per request for record batches.',
        contents: { [JSON_TYPE]: z.union([ProduceAnswer, ProduceBatchesAnswer]) },
      },
    },
    errors: [
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_TOPIC_EXCEPTION',
      'INVALID_RECORD',
      'INVALID_TIMESTAMP',
      'CORRUPT_MESSAGE',
      'RECORD_LIST_TOO_LARGE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  'get /topics/{topic}/partitions/{partition}/records': {
    summary: 'Read records',
    description:
      `As JSON, or by Accept: ${BATCHES_TYPE} as Kafka record batches (magic 2), of which the first may begin ` +
      'before the asked offset, as in Kafka. An empty answer is the end of the log. Go on at nextOffset.',
    answers: {
      200: {
        description: 'Records from the offset on; with locate=true, where they lie.',
        contents: { [JSON_TYPE]: z.union([FetchAnswer, LocateAnswer]), [BATCHES_TYPE]: null },
        headers: {
          [START_OFFSET_HEADER]: 'With record batches: the first offset that is served.',
          [END_OFFSET_HEADER]: 'With record batches: the offset that the next record gets.',
          [NEXT_OFFSET_HEADER]: 'With record batches: where the next fetch goes on.',
        },
      },
    },
    errors: [
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_TOPIC_EXCEPTION',
      'OFFSET_OUT_OF_RANGE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  'get /topics/{topic}/partitions/{partition}/offsets': {
    summary: 'Find the offset for a place in the log',
    answers: { 200: { description: 'The offset.', contents: { [JSON_TYPE]: OffsetAnswer } } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'KAFKA_STORAGE_ERROR'],
  },
  'delete /topics/{topic}/partitions/{partition}/records': {
    summary: 'Delete the oldest records',
    description: "Moves the log's start: records before the offset are no longer served.",
    answers: {
      200: { description: 'Where the log starts now.', contents: { [JSON_TYPE]: DeleteRecordsAnswer } },
    },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'OFFSET_OUT_OF_RANGE'],
  },
  'get /objects/{key}': {
    summary: 'Read a located range',
    description:
      'For the URLs that locate=true answers: each permits exactly one range of one object, for a while, and needs ' +
      'no token. A Range header must name that very range, in bytes of the object, and is answered with 206.',
    answers: {
      200: { description: "The range's bytes.", contents: { [BYTES_TYPE]: null } },
      206: { description: 'The same, for a Range header.', contents: { [BYTES_TYPE]: null } },
    },
    errors: ['TOPIC_AUTHORIZATION_FAILED', 'OFFSET_OUT_OF_RANGE', 'KAFKA_STORAGE_ERROR'],
  },
  'get /health': {
    summary: 'Tell whether the server takes requests',
    description: 'Looks at nothing behind it, so that a probe costs nothing.',
    answers: { 200: { description: 'It does.', contents: { [JSON_TYPE]: HealthAnswer } } },
    errors: ['BROKER_NOT_AVAILABLE'],
  },
  'get /openapi.json': {
    summary: 'Describe this API',
    answers: { 200: { description: 'This document.', contents: { [JSON_TYPE]: OpenApiAnswer } } },
    errors: [],
  },
  'post /groups/{groupId}/heartbeat': {
    summary: 'Join a group, and stay in it',
    description:
      'Says what the member subscribes to, owns and has let go; is answered what it owns and should let go.',
    body: { [JSON_TYPE]: HeartbeatRequest },
    answers: {
      200: { description: 'What the member owns now.', contents: { [JSON_TYPE]: HeartbeatAnswer } },
    },
    errors: [
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'INCONSISTENT_GROUP_PROTOCOL',
      'INVALID_GROUP_ID',
      'INVALID_TOPIC_EXCEPTION',
      'POLICY_VIOLATION',
    ],
  },
  'delete /groups/{groupId}/members/{memberId}': {
    summary: 'Leave a group',
    answers: { 204: { description: 'The member is gone, or was.' } },
    errors: ['INVALID_GROUP_ID'],
  },
  'post /groups/{groupId}/offsets': {
    summary: 'Commit offsets',
    description:
      'Each partition is taken or refused by itself. With a member only those that it owns, without one only those ' +
      'that nobody owns.',
    body: { [JSON_TYPE]: CommitOffsetsRequest },
    answers: {
      200: {
        description: 'What became of each, in the order of the request.',
        contents: { [JSON_TYPE]: CommitOffsetsAnswer },
      },
    },
    errors: ['INVALID_GROUP_ID'],
  },
  'get /groups/{groupId}/offsets': {
    summary: 'Read committed offsets',
    description: 'Partitions of which nothing was committed are left out.',
    answers: { 200: { description: 'The offsets.', contents: { [JSON_TYPE]: GroupOffsetsAnswer } } },
    errors: ['INVALID_GROUP_ID'],
  },
  'get /groups': {
    summary: 'List the groups',
    answers: {
      200: { description: 'Every group, in order.', contents: { [JSON_TYPE]: GroupListAnswer } },
    },
    errors: [],
  },
  'get /groups/{groupId}': {
    summary: 'Describe a group',
    description: 'Its members, what each owns, what is committed, and how far behind the end that is.',
    answers: { 200: { description: 'The group.', contents: { [JSON_TYPE]: GroupAnswer } } },
    errors: ['GROUP_ID_NOT_FOUND', 'INVALID_GROUP_ID'],
  },
  'delete /groups/{groupId}': {
    summary: 'Delete a group without members or triggers, and its offsets',
    answers: { 204: { description: 'The group is gone.' } },
    errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP', 'INVALID_GROUP_ID'],
  },
  'get /triggers': {
    summary: 'List the triggers',
    description: 'Which functions get which topics. Triggers are made where functions are deployed.',
    answers: {
      200: {
        description: 'Every trigger, in the order of their groups and topics.',
        contents: { [JSON_TYPE]: TriggerListAnswer },
      },
    },
    errors: [],
  },
  'post /groups/{groupId}/triggers/{topic}/pause': {
    summary: 'Pause a trigger',
    description: 'A batch that is under way is finished. Pausing twice is no error.',
    answers: { 200: { description: 'The trigger, paused.', contents: { [JSON_TYPE]: TriggerAnswer } } },
    errors: ['GROUP_ID_NOT_FOUND', 'INVALID_GROUP_ID', 'INVALID_TOPIC_EXCEPTION'],
  },
  'post /groups/{groupId}/triggers/{topic}/resume': {
    summary: 'Resume a trigger',
    description: 'It goes on where it stopped, and looks at all partitions at once, also if it was active.',
    answers: { 200: { description: 'The trigger, active.', contents: { [JSON_TYPE]: TriggerAnswer } } },
    errors: ['GROUP_ID_NOT_FOUND', 'INVALID_GROUP_ID', 'INVALID_TOPIC_EXCEPTION'],
  },
  'delete /groups/{groupId}/triggers/{topic}': {
    summary: 'Delete a paused trigger',
    description: 'For one whose deployment is gone. Offsets stay committed.',
    answers: { 204: { description: 'The trigger is gone.' } },
    errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP', 'INVALID_GROUP_ID', 'INVALID_TOPIC_EXCEPTION'],
  },
}
