import { retryUntil } from '../../src/broker/store-calls/retry.ts'
import type { WakingOffer } from '../../src/contract/waking/offer.ts'
import { Tickets } from '../../src/contract/waking/tickets.ts'
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
  let tickets: Promise<Tickets | undefined> | undefined
  const untilDone = <T>(step: () => Promise<T>) =>
    retryUntil(ports, clock.monotonicMs() + ARMING_DEADLINE_MS, 'no', step)

  /** Whoever gives out tickets has made the key before. */
  async function openTickets(): Promise<Tickets | undefined> {
    const key = await untilDone(() => listeners.readKey())
    return key && new Tickets(key)
  }

  return {
    url,
    async listenerOf(ticket) {
      tickets ??= openTickets()
      const opened = await tickets.catch(error => {
        tickets = undefined
        throw error
      })
      // Not remembered: there may be one any time.
      if (!opened) tickets = undefined
      const checked = opened?.check(ticket, clock.nowMs()) ?? 'forged'
      if (typeof checked === 'string') return checked
      const { socketId, expiresMs } = checked
      return {
        arm: partitions =>
          untilDone(() => listeners.arm(socketId, partitions, { nowMs: clock.nowMs(), expiresMs })),
      }
    },
  }
}
