import type { FailureDestinations } from '../../../ports/failure-destinations.ts'
import type { FunctionCaller } from '../../../ports/function-caller.ts'
import type { Ports } from '../../../ports/index.ts'

export interface DeliveryPorts extends Ports {
  readonly functions: FunctionCaller
  readonly failures: FailureDestinations
}

export interface DeliverySettings {
  /** What events name as the cluster that they come from. */
  readonly bootstrapServers: string
  /**
   * For how long a delivery that is under way takes its trigger to be as it was; TRIGGER_CACHE_MS unless set. Each one
   * begins by reading it.
   */
  readonly triggerCacheMs?: number
}

export interface DeliverOptions {
  /** By when to have ended, by the clock's `monotonicMs`. No call begins that could last longer, but for the first. */
  readonly deadlineMs: number
  /** Since when records have waited, for the batching window: milliseconds since the epoch. */
  readonly sentMs: number
  /** Before each call of the function: says that nobody else is to take this wake-up on for so long. */
  readonly beforeCall?: (timeoutMs: number) => Promise<void>
  /** Begins no further call. */
  readonly signal?: AbortSignal
}

export interface Ended {
  /**
   * `caught-up`: everything that was there is dealt with. `again`: there is more; deliver the same wake-up in
   * `afterMs`, and meanwhile no other one of its lane. `dropped`: nothing is to be delivered.
   */
  readonly outcome: 'caught-up' | 'again' | 'dropped'
  readonly afterMs: number
  /**
   * Of `again`, where its turn is over: its lane, in which a wake-up for the same is to be put behind the others, in
   * place of this one. As the first of its lane it would keep the others from ever having a turn.
   */
  readonly lane?: number
  /** Why, in a sentence; '' where it has caught up. */
  readonly reason: string
}

/** What is counted on the way, so that it is known also where a delivery breaks off. */
export interface Counts {
  /** Records that the function has dealt with. */
  records: number
  calls: number
  failedCalls: number
  givenUp: number
}

export type Delivered = Ended & Readonly<Counts>

export function again(afterMs: number, reason: string): Ended {
  return { outcome: 'again', afterMs, reason }
}

export function dropped(reason: string): Ended {
  return { outcome: 'dropped', afterMs: 0, reason }
}
