import type { RouteGroup } from '../../src/contract/http/build-app.ts'
import { addDeleteRecordsRoute } from '../../src/contract/http/delete-records-route.ts'
import { addFetchRoutes } from '../../src/contract/http/fetch-routes.ts'
import { addGroupRoutes } from '../../src/contract/http/group-routes.ts'
import { addHealthRoute } from '../../src/contract/http/health-route.ts'
import { addOffsetRoute } from '../../src/contract/http/offset-route.ts'
import type { Describe } from '../../src/contract/http/openapi-route.ts'
import { addProduceRoutes } from '../../src/contract/http/produce-routes.ts'
import { addTopicRoutes } from '../../src/contract/http/topic-routes.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import type { HttpResult } from '../runtime/http-result.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import { openBroker } from '../runtime/open-broker.ts'
import type { Service } from '../runtime/service.ts'
import { isResourceEvent, makeResource } from './resource-function.ts'

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
  // Loaded there: only a deployment makes topics and triggers so, and requests over HTTP need no zod.
  const answerTopic = makeResource(
    'topic',
    async event => await (await import('./topic-resource.ts')).settleTopic(broker, event),
    service.telemetry,
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
