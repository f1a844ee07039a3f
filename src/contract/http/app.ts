import { buildHttpApp } from './build-app.ts'
import { describeRoutes } from './openapi/openapi-document.ts'
import { ROUTES } from './routes/index.ts'
import type { HttpApp, HttpPorts, HttpSettings } from './settings.ts'

/** The HTTP form of a broker. It runs wherever the Fetch API's Request and Response do. */
export function createHttpApp(ports: HttpPorts, settings: HttpSettings = {}): HttpApp {
  let document: Record<string, unknown> | undefined
  const openApi = () => {
    document ??= describeRoutes(
      ROUTES.filter(({ route }) => app.routes.includes(route)),
      app.needsToken,
    )
    return document
  }
  const routes = ROUTES.map(({ route }) => route)
  const app = buildHttpApp(ports, settings, routes, openApi)
  return { needsToken: app.needsToken, openApi, fetch: (request, context) => app.fetch(request, context) }
}
