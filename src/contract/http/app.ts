import { OpenAPIHono } from '@hono/zod-openapi'
import { HTTP_BODIES_IN_FLIGHT_BYTES_MAX, HTTP_BODY_BYTES_MAX } from '../../core/limits.ts'
import { Bodies } from './bodies.ts'
import { ErrorAnswers } from './error-answers.ts'
import { addFetchRoutes } from './fetch-routes.ts'
import { addHealthRoute } from './health-route.ts'
import { addObjectRoutes } from './object-routes.ts'
import { addOffsetRoutes } from './offset-routes.ts'
import { addOpenApiRoute } from './openapi-route.ts'
import { addProduceRoutes } from './produce-routes.ts'
import type { HttpEnv, Router } from './route.ts'
import type { Services } from './services.ts'
import type { HttpApp, HttpPorts, HttpSettings } from './settings.ts'
import { addTopicRoutes } from './topic-routes.ts'
import { checkHost, checkOrigin, checkToken } from './trust.ts'

/** The HTTP form of a broker. It runs wherever the Fetch API's Request and Response do. */
export function createHttpApp(ports: HttpPorts, settings: HttpSettings = {}): HttpApp {
  const { broker, objects, logger, nowMs = Date.now, random = Math.random } = ports
  const { token, allowedHosts = [] } = settings
  if (token === '') throw new RangeError('an empty token protects nothing: leave it out, or give one')
  const router: Router = new OpenAPIHono<HttpEnv>()
  const errors = new ErrorAnswers(logger, router.openAPIRegistry)
  const services: Services = {
    router,
    broker,
    objects,
    nowMs,
    random,
    bodies: new Bodies({
      bodyBytesMax: settings.bodyBytesMax ?? HTTP_BODY_BYTES_MAX,
      bodiesInFlightBytesMax: settings.bodiesInFlightBytesMax ?? HTTP_BODIES_IN_FLIGHT_BYTES_MAX,
    }),
    toError: (error, request) => errors.toError(error, request),
    checkToken: request => {
      if (token !== undefined) checkToken(request.headers.get('authorization'), token)
    },
  }

  router.onError((error, context) => errors.answer(error, context.req.raw))
  router.notFound(context => errors.answerNoRoute(context.req.raw))
  router.use(async (context, next) => {
    const { headers } = context.req.raw
    if (allowedHosts !== 'any') {
      checkHost(headers.get('host'), [...allowedHosts, ...(context.env.boundHosts ?? [])])
    }
    checkOrigin(headers)
    await next()
  })
  addTopicRoutes(services)
  addProduceRoutes(services)
  addFetchRoutes(services)
  addOffsetRoutes(services)
  addObjectRoutes(services)
  addHealthRoute(services)
  const openApi = addOpenApiRoute(services)

  return {
    needsToken: token !== undefined,
    openApi,
    async fetch(request, context = {}) {
      try {
        return await router.fetch(request, context)
      } catch (error) {
        // Hono passes on what is thrown and is no Error.
        return errors.answer(error, request)
      }
    },
  }
}
