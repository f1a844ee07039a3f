import type { WakeUp } from '../core/trigger/trigger.ts'

/** Sends wake-ups to whoever delivers. */
export interface WakeUps {
  /**
   * Resolves once all are sent. Those of one lane are delivered one after the other, in order.
   * @param occasion what they are sent for: sent twice for the same occasion they may come once
   * @throws NotApplied, OutcomeUnknown (send them again), StoreFailed
   */
  wake(wakeUps: readonly LanedWakeUp[], occasion: string): Promise<void>
}

export interface LanedWakeUp extends WakeUp {
  /** Wake-ups of one trigger and lane wait for each other; see `parallelism`. */
  readonly lane: number
}
