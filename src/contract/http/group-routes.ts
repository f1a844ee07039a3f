import { GROUP_PATH } from './group-path.ts'
import { JSON_TYPE } from './media-types.ts'
import { requireContentType } from './requests/content-type.ts'
import { parseJsonBody } from './requests/json-body.ts'
import {
  NO_PARAMETERS,
  optional,
  pathTextParameter,
  textParameter,
  textsParameter,
} from './requests/parameters.ts'
import { addRoute, answerJson } from './route.ts'
import type {
  CommitOffsetsAnswer,
  GroupAnswer,
  GroupListAnswer,
  GroupOffsetsAnswer,
  HeartbeatAnswer,
} from './schemas/groups.ts'
import type { Services } from './services.ts'

const MEMBER_PATH = { ...GROUP_PATH, memberId: pathTextParameter("The member's id, in the same form.") }

const LEAVE_QUERY = { instanceId: optional(textParameter('Of a static member, which leaves for good.')) }

const OFFSETS_QUERY = {
  topic: optional(textsParameter('Only of this topic; may stand several times. All when it is left out.')),
}

/** Loaded for the first body: most requests have none, and zod is large. */
const loadSchemas = () => import('./schemas/groups.ts')

export function addGroupRoutes(services: Services): void {
  const { broker, bodies } = services
  addRoute(
    services,
    {
      method: 'post',
      path: '/groups/{groupId}/heartbeat',
      pathParameters: GROUP_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ context, path }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const { HeartbeatRequest } = await loadSchemas()
        const request = parseJsonBody(body, HeartbeatRequest)
        return answerJson<typeof HeartbeatAnswer>(await broker.heartbeat({ ...request, ...path }))
      })
    },
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/groups/{groupId}/members/{memberId}',
      pathParameters: MEMBER_PATH,
      query: LEAVE_QUERY,
      answerTypes: [JSON_TYPE],
    },
    async ({ path, query: { instanceId } }) => {
      await broker.leaveGroup({ ...path, ...(instanceId !== undefined && { instanceId }) })
      return new Response(null, { status: 204 })
    },
  )

  addRoute(
    services,
    {
      method: 'post',
      path: '/groups/{groupId}/offsets',
      pathParameters: GROUP_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ context, path }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const { CommitOffsetsRequest } = await loadSchemas()
        const request = parseJsonBody(body, CommitOffsetsRequest)
        const offsets = await broker.commitOffsets({ ...request, ...path })
        return answerJson<typeof CommitOffsetsAnswer>({ offsets })
      })
    },
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/groups/{groupId}/offsets',
      pathParameters: GROUP_PATH,
      query: OFFSETS_QUERY,
      answerTypes: [JSON_TYPE],
    },
    async ({ path, query: { topic: topics } }) => {
      const offsets = await broker.fetchOffsets({ ...path, ...(topics !== undefined && { topics }) })
      return answerJson<typeof GroupOffsetsAnswer>({ offsets })
    },
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/groups',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async () => answerJson<typeof GroupListAnswer>({ groups: await broker.listGroups() }),
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/groups/{groupId}',
      pathParameters: GROUP_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => answerJson<typeof GroupAnswer>(await broker.describeGroup(path.groupId)),
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/groups/{groupId}',
      pathParameters: GROUP_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => {
      await broker.deleteGroup(path.groupId)
      return new Response(null, { status: 204 })
    },
  )
}
