import { TidemarkError } from '../../../core/errors.ts'
import { asTidemarkError } from '../../../ports/store-errors.ts'
import { PROBLEM_TYPE } from '../media-types.ts'
import type { Route } from '../route.ts'
import type { HttpLogger } from '../settings.ts'
import { HttpProblem, invalidRequest, statusOf, toProblem } from './problem.ts'

const RETRY_AFTER_SECONDS = '1'

export class ErrorAnswers {
  readonly #logger: HttpLogger
  readonly #routes: readonly Route[]

  constructor(logger: HttpLogger, routes: readonly Route[]) {
    this.#logger = logger
    this.#routes = routes
  }

  /** A TidemarkError is itself, a store's trouble is told; anything else is logged, and nothing of it is shown. */
  toError(thrown: unknown, request: Request): TidemarkError {
    const error = asTidemarkError(thrown)
    if (error instanceof TidemarkError) return error
    const { method } = request
    this.#logger.error('A request failed in a way that it should not', {
      error,
      method,
      path: pathOf(request),
    })
    const message = 'Something went wrong inside the server. Its log says more.'
    return new TidemarkError('UNKNOWN_SERVER_ERROR', message, isRead(method) ? 'no' : 'unknown')
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

  /** 405 where the path is one of ours and only the method is not; else 404. */
  answerNoRoute(request: Request): Response {
    const path = pathOf(request)
    const allowed = this.#methodsOf(path)
    if (allowed.length === 0) {
      const message = `There is nothing at ${path}. GET /openapi.json describes what there is.`
      return this.answer(invalidRequest(404, message), request)
    }
    const allow = allowed.join(', ')
    const message = `${request.method} does not work at ${path}; ${allow} does.`
    return this.answer(invalidRequest(405, message, { allow }), request)
  }

  #methodsOf(path: string): string[] {
    const methods = this.#routes.flatMap(route =>
      toPattern(route.path).test(path) ? [route.method.toUpperCase()] : [],
    )
    return methods.includes('GET') ? ['HEAD', ...methods] : methods
  }
}

function answerProblem(problem: { status: number }, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...headers },
  })
}

/** Whether nothing can have been written. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname
}

function toPattern(path: string): RegExp {
  return new RegExp(
    `^${path
      .replaceAll('.', '\\.')
      .replace('{key}', '.+')
      .replaceAll(/\{\w+\}/g, '[^/]+')}$`,
  )
}
