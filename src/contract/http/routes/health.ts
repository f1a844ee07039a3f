import { TidemarkError } from '../../../core/errors.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/health',
  isOpen: true,
  handle: async (_, { context }) => {
    if (context.env.stopping?.aborted)
      throw new TidemarkError('BROKER_NOT_AVAILABLE', 'The server is stopping.')
    return answerJson<'HealthAnswer'>({ status: 'ok' })
  },
})

export const documentation = ({ HealthAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Tell whether the server takes requests',
  description: 'Looks at nothing behind it, so that a probe costs nothing.',
  answers: { 200: { description: 'It does.', json: HealthAnswer } },
  errors: ['BROKER_NOT_AVAILABLE'],
})
