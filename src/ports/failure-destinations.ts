import type { PartitionId } from '../core/topic/partition-id.ts'
import type { Trigger, TriggerRecord } from '../core/trigger/trigger.ts'

/** Where to tell of records that a trigger gave up. */
export interface FailureDestinations {
  /**
   * Resolves once what was given up is told durably. It can come twice.
   * @param destination a trigger's `onFailure`
   * @throws NotApplied, OutcomeUnknown (try again), StoreFailed
   */
  send(destination: string, givenUp: GivenUp): Promise<void>
}

export interface GivenUp {
  readonly trigger: Trigger
  readonly partition: PartitionId
  /** In order, at least one. */
  readonly records: readonly TriggerRecord[]
  /** The document that says where they are and why: JSON, in the form that Lambda's Kafka event sources send. */
  readonly report: string
  /** The event that failed, as JSON. */
  readonly event: string
}
