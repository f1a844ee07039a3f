import { randomBytes } from 'node:crypto'
import { retryUntil } from '../../src/broker/store-calls/retry.ts'
import type { WakingOffer } from '../../src/contract/waking/offer.ts'
import { TICKET_KEY_BYTES, Tickets } from '../../src/contract/waking/tickets.ts'
import { ARMING_DEADLINE_MS } from '../../src/core/limits.ts'
import type { Service } from '../runtime/service.ts'

/**
 * Puts whoever brings a ticket into the table of those who are to be woken.
 * @param url where their sockets are opened
 */
export function offerWaking(
  url: string,
  { ports, listeners }: Pick<Service, 'ports' | 'listeners'>,
): WakingOffer {
  const { clock } = ports
  let opening: Promise<Tickets> | undefined
  const untilDone = <T>(step: () => Promise<T>) =>
    retryUntil(ports, clock.monotonicMs() + ARMING_DEADLINE_MS, 'no', step)

  async function openTickets(): Promise<Tickets> {
    return new Tickets(await untilDone(() => listeners.key(() => randomBytes(TICKET_KEY_BYTES))))
  }

  return {
    url,
    async listenerOf(ticket) {
      opening ??= openTickets().catch(error => {
        // Asked for again by the next.
        opening = undefined
        throw error
      })
      const checked = (await opening).check(ticket, clock.nowMs())
      if (typeof checked === 'string') return checked
      const { socketId, expiresMs } = checked
      return {
        arm: partitions =>
          untilDone(() => listeners.arm(socketId, partitions, { nowMs: clock.nowMs(), expiresMs })),
      }
    },
  }
}
