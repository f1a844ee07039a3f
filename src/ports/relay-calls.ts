import type { PartitionId } from '../core/topic/partition-id.ts'

/** Calls whoever relays outboxes, where that is no part of the process. */
export interface RelayCalls {
  /**
   * Resolves when the call is taken, not when its work is done. Called twice for the same, the second one finds nothing left.
   * @throws NotApplied, OutcomeUnknown (call again), StoreFailed
   */
  call(partitions: readonly PartitionId[]): Promise<void>
}
