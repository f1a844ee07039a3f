import { TidemarkError } from '../../../core/errors.ts'
import { READY_MS_MAX } from '../../../core/limits.ts'
import type { Broker } from '../../broker.ts'
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
    await checkHealth(health, context.env.stopping, true)
    await inTime(checkReads(broker))
    return answerJson<'HealthAnswer'>({ status: 'ok' })
  },
})

export const documentation = ({ HealthAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Tell whether requests can be served now',
  description:
    'What /health tells, and more: reads from the store, once, and where nothing has been written for 10 s, writes an item as ' +
    'it is: only so is it known that writes can be served. Answers in a second. A deployed broker has no such route: there, ' +
    'look at /topics.',
  answers: { 200: { description: 'They can.', json: HealthAnswer } },
  errors: ['BROKER_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'],
})

async function checkReads(broker: Broker): Promise<void> {
  try {
    await broker.describeTopic(NO_TOPIC)
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
  }
}

/** Whoever probes waits a second, most often, and learns nothing by an answer that comes later. */
async function inTime(reading: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `A read from the store took longer than ${READY_MS_MAX} ms.`
    timer = setTimeout(() => reject(new TidemarkError('REQUEST_TIMED_OUT', message)), READY_MS_MAX)
  })
  try {
    await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
  }
}
