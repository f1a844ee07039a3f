import { groupTriggersPrefix, TRIGGERS_KEY } from '../../../core/storage-layout.ts'
import type { Trigger } from '../../../core/trigger/trigger.ts'
import type { TriggerStore } from '../../../ports/trigger-store.ts'
import {
  decodeTriggerItem,
  encodeTriggerItem,
  hasTriggerId,
  isVersionBefore,
  triggerItemKey,
} from '../items/trigger.ts'
import { goneOr, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** Triggers in a DynamoDB table, all under one partition key, so that a listing is one query. */
export class DynamoTriggerStore implements TriggerStore {
  readonly #table: DynamoTable

  constructor(table: DynamoTable) {
    this.#table = table
  }

  async putTrigger(trigger: Trigger): Promise<boolean> {
    return (await this.#table.put(encodeTriggerItem(trigger), isVersionBefore(trigger))).held
  }

  async readTrigger(groupId: string, topic: string): Promise<Trigger | undefined> {
    return await this.#table.read(triggerItemKey({ groupId, topic }), decodeTriggerItem)
  }

  async removeTrigger(groupId: string, topic: string, triggerId: string): Promise<boolean> {
    return await this.#table.remove(triggerItemKey({ groupId, topic }), goneOr(hasTriggerId(triggerId)))
  }

  triggers(groupId?: string): AsyncGenerator<Trigger> {
    const prefix = groupId === undefined ? '' : groupTriggersPrefix(groupId)
    return this.#table.list(under(TRIGGERS_KEY, prefix), decodeTriggerItem)
  }
}
