import { buildHttpApp } from './build-app.ts'
import { addGroupRoutes } from './group-routes.ts'
import { describeRoutes } from './openapi/openapi-document.ts'
import { addDeleteRecordsRoute } from './routes/delete-records.ts'
import { addFetchRoutes } from './routes/fetch.ts'
import { addOffsetRoute } from './routes/find-offset.ts'
import { addHealthRoute } from './routes/health.ts'
import { addProduceRoutes } from './routes/produce.ts'
import { addObjectRoutes } from './routes/read-object.ts'
import type { HttpApp, HttpPorts, HttpSettings } from './settings.ts'
import { addTopicRoutes } from './topic-routes.ts'
import { addTriggerRoutes } from './trigger-routes.ts'

const ALL_GROUPS = [
  addTopicRoutes,
  addProduceRoutes,
  addFetchRoutes,
  addOffsetRoute,
  addDeleteRecordsRoute,
  addGroupRoutes,
  addTriggerRoutes,
  addObjectRoutes,
  addHealthRoute,
]

/** The HTTP form of a broker. It runs wherever the Fetch API's Request and Response do. */
export function createHttpApp(ports: HttpPorts, settings: HttpSettings = {}): HttpApp {
  let document: Record<string, unknown> | undefined
  const openApi = () => {
    document ??= describeRoutes(app.routes)
    return document
  }
  const app = buildHttpApp(ports, settings, ALL_GROUPS, openApi)
  return { needsToken: app.needsToken, openApi, fetch: (request, context) => app.fetch(request, context) }
}
