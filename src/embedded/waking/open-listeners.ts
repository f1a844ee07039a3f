import { randomBytes } from 'node:crypto'
import { TICKET_KEY_BYTES } from '../../contract/waking/tickets.ts'
import type { Embedded } from '../embedded.ts'
import { hostOf } from '../running-broker.ts'
import { systemClock } from '../system.ts'
import { Listeners } from './listeners.ts'

/**
 * Lets those who wait for records of a broker of this process be woken over HTTP: both the app and its server are given it.
 *
 * ```ts
 * const waking = openListeners(embedded)
 * const app = createHttpApp({ broker: embedded.broker, waking, logger })
 * await startHttpServer(app, { port: 9900, listeners: waking })
 * ```
 * @throws INVALID_REQUEST where the broker was not opened here, or its store is on AWS
 */
export function openListeners(embedded: Embedded): Listeners {
  const host = hostOf(embedded)
  // A key of this process alone: sockets do not outlive it, and so need no tickets.
  return new Listeners((...of) => host.listen(...of), randomBytes(TICKET_KEY_BYTES), systemClock.nowMs)
}
