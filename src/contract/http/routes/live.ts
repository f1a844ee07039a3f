import { TidemarkError } from '../../../core/errors.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/health/live',
  isOpen: true,
  handle: async ({ health }) => {
    const trouble = health?.needsRestart?.()
    if (trouble !== undefined) {
      throw new TidemarkError('KAFKA_STORAGE_ERROR', `Only a restart can mend it: ${trouble}.`, 'no', {
        retriable: false,
      })
    }
    return answerJson<'HealthAnswer'>({ status: 'ok' })
  },
})

export const documentation = ({ HealthAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Tell whether the process need not be restarted',
  description:
    'Answers as long as the process does, whatever trouble its store is in, unless nothing but a restart can end it: the index ' +
    'is closed to writing, because the disk failed. Touches nothing. Not on a deployed broker, which AWS looks after.',
  answers: { 200: { description: 'It need not.', json: HealthAnswer } },
  errors: ['KAFKA_STORAGE_ERROR'],
})
