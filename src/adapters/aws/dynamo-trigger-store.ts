import {
  groupTriggersPrefix,
  KEY_ATTRIBUTES,
  TRIGGER_ATTRIBUTES,
  TRIGGERS_KEY,
} from '../../core/storage-layout.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { TriggerStore } from '../../ports/trigger-store.ts'
import { number } from './dynamo-items.ts'
import type { Condition, DynamoTable, Selection } from './dynamo-table.ts'
import { decodeTriggerItem, encodeTriggerItem, triggerItemKey } from './dynamo-trigger-items.ts'

const { partition: PK, sort: SK } = KEY_ATTRIBUTES
const IS_NEW: Condition = { expression: `attribute_not_exists(${PK})` }

/** Triggers in a DynamoDB table, all under one partition key, so that a listing is one query. */
export class DynamoTriggerStore implements TriggerStore {
  readonly #table: DynamoTable

  constructor(table: DynamoTable) {
    this.#table = table
  }

  async putTrigger(trigger: Trigger): Promise<boolean> {
    const { version } = trigger
    const condition: Condition =
      version === 1
        ? IS_NEW
        : {
            expression: `${TRIGGER_ATTRIBUTES.version} = :before`,
            values: { ':before': number(version - 1) },
          }
    return (await this.#table.put(encodeTriggerItem(trigger), condition)).held
  }

  async readTrigger(groupId: string, topic: string): Promise<Trigger | undefined> {
    const item = await this.#table.get(triggerItemKey({ groupId, topic }))
    return item && decodeTriggerItem(item)
  }

  async removeTrigger(groupId: string, topic: string, triggerId: string): Promise<boolean> {
    return await this.#table.remove(triggerItemKey({ groupId, topic }), {
      // One that is not there is gone, too.
      expression: `${IS_NEW.expression} OR ${TRIGGER_ATTRIBUTES.triggerId} = :id`,
      values: { ':id': { S: triggerId } },
    })
  }

  async *triggers(groupId?: string): AsyncGenerator<Trigger> {
    const all: Selection = { condition: `${PK} = :triggers`, values: { ':triggers': { S: TRIGGERS_KEY } } }
    const selection =
      groupId === undefined
        ? all
        : {
            condition: `${all.condition} AND begins_with(${SK}, :group)`,
            values: { ...all.values, ':group': { S: groupTriggersPrefix(groupId) } },
          }
    for await (const item of this.#table.query(selection)) yield decodeTriggerItem(item)
  }
}
