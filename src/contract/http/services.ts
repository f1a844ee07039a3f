import type { TidemarkError } from '../../core/errors.ts'
import type { Broker } from '../broker.ts'
import type { Bodies } from './bodies.ts'
import type { Router } from './route.ts'
import type { LocatedObjects } from './settings.ts'

/** What the routes are made from. */
export interface Services {
  router: Router
  broker: Broker
  bodies: Bodies
  objects: LocatedObjects | undefined
  nowMs: () => number
  random: () => number
  /** A TidemarkError is itself; anything else is logged and becomes an UNKNOWN_SERVER_ERROR. */
  toError: (error: unknown, request: Request) => TidemarkError
  /** @throws HttpProblem when the request does not bring the token */
  checkToken: (request: Request) => void
}
