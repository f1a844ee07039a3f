import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/triggers',
  handle: async ({ broker }) => answerJson<'TriggerListAnswer'>({ triggers: await broker.listTriggers() }),
})

export const documentation = ({ TriggerListAnswer }: Schemas): RouteDocumentation => ({
  summary: 'List the triggers',
  description: 'Which functions get which topics. Triggers are made where functions are deployed.',
  answers: {
    200: { description: 'Every trigger, in the order of their groups and topics.', json: TriggerListAnswer },
  },
})
