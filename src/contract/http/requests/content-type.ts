import { mediaTypeOf } from '../media-types.ts'
import { invalidRequest } from '../problems/problem.ts'

/**
 * Which of `understood` the request's body is. There is no default: a form or text/plain is what a foreign
 * web page can send without being asked.
 * @throws HttpProblem 415
 */
export function requireContentType<T extends string>(request: Request, understood: readonly T[]): T {
  const given = mediaTypeOf(request.headers.get('content-type'))
  const type = understood.find(candidate => candidate === given)
  if (type !== undefined) return type
  const message = `A body of Content-Type ${given ?? '(none)'} is not understood here; ${understood.join(' or ')} is.`
  throw invalidRequest(415, message, { accept: understood.join(', ') })
}
