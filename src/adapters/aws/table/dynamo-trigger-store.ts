import { groupTriggersPrefix, TRIGGERS_KEY } from '../../../core/storage-layout.ts'
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
export function dynamoTriggerStore(table: DynamoTable): TriggerStore {
  return {
    putTrigger: async trigger => (await table.put(encodeTriggerItem(trigger), isVersionBefore(trigger))).held,
    readTrigger: async (groupId, topic) =>
      await table.read(triggerItemKey({ groupId, topic }), decodeTriggerItem),
    removeTrigger: async (groupId, topic, triggerId) =>
      await table.remove(triggerItemKey({ groupId, topic }), goneOr(hasTriggerId(triggerId))),
    triggers: groupId => {
      const prefix = groupId === undefined ? '' : groupTriggersPrefix(groupId)
      return table.list(under(TRIGGERS_KEY, prefix), decodeTriggerItem)
    },
  }
}
