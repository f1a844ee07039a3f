import type { TidemarkError } from '../../core/errors.ts'
import type { Bodies } from './requests/bodies.ts'
import type { AnswerLimits, HttpPorts } from './settings.ts'

/** Makes the document that GET /openapi.json answers; given by whoever wants it served, since its generator is large. */
export type Describe = () => Record<string, unknown> | Promise<Record<string, unknown>>

export interface Services
  extends Pick<HttpPorts, 'broker'>,
    Required<Pick<HttpPorts, 'nowMs' | 'monotonicMs' | 'random'>> {
  objects: HttpPorts['objects'] | undefined
  health: HttpPorts['health']
  waking: HttpPorts['waking']
  bodies: Bodies
  answers: Required<AnswerLimits>
  topicCacheMs: number
  describe: Describe | undefined
  /** A TidemarkError is itself; anything else is logged and becomes an UNKNOWN_SERVER_ERROR. */
  toError: (error: unknown, request: Request) => TidemarkError
  /** @throws HttpProblem when the request does not bring the token */
  checkToken: (request: Request) => void
}
