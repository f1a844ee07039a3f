import { TidemarkError } from '../../../core/errors.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'
import { checkHealth } from './health.ts'

/** Asked for and not there: that it is not there only the store can tell. */
const NO_TOPIC = 'tidemark-readiness'

export const route = defineRoute({
  method: 'get',
  path: '/health/ready',
  isOpen: true,
  handle: async ({ broker, health }, { context }) => {
    await checkHealth(health, context.env.stopping)
    try {
      await broker.describeTopic(NO_TOPIC)
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
    }
    return answerJson<'HealthAnswer'>({ status: 'ok' })
  },
})

export const documentation = ({ HealthAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Tell whether requests can be served now',
  description: 'Reads from the store, once. A deployed broker has no such route: there, look at /topics.',
  answers: { 200: { description: 'They can.', json: HealthAnswer } },
  errors: ['BROKER_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'],
})
