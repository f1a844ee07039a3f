import { buildHttpApp } from './build-app.ts'
import { addDeleteRecordsRoute } from './delete-records-route.ts'
import { addFetchRoutes } from './fetch-routes.ts'
import { addGroupRoutes } from './group-routes.ts'
import { addHealthRoute } from './health-route.ts'
import { addObjectRoutes } from './object-routes.ts'
import { addOffsetRoute } from './offset-route.ts'
import { describeRoutes } from './openapi-document.ts'
import { addProduceRoutes } from './produce-routes.ts'
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
