import type { TidemarkError } from '../../core/errors.ts'
import type { Broker } from '../broker.ts'
import type { GroupBroker } from '../groups.ts'
import type { TriggerBroker } from '../triggers.ts'
import type { Bodies } from './requests/bodies.ts'
import type { RouteServices } from './route.ts'
import type { AnswerLimits, LocatedObjects } from './settings.ts'

/** What the routes are made from. */
export interface Services extends RouteServices {
  broker: Broker & GroupBroker & TriggerBroker
  bodies: Bodies
  answers: Required<AnswerLimits>
  topicCacheMs: number
  objects: LocatedObjects | undefined
  nowMs: () => number
  random: () => number
  /** A TidemarkError is itself; anything else is logged and becomes an UNKNOWN_SERVER_ERROR. */
  toError: (error: unknown, request: Request) => TidemarkError
}
