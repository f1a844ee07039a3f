import { TidemarkError } from '../../../core/errors.ts'
import type { StoreHealth } from '../../../ports/store-health.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

/**
 * @param isTried whether to write something as well, where nothing was for a while
 * @throws TidemarkError with what is wrong with the server, or with a store on the same machine
 */
export async function checkHealth(
  health: StoreHealth | undefined,
  stopping?: AbortSignal,
  isTried = false,
): Promise<void> {
  if (stopping?.aborted) throw new TidemarkError('BROKER_NOT_AVAILABLE', 'The server is stopping.')
  const trouble = await health?.look(isTried)
  if (trouble === undefined) return
  throw new TidemarkError('KAFKA_STORAGE_ERROR', `The store is in trouble: ${trouble}.`, 'no', {
    retriable: health?.needsRestart?.() === undefined,
  })
}

export const route = defineRoute({
  method: 'get',
  path: '/health',
  isOpen: true,
  handle: async ({ health }, { context }) => {
    await checkHealth(health, context.env.stopping)
    return answerJson<'HealthAnswer'>({ status: 'ok' })
  },
})

export const documentation = ({ HealthAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Tell whether the server takes requests',
  description:
    'Tells what is wrong with a store on the same machine: the directory was removed, the disk is full or has failed, another ' +
    'process holds the index up, or the index is closed to writing. Changes nothing, and waits for none of it. A store on AWS ' +
    'is not looked at, so that a probe costs nothing. A probe that restarts the process belongs to /health/live, one that ' +
    'takes it out of service to /health/ready.',
  answers: { 200: { description: 'It does.', json: HealthAnswer } },
  errors: ['BROKER_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR'],
})
