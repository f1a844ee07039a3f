import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'post',
  path: '/groups/{groupId}/triggers/{topic}/pause',
  handle: async ({ broker }, { path }) => answerJson<'TriggerAnswer'>(await broker.pauseTrigger(path)),
})

export const documentation = ({ TriggerAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Pause a trigger',
  description: 'A batch that is under way is finished. Pausing twice is no error.',
  answers: { 200: { description: 'The trigger, paused.', json: TriggerAnswer } },
  errors: ['GROUP_ID_NOT_FOUND'],
})
