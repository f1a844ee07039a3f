import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { ArmedAt } from '../../core/waking/armed-at.ts'
import type { TicketProblem } from './tickets.ts'

/** Somebody who is woken when something is appended. */
export interface Listener {
  /**
   * Has him woken when one of these is longer than he knows it, once for each; it is so before it resolves.
   * @returns where he is not, since too many are: those are to be polled
   */
  arm(partitions: readonly ArmedAt[]): Promise<readonly PartitionId[]>
}

/** That a broker wakes, as its HTTP form offers it. */
export interface WakingOffer {
  /** Where listeners open their sockets: a whole URL, or a path of the same server. */
  readonly url: string
  /** Who has this ticket. */
  listenerOf(ticket: string): Promise<Listener | TicketProblem>
}

/** Says in each answer of a fetch where sockets are opened. */
export const WAKING_HEADER = 'tidemark-waking'

/** Says what became of a ticket: `all`, a problem, or the places in the request of what is to be polled. */
export const ARMED_HEADER = 'tidemark-armed'

/** What became of a request to be woken; a list: these partitions of the request are to be polled. */
export type Armed = 'all' | TicketProblem | readonly number[]

export function encodeArmed(armed: Armed): string {
  if (typeof armed === 'string') return armed
  return armed.length === 0 ? 'all' : armed.join(',')
}

/** Undefined where it is none of these. */
export function decodeArmed(text: string): Armed | undefined {
  if (text === 'all' || text === 'stale' || text === 'forged') return text
  return /^\d{1,4}(,\d{1,4})*$/.test(text) ? text.split(',').map(Number) : undefined
}
