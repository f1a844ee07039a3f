import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/groups/{groupId}/heartbeat',
  loadBody: async () => (await import('../schemas/groups.ts')).HeartbeatRequest,
  handle: async ({ broker }, { path, body }) =>
    answerJson<'HeartbeatAnswer'>(await broker.heartbeat({ ...body, ...path })),
})

export const documentation = ({ HeartbeatRequest, HeartbeatAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Join a group, and stay in it',
  description:
    'Says what the member subscribes to, owns and has let go; is answered what it owns and should let go.',
  body: HeartbeatRequest,
  answers: { 200: { description: 'What the member owns now.', json: HeartbeatAnswer } },
  errors: [
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'INCONSISTENT_GROUP_PROTOCOL',
    'INVALID_TOPIC_EXCEPTION',
    'POLICY_VIOLATION',
  ],
})
