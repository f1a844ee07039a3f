import { TidemarkError } from '../../../core/errors.ts'
import { asTidemarkError } from '../../../ports/store-errors.ts'
import { PROBLEM_TYPE } from '../media-types.ts'
import type { Route } from '../route.ts'
import type { HttpLogger } from '../settings.ts'
import { HttpProblem, invalidRequest, statusOf, toProblem } from './problem.ts'

const RETRY_AFTER_SECONDS = '1'

export class ErrorAnswers {
  readonly #logger: HttpLogger

  constructor(logger: HttpLogger) {
    this.#logger = logger
  }

  /** A TidemarkError is itself, a store's trouble is told; anything else is logged, and nothing of it is shown. */
  toError(thrown: unknown, request: Request): TidemarkError {
    const error = asTidemarkError(thrown)
    if (error instanceof TidemarkError) return error
    const { method } = request
    const path = pathOf(request)
    this.#logger.error('A request failed in a way that it should not', {
      error,
      method,
      path,
    })
    const message = 'Something went wrong inside the server. Its log says more.'
    return new TidemarkError('UNKNOWN_SERVER_ERROR', message, isRead(method, path) ? 'no' : 'unknown')
  }

  answer(thrown: unknown, request: Request): Response {
    if (thrown instanceof HttpProblem) {
      const { error, status, extension } = thrown
      const headers = { ...(status === 429 ? { 'retry-after': RETRY_AFTER_SECONDS } : {}), ...thrown.headers }
      return answerProblem({ ...toProblem(error, status), ...extension }, headers)
    }
    const error = this.toError(thrown, request)
    return this.answer(new HttpProblem(statusOf(error.kafkaName), error), request)
  }

  /** 404. */
  answerNoRoute(request: Request): Response {
    const message = `There is nothing at ${pathOf(request)}. GET /openapi.json describes what there is.`
    return this.answer(invalidRequest(404, message), request)
  }

  /** 405: the path is one of ours. @param routes all that it has */
  answerNoMethod(request: Request, routes: readonly Route[]): Response {
    const methods = routes.map(({ method }) => method.toUpperCase())
    const allowed = methods.includes('GET') ? ['HEAD', ...methods] : methods
    const allow = allowed.join(', ')
    const message = `${request.method} does not work at ${pathOf(request)}; ${allow} ${allowed.length > 1 ? 'do' : 'does'}.`
    return this.answer(invalidRequest(405, message, { allow }), request)
  }
}

function answerProblem(problem: { status: number }, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...headers },
  })
}

/** Whether nothing can have been written. */
export function isRead(method: string, path: string): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && /(?:^|\/)fetch$/.test(path))
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname
}
