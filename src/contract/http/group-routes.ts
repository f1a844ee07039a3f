import * as z from 'zod'
import { requireContentType } from './content-type.ts'
import {
  CommitOffsetsAnswer,
  CommitOffsetsRequest,
  GroupAnswer,
  GroupListAnswer,
  GroupOffsetsAnswer,
  HeartbeatAnswer,
  HeartbeatRequest,
} from './group-schemas.ts'
import { parseJsonBody } from './json-body.ts'
import { JSON_TYPE } from './media-types.ts'
import { addRoute, answerJson, NO_PARAMETERS } from './route.ts'
import type { Services } from './services.ts'

const GroupPath = z.object({
  groupId: z.string().meta({ description: "The group's id, percent-encoded as one part of a path." }),
})

const MemberPath = GroupPath.extend({ memberId: z.string().meta({ description: "The member's id." }) })

const LeaveQuery = z.strictObject({
  instanceId: z.string().optional().meta({ description: 'Of a static member, which leaves for good.' }),
})

const OffsetsQuery = z.strictObject({
  topic: z
    .union([z.string().transform(name => [name]), z.array(z.string())])
    .optional()
    .meta({ description: 'Only of this topic; may stand several times. All when it is left out.' }),
})

export function addGroupRoutes(services: Services): void {
  const { broker, bodies } = services
  addRoute(
    services,
    {
      method: 'post',
      path: '/groups/{groupId}/heartbeat',
      summary: 'Join a group, and stay in it',
      description:
        'Says what the member subscribes to, owns and has let go; is answered what it owns and should let go.',
      pathParameters: GroupPath,
      query: NO_PARAMETERS,
      body: { [JSON_TYPE]: HeartbeatRequest },
      answers: {
        200: { description: 'What the member owns now.', contents: { [JSON_TYPE]: HeartbeatAnswer } },
      },
      errors: [
        'UNKNOWN_MEMBER_ID',
        'FENCED_INSTANCE_ID',
        'INVALID_GROUP_ID',
        'INVALID_TOPIC_EXCEPTION',
        'POLICY_VIOLATION',
      ],
    },
    async ({ context, path }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const request = parseJsonBody(body, HeartbeatRequest)
        return answerJson(HeartbeatAnswer, await broker.heartbeat({ ...request, ...path }))
      })
    },
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/groups/{groupId}/members/{memberId}',
      summary: 'Leave a group',
      pathParameters: MemberPath,
      query: LeaveQuery,
      answers: { 204: { description: 'The member is gone, or was.' } },
      errors: ['INVALID_GROUP_ID'],
    },
    async ({ path, query }) => {
      await broker.leaveGroup({ ...path, ...query })
      return new Response(null, { status: 204 })
    },
  )

  addRoute(
    services,
    {
      method: 'post',
      path: '/groups/{groupId}/offsets',
      summary: 'Commit offsets',
      description:
        'Each partition is taken or refused by itself. With a member only those that it owns, without one only those ' +
        'that nobody owns.',
      pathParameters: GroupPath,
      query: NO_PARAMETERS,
      body: { [JSON_TYPE]: CommitOffsetsRequest },
      answers: {
        200: {
          description: 'What became of each, in the order of the request.',
          contents: { [JSON_TYPE]: CommitOffsetsAnswer },
        },
      },
      errors: ['INVALID_GROUP_ID'],
    },
    async ({ context, path }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const request = parseJsonBody(body, CommitOffsetsRequest)
        return answerJson(CommitOffsetsAnswer, {
          offsets: await broker.commitOffsets({ ...request, ...path }),
        })
      })
    },
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/groups/{groupId}/offsets',
      summary: 'Read committed offsets',
      description: 'Partitions of which nothing was committed are left out.',
      pathParameters: GroupPath,
      query: OffsetsQuery,
      answers: { 200: { description: 'The offsets.', contents: { [JSON_TYPE]: GroupOffsetsAnswer } } },
      errors: ['INVALID_GROUP_ID'],
    },
    async ({ path, query }) => {
      const topics = query.topic === undefined ? {} : { topics: query.topic }
      return answerJson(GroupOffsetsAnswer, { offsets: await broker.fetchOffsets({ ...path, ...topics }) })
    },
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/groups',
      summary: 'List the groups',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answers: {
        200: { description: 'Every group, in order.', contents: { [JSON_TYPE]: GroupListAnswer } },
      },
      errors: [],
    },
    async () => answerJson(GroupListAnswer, { groups: await broker.listGroups() }),
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/groups/{groupId}',
      summary: 'Describe a group',
      description: 'Its members, what each owns, what is committed, and how far behind the end that is.',
      pathParameters: GroupPath,
      query: NO_PARAMETERS,
      answers: { 200: { description: 'The group.', contents: { [JSON_TYPE]: GroupAnswer } } },
      errors: ['GROUP_ID_NOT_FOUND', 'INVALID_GROUP_ID'],
    },
    async ({ path }) => answerJson(GroupAnswer, await broker.describeGroup(path.groupId)),
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/groups/{groupId}',
      summary: 'Delete a group without members, and its offsets',
      pathParameters: GroupPath,
      query: NO_PARAMETERS,
      answers: { 204: { description: 'The group is gone.' } },
      errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP', 'INVALID_GROUP_ID'],
    },
    async ({ path }) => {
      await broker.deleteGroup(path.groupId)
      return new Response(null, { status: 204 })
    },
  )
}
