import { Hono } from 'hono'
import {
  BATCH_RECORDS_MAX,
  FETCH_BYTES_MAX,
  FETCH_WAIT_MS_MAX,
  HTTP_BODIES_IN_FLIGHT_BYTES_MAX,
  HTTP_BODY_BYTES_MAX,
  TOPIC_CACHE_MS,
} from '../../core/limits.ts'
import { ErrorAnswers } from './problems/error-answers.ts'
import { Bodies } from './requests/bodies.ts'
import type { AnyRoute, HttpEnv, Router } from './route.ts'
import { addOpenApiRoute, type Describe } from './routes/describe-api.ts'
import type { Services } from './services.ts'
import type { HttpPorts, HttpSettings, ServerContext } from './settings.ts'
import { checkHost, checkOrigin, checkToken } from './trust/caller-checks.ts'

/** Routes that belong together. An app carries only the code of those that it is built from. */
export type RouteGroup = (services: Services) => void

/** A part of the HTTP form, or all of it. */
export interface BuiltApp {
  readonly needsToken: boolean
  readonly routes: readonly AnyRoute[]
  fetch(request: Request, context?: ServerContext): Promise<Response>
}

/**
 * Builds the HTTP form of a broker from groups of routes.
 * @param describe makes the document that GET /openapi.json answers; without it there is no such route
 */
export function buildHttpApp(
  ports: HttpPorts,
  settings: HttpSettings,
  groups: readonly RouteGroup[],
  describe?: Describe,
): BuiltApp {
  const { broker, objects, logger, nowMs = Date.now, random = Math.random } = ports
  const { token, allowedHosts = [] } = settings
  if (token === '') throw new RangeError('an empty token protects nothing: leave it out, or give one')
  const router: Router = new Hono<HttpEnv>()
  const routes: AnyRoute[] = []
  const errors = new ErrorAnswers(logger, routes)
  const services: Services = {
    router,
    routes,
    broker,
    objects,
    nowMs,
    random,
    answers: {
      fetchBytesMax: settings.fetchBytesMax ?? FETCH_BYTES_MAX,
      answerBytesMax: settings.answerBytesMax ?? Number.POSITIVE_INFINITY,
      jsonRecordsMax: settings.jsonRecordsMax ?? BATCH_RECORDS_MAX,
      waitMsMax: settings.waitMsMax ?? FETCH_WAIT_MS_MAX,
    },
    topicCacheMs: settings.topicCacheMs ?? TOPIC_CACHE_MS,
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
  for (const addRoutes of groups) addRoutes(services)
  if (describe) addOpenApiRoute(services, describe)

  return {
    needsToken: token !== undefined,
    routes,
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
