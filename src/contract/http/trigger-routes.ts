import { GROUP_PATH } from './group-path.ts'
import { JSON_TYPE } from './media-types.ts'
import { NO_PARAMETERS } from './requests/parameters.ts'
import { TOPIC_PATH } from './requests/paths.ts'
import { addRoute, answerJson } from './route.ts'
import type { TriggerAnswer, TriggerListAnswer } from './schemas/triggers.ts'
import type { Services } from './services.ts'

const TRIGGER_PATH = { ...GROUP_PATH, ...TOPIC_PATH }

export function addTriggerRoutes(services: Services): void {
  const { broker } = services
  addRoute(
    services,
    {
      method: 'get',
      path: '/triggers',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async () => answerJson<typeof TriggerListAnswer>({ triggers: await broker.listTriggers() }),
  )

  addRoute(
    services,
    {
      method: 'post',
      path: '/groups/{groupId}/triggers/{topic}/pause',
      pathParameters: TRIGGER_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => answerJson<typeof TriggerAnswer>(await broker.pauseTrigger(path)),
  )

  addRoute(
    services,
    {
      method: 'post',
      path: '/groups/{groupId}/triggers/{topic}/resume',
      pathParameters: TRIGGER_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => answerJson<typeof TriggerAnswer>(await broker.resumeTrigger(path)),
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/groups/{groupId}/triggers/{topic}',
      pathParameters: TRIGGER_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => {
      await broker.deleteTrigger(path)
      return new Response(null, { status: 204 })
    },
  )
}
