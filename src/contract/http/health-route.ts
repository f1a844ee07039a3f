import * as z from 'zod'
import { TidemarkError } from '../../core/errors.ts'
import { JSON_TYPE } from './media-types.ts'
import { addRoute, answerJson, NO_PARAMETERS } from './route.ts'
import type { Services } from './services.ts'

const HealthAnswer = z.object({ status: z.literal('ok') }).meta({ id: 'Health' })

export function addHealthRoute(services: Services): void {
  addRoute(
    services,
    {
      method: 'get',
      path: '/health',
      summary: 'Tell whether the server takes requests',
      description: 'Looks at nothing behind it, so that a probe costs nothing.',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answers: { 200: { description: 'It does.', contents: { [JSON_TYPE]: HealthAnswer } } },
      errors: ['BROKER_NOT_AVAILABLE'],
      isOpen: true,
    },
    async ({ context }) => {
      if (context.env.stopping?.aborted)
        throw new TidemarkError('BROKER_NOT_AVAILABLE', 'The server is stopping.')
      return answerJson(HealthAnswer, { status: 'ok' })
    },
  )
}
