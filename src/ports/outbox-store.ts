import type { Lane } from '../core/outbox/lane.ts'
import type { OutboxItem, ParkedItem, Parking } from '../core/outbox/outbox-item.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'

/**
 * What waits in outboxes, and what relays agree on. Every write is one atomic, durable step, and every read sees all writes that
 * resolved before it began. All methods can throw NotApplied and StoreFailed; those that write also OutcomeUnknown.
 */
export interface OutboxStore {
  /**
   * Puts items into outboxes, all or none. Tells whether it was done: not where one of the keys is taken. On AWS applications do
   * it themselves, in their own transactions.
   * @param beside what else belongs to that step, in stores that have it in this process: it is synchronous, and where it throws
   *   nothing is put
   */
  put(items: readonly PlacedOutboxItem[], beside?: () => void): Promise<boolean>

  /**
   * The items of one outbox in the order of their keys, at most so many, and of no more than so many bytes but for the first. It
   * need not be of one moment: see settledItems.
   */
  waiting(partition: PartitionId, limit: number, bytesMax: number): Promise<OutboxItem[]>

  /** Those of these that are there, in the order of the keys that are given. */
  find(partition: PartitionId, keys: readonly string[]): Promise<OutboxItem[]>

  /** Removes items, each in a step of its own, in no order. One that is not there is no error. */
  remove(partition: PartitionId, keys: readonly string[]): Promise<void>

  /** Puts an item aside, in one step, if it is there. */
  park(partition: PartitionId, item: OutboxItem, parking: Parking, nowMs: number): Promise<void>

  /** What was put aside of one partition, in the order of its keys. */
  parked(partition: PartitionId): AsyncIterable<ParkedItem>

  readLane(partition: PartitionId): Promise<Lane | undefined>

  /** On the condition that the version in place is `expected`; undefined: that there is none. Tells the lane that stands after it. */
  putLane(partition: PartitionId, lane: Lane, expected: string | undefined): Promise<Lane | undefined>

  /** On the condition that the version in place is `expected`. */
  removeLane(partition: PartitionId, expected: string): Promise<void>

  /** Every partition that has a lane, in no order. */
  lanes(): AsyncIterable<PartitionId>
}

/** An item, and for which partition it is. */
export interface PlacedOutboxItem {
  readonly partition: PartitionId
  readonly item: OutboxItem
}
