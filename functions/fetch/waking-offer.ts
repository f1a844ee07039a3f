import { retryUntil } from '../../src/broker/store-calls/retry.ts'
import type { WakingOffer } from '../../src/contract/waking/offer.ts'
import { Tickets } from '../../src/contract/waking/tickets.ts'
import { ARMING_DEADLINE_MS } from '../../src/core/limits.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { Service } from '../runtime/service.ts'

/**
 * Puts whoever brings a ticket into the table of those who are to be woken. Where that fails, he is told to poll: what there is can
 * be read all the same.
 * @param url where their sockets are opened
 */
export function offerWaking(
  url: string,
  { ports, listeners, telemetry }: Pick<Service, 'ports' | 'listeners' | 'telemetry'>,
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

  function refuse(partitions: readonly PartitionId[], error: unknown): readonly PartitionId[] {
    telemetry.warn('A listener cannot be armed, and is told to poll', { error })
    return partitions
  }

  return {
    url,
    async listenerOf(ticket) {
      tickets ??= openTickets()
      let opened: Tickets | undefined
      try {
        opened = await tickets
      } catch (error) {
        tickets = undefined
        return { arm: async partitions => refuse(partitions, error) }
      }
      // Not remembered: there may be one any time.
      if (!opened) tickets = undefined
      const checked = opened?.check(ticket, clock.nowMs()) ?? 'forged'
      if (typeof checked === 'string') return checked
      const { socketId, expiresMs } = checked
      return {
        arm: partitions =>
          untilDone(() => listeners.arm(socketId, partitions, { nowMs: clock.nowMs(), expiresMs })).catch(
            error => refuse(partitions, error),
          ),
      }
    },
  }
}
