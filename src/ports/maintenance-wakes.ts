import type { MaintenanceCall } from '../core/maintenance-call.ts'

/** Calls whoever maintains the store, where that is no part of the process. */
export interface MaintenanceWakes {
  /**
   * Resolves when the calls are taken, not when their work is done. Called twice for the same, the second run finds nothing
   * left, or the first one at it.
   * @throws NotApplied, OutcomeUnknown (call again), StoreFailed
   */
  wake(calls: readonly MaintenanceCall[]): Promise<void>
}
