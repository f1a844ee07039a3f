import { buildHttpApp } from '../../src/contract/http/build-app.ts'
import { PROBLEM_TYPE } from '../../src/contract/http/media-types.ts'
import { isRead } from '../../src/contract/http/problems/error-answers.ts'
import { HttpProblem, statusOf, toProblem } from '../../src/contract/http/problems/problem.ts'
import type { Route } from '../../src/contract/http/route.ts'
import type { Describe } from '../../src/contract/http/services.ts'
import type { HttpPorts, HttpSettings } from '../../src/contract/http/settings.ts'
import type { WakingOffer } from '../../src/contract/waking/offer.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import {
  FUNCTION_ANSWER_BYTES_MAX,
  FUNCTION_FETCH_WAIT_MS_MAX,
  FUNCTION_JSON_RECORDS_MAX,
  FUNCTION_RESERVE_MS,
  FUNCTION_SLOW_MS,
  FUNCTION_TOPIC_CACHE_MS,
} from '../../src/core/limits.ts'
import { toRequest } from './http-event.ts'
import { type HttpResult, toResult } from './http-result.ts'
import { inTime } from './in-time.ts'
import type { InvocationContext } from './invocation.ts'
import { observe } from './observed-broker.ts'
import { openBroker } from './open-broker.ts'
import type { Service } from './service.ts'
import type { Telemetry } from './telemetry.ts'

/** An event of a gateway, of a function URL, or of a direct invocation in; an HTTP answer out. It never throws. */
export type HttpFunction = (event: unknown, context: InvocationContext) => Promise<HttpResult>

const SETTINGS: HttpSettings = {
  // Whoever reaches a function was let in by IAM or by a gateway, and names are the gateway's to check.
  allowedHosts: 'any',
  fetchBytesMax: FUNCTION_ANSWER_BYTES_MAX,
  answerBytesMax: FUNCTION_ANSWER_BYTES_MAX,
  jsonRecordsMax: FUNCTION_JSON_RECORDS_MAX,
  waitMsMax: FUNCTION_FETCH_WAIT_MS_MAX,
  topicCacheMs: FUNCTION_TOPIC_CACHE_MS,
}

export function makeHttpFunction(
  service: Service,
  routes: Iterable<Route>,
  describe?: Describe,
  servedBroker: HttpPorts['broker'] = openBroker(service),
  waking?: WakingOffer,
): HttpFunction {
  const { telemetry, takeTableWrites } = service
  const { broker, take } = observe(servedBroker)
  const logger = {
    error: (message: string, details: Readonly<Record<string, unknown>>) =>
      telemetry.error(message, { ...details }),
  }
  const app = buildHttpApp({ broker, logger, waking }, SETTINGS, routes, describe)

  return async (event, context) => {
    const { awsRequestId } = context
    const startedMs = performance.now()
    const { result, method, path } = await telemetry.trace('request', () =>
      answer(app, event, context, telemetry),
    )
    const error = errorOf(result)
    const durationMs = Math.round(performance.now() - startedMs)
    // A fetch may wait that long with nothing amiss.
    const waitsMs = isRead(method, path) ? FUNCTION_FETCH_WAIT_MS_MAX : 0
    const isOwnLine = error !== undefined || durationMs >= waitsMs + FUNCTION_SLOW_MS
    telemetry[isOwnLine ? 'publish' : 'gather']({
      metrics: {
        Requests: 1,
        DurationMs: durationMs,
        ...take(),
        ...(error && { Errors: 1 }),
      },
      ...(error && { error }),
      details: {
        requestId: awsRequestId,
        method,
        path,
        status: String(result.statusCode),
        tableWrites: takeTableWrites(),
      },
    })
    return result
  }
}

interface Answered {
  readonly result: HttpResult
  readonly method: string
  readonly path: string
}

async function answer(
  app: { fetch(request: Request): Promise<Response> },
  event: unknown,
  context: InvocationContext,
  telemetry: Telemetry,
): Promise<Answered> {
  let method = ''
  let path = ''
  try {
    const request = toRequest(event)
    method = request.method
    path = new URL(request.url).pathname
    const leftMs = context.getRemainingTimeInMillis() - FUNCTION_RESERVE_MS
    const result = await inTime(app.fetch(request).then(toResult), leftMs, () => timeIsOver(method, path))
    return { result, method, path }
  } catch (thrown) {
    return { result: toProblemResult(thrown, { method, path }, telemetry), method, path }
  }
}

function timeIsOver(method: string, path: string): HttpResult {
  const message = "The function's time is over. Try again; if it goes on, look at the store."
  const error = new TidemarkError('REQUEST_TIMED_OUT', message, isRead(method, path) ? 'no' : 'unknown')
  return problemResult(error, statusOf(error.kafkaName))
}

function toProblemResult(
  thrown: unknown,
  { method, path }: Pick<Answered, 'method' | 'path'>,
  telemetry: Telemetry,
): HttpResult {
  if (thrown instanceof HttpProblem) return problemResult(thrown.error, thrown.status)
  telemetry.error('A request failed in a way that it should not', { error: thrown })
  const message = "The answer could not be given. The function's log says more."
  return problemResult(
    new TidemarkError('UNKNOWN_SERVER_ERROR', message, isRead(method, path) ? 'no' : 'unknown'),
    500,
  )
}

function problemResult(error: TidemarkError, status: number): HttpResult {
  return {
    statusCode: status,
    headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' },
    body: JSON.stringify(toProblem(error, status)),
    isBase64Encoded: false,
  }
}

/** Kafka's name of the error that a result tells of. */
function errorOf({ statusCode, headers, body, isBase64Encoded }: HttpResult): string | undefined {
  if (statusCode < 400 || headers['content-type'] !== PROBLEM_TYPE) return undefined
  return isBase64Encoded ? 'UNKNOWN_SERVER_ERROR' : JSON.parse(body).kafkaError
}
