import type { Trigger } from '../core/trigger/trigger.ts'

/**
 * Which functions get which topics. Every write is one atomic, durable step, and every read sees all writes that
 * resolved before it began. All methods can throw NotApplied and StoreFailed; those that write also OutcomeUnknown.
 */
export interface TriggerStore {
  /**
   * Puts a trigger on the condition that the one of its group and topic has the version before (`version - 1`); where
   * `version` is 1: that there is none. Tells whether the condition held.
   */
  putTrigger(trigger: Trigger): Promise<boolean>

  readTrigger(groupId: string, topic: string): Promise<Trigger | undefined>

  /**
   * Removes a trigger on the condition that it is the one of this id, whatever its version. False: another one stands
   * there. May be repeated: one that is not there is gone.
   */
  removeTrigger(groupId: string, topic: string, triggerId: string): Promise<boolean>

  /** Every trigger, or those of one group, in the order of their items' keys. */
  triggers(groupId?: string): AsyncIterable<Trigger>
}
