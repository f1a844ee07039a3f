import type { Offset } from '../numbers.ts'
import type { PartitionId } from '../topic/partition-id.ts'

/** A partition whose changes somebody is to be woken for. */
export interface ArmedAt extends PartitionId {
  /** How far he knows the log: a change wakes him that leaves its end beyond this. Undefined: any does. */
  readonly from?: Offset | undefined
}
