import type { Describe } from '../../src/contract/http/services.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import type { HttpResult } from '../runtime/http-result.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import { openBroker } from '../runtime/open-broker.ts'
import type { Service } from '../runtime/service.ts'
import { isResourceEvent, makeResource } from './resource-function.ts'
import { ADMIN_ROUTES } from './routes.ts'

/**
 * Serves topics over HTTP, and CloudFormation's custom resources for topics and triggers.
 * @param describe gives the document that GET /openapi.json answers
 */
export function makeAdminFunction(
  service: Service,
  describe: Describe,
): (event: unknown, context: InvocationContext) => Promise<HttpResult | undefined> {
  const broker = openBroker(service)
  const answerHttp = makeHttpFunction(service, ADMIN_ROUTES, describe, broker)
  // Loaded there: only a deployment makes topics and triggers so, and requests over HTTP need no zod.
  const answerTopic = makeResource(
    'topic',
    async event => await (await import('./topic-resource.ts')).settleTopic(broker, event),
    service.telemetry,
    undefined,
    async (id, event) => await (await import('./topic-resource.ts')).tellTopic(broker, id, event),
  )
  const loadTriggers = () => import('./trigger-resource.ts')
  const answerTrigger = makeResource(
    'trigger',
    async event => await (await loadTriggers()).settleTrigger(service.ports, event),
    service.telemetry,
    async event => (await loadTriggers()).triggerIdIn(event),
  )
  return async (event, context) => {
    if (!isResourceEvent(event)) return await answerHttp(event, context)
    await (event.ResourceType === 'Custom::TidemarkTrigger' ? answerTrigger : answerTopic)(event, context)
    return undefined
  }
}
