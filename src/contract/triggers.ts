import type { Trigger, TriggerSettings } from '../core/trigger/trigger.ts'
import type { CallOptions } from './broker.ts'

/** Triggers, as everybody sees them. They are made where functions are deployed, and not by calls. */
export interface TriggerBroker {
  /** Every trigger, in the order of their groups and topics. */
  listTriggers(call?: CallOptions): Promise<TriggerDescription[]>

  /**
   * Stops deliveries: at once where none is under way, else after the batch that is. What is committed stays.
   * Pausing twice is no error. @throws GROUP_ID_NOT_FOUND where the group has no trigger on this topic
   */
  pauseTrigger(request: TriggerName, call?: CallOptions): Promise<TriggerDescription>

  /** Goes on where it stopped, and looks at all partitions at once, if it was not paused too. @throws GROUP_ID_NOT_FOUND */
  resumeTrigger(request: TriggerName, call?: CallOptions): Promise<TriggerDescription>

  /**
   * Removes a paused trigger whose deployment is gone, so that its group is free. One that is still deployed is not made
   * again before it is changed there. What is committed stays.
   * @throws GROUP_ID_NOT_FOUND where the group has no trigger on this topic, NON_EMPTY_GROUP where it is active
   */
  deleteTrigger(request: TriggerName, call?: CallOptions): Promise<void>
}

export interface TriggerName {
  groupId: string
  topic: string
}

/** What Trigger and TriggerSettings of the core say of each. */
export interface TriggerDescription
  extends TriggerName,
    Pick<Trigger, 'triggerId' | 'target' | 'state' | 'createdMs'>,
    TriggerSettings {
  /** Whether the topic is there; where it was deleted, nothing is delivered until there is one of its name again. */
  hasTopic: boolean
}
