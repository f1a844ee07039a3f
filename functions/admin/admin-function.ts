import type { Describe } from '../../src/contract/http/services.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import type { HttpResult } from '../runtime/http-result.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import { openBroker } from '../runtime/open-broker.ts'
import type { Service } from '../runtime/service.ts'
import { isResourceEvent } from './resource-event.ts'
import { type CarryOut, makeResource } from './resource-function.ts'
import { ADMIN_ROUTES } from './routes.ts'
import { makeTopicResource } from './topic-resource-function.ts'

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
  const answerTopic = makeTopicResource(broker, service.telemetry)
  // Loaded there: only a deployment makes triggers.
  const loadTriggers = () => import('./trigger-resource.ts')
  const settleTrigger: CarryOut = async event => (await loadTriggers()).settleTrigger(service.ports, event)
  const triggerIdIn: CarryOut = async event => (await loadTriggers()).triggerIdIn(event)
  const answerTrigger = makeResource('trigger', settleTrigger, service.telemetry, triggerIdIn)
  return async (event, context) => {
    if (!isResourceEvent(event)) return await answerHttp(event, context)
    await (event.ResourceType === 'Custom::TidemarkTrigger' ? answerTrigger : answerTopic)(event, context)
    return undefined
  }
}
