import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'post',
  path: '/groups/{groupId}/triggers/{topic}/resume',
  handle: async ({ broker }, { path }) => answerJson<'TriggerAnswer'>(await broker.resumeTrigger(path)),
})

export const documentation = ({ TriggerAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Resume a trigger',
  description: 'It goes on where it stopped, and looks at all partitions at once, also if it was active.',
  answers: { 200: { description: 'The trigger, active.', json: TriggerAnswer } },
  errors: ['GROUP_ID_NOT_FOUND'],
})
