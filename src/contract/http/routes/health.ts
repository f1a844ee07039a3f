import { TidemarkError } from '../../../core/errors.ts'
import { JSON_TYPE } from '../media-types.ts'
import type { HealthAnswer } from '../openapi/documentation.ts'
import { NO_PARAMETERS } from '../requests/parameters.ts'
import { addRoute, answerJson } from '../route.ts'
import type { Services } from '../services.ts'

export function addHealthRoute(services: Services): void {
  addRoute(
    services,
    {
      method: 'get',
      path: '/health',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
      isOpen: true,
    },
    async ({ context }) => {
      if (context.env.stopping?.aborted)
        throw new TidemarkError('BROKER_NOT_AVAILABLE', 'The server is stopping.')
      return answerJson<typeof HealthAnswer>({ status: 'ok' })
    },
  )
}
