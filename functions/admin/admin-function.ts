import type { RouteGroup } from '../../src/contract/http/build-app.ts'
import { addGroupRoutes } from '../../src/contract/http/group-routes.ts'
import { addDeleteRecordsRoute } from '../../src/contract/http/routes/delete-records.ts'
import type { Describe } from '../../src/contract/http/routes/describe-api.ts'
import { addFetchRoutes } from '../../src/contract/http/routes/fetch.ts'
import { addOffsetRoute } from '../../src/contract/http/routes/find-offset.ts'
import { addHealthRoute } from '../../src/contract/http/routes/health.ts'
import { addProduceRoutes } from '../../src/contract/http/routes/produce.ts'
import { addTopicRoutes } from '../../src/contract/http/topic-routes.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import type { HttpResult } from '../runtime/http-result.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import { openBroker } from '../runtime/open-broker.ts'
import type { Service } from '../runtime/service.ts'
import { isResourceEvent } from './resource-event.ts'
import { type CarryOut, makeResource } from './resource-function.ts'
import { makeTopicResource } from './topic-resource-function.ts'

/** All of them, since this is the function that describes the API; the gateway brings it only what the others do not serve. */
const ADMIN_ROUTES: readonly RouteGroup[] = [
  addTopicRoutes,
  addProduceRoutes,
  addFetchRoutes,
  addOffsetRoute,
  addDeleteRecordsRoute,
  addGroupRoutes,
  addHealthRoute,
]

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
