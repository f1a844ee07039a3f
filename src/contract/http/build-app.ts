import { Hono } from 'hono'
import {
  BATCH_RECORDS_MAX,
  FETCH_BYTES_MAX,
  FETCH_WAIT_MS_MAX,
  HTTP_BODIES_IN_FLIGHT_BYTES_MAX,
  HTTP_BODY_BYTES_MAX,
  HTTP_SMALL_BODIES_BYTES,
  HTTP_SMALL_BODY_BYTES_MAX,
  TOPIC_CACHE_MS,
} from '../../core/limits.ts'
import { groupBy } from '../../core/since-node-22.ts'
import { ErrorAnswers } from './problems/error-answers.ts'
import { Bodies } from './requests/bodies.ts'
import type { HttpEnv, Route } from './route.ts'
import type { Describe, Services } from './services.ts'
import type { HttpPorts, HttpSettings, ServerContext } from './settings.ts'
import { checkHost, checkOrigin, checkToken } from './trust/caller-checks.ts'

export interface BuiltApp {
  readonly needsToken: boolean
  /** Those that it serves, of the ones that it was built from. */
  readonly routes: readonly Route[]
  fetch(request: Request, context?: ServerContext): Promise<Response>
}

/** Builds the HTTP form of a broker from routes. It carries only the code of those that it is built from. */
export function buildHttpApp(
  ports: HttpPorts,
  settings: HttpSettings,
  routes: Iterable<Route>,
  describe?: Describe,
): BuiltApp {
  const { broker, objects, health, waking, logger } = ports
  const { nowMs = Date.now, monotonicMs = () => performance.now(), random = Math.random } = ports
  const { token, allowedHosts = [], bodiesInFlightBytesMax = HTTP_BODIES_IN_FLIGHT_BYTES_MAX } = settings
  if (token === '') throw new RangeError('an empty token protects nothing: leave it out, or give one')
  const router = new Hono<HttpEnv>()
  // What is a path of ours with another method, or none at all.
  const others = new Hono<HttpEnv>()
  const served: Route[] = []
  const errors = new ErrorAnswers(logger)
  const services: Services = {
    broker,
    objects,
    health,
    waking,
    nowMs,
    monotonicMs,
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
      bodiesInFlightBytesMax,
      smallBodyBytesMax: HTTP_SMALL_BODY_BYTES_MAX,
      smallBodiesBytes: Math.min(HTTP_SMALL_BODIES_BYTES, bodiesInFlightBytesMax / 8),
    }),
    describe,
    toError: (error, request) => errors.toError(error, request),
    checkToken: request => {
      if (token !== undefined) checkToken(request.headers.get('authorization'), token)
    },
  }

  router.onError((error, context) => errors.answer(error, context.req.raw))
  router.notFound(context => others.fetch(context.req.raw, context.env))
  others.notFound(context => errors.answerNoRoute(context.req.raw))
  const checkCaller = ({ headers }: Request, { boundHosts = [] }: ServerContext) => {
    if (allowedHosts !== 'any') checkHost(headers.get('host'), [...allowedHosts, ...boundHosts])
    checkOrigin(headers)
  }
  for (const route of routes) {
    const handle = route.open(services)
    if (handle === undefined) continue
    served.push(route)
    router.on(route.method.toUpperCase(), toHonoPath(route.path), handle)
  }
  // By themselves: with one handler for a request, the router makes no chain of promises.
  for (const [path, ofPath] of groupBy(served, route => route.path)) {
    others.all(toHonoPath(path), context => errors.answerNoMethod(context.req.raw, ofPath))
  }

  return {
    needsToken: token !== undefined,
    routes: served,
    async fetch(request, context = {}) {
      try {
        checkCaller(request, context)
        return await router.fetch(request, context)
      } catch (error) {
        // Hono passes on what is thrown and is no Error.
        return errors.answer(error, request)
      }
    },
  }
}

function toHonoPath(path: string): string {
  // An object's key has slashes in it; line breaks are characters like others.
  return path.replace('{key}', ':key{[\\s\\S]+}').replaceAll(/\{(\w+)\}(?!\})/g, (_, name) => `:${name}`)
}
