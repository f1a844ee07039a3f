import { groupTriggersPrefix, TRIGGERS_KEY, triggerKey } from '../../core/storage-layout.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { TriggerStore } from '../../ports/trigger-store.ts'
import { jsonForm } from './form.ts'
import { endOf, type Items, joinKey } from './items.ts'

const TRIGGERS = jsonForm<Trigger>()

/** Triggers over sorted items, each as JSON. */
export class ItemTriggerStore implements TriggerStore {
  readonly #items: Items

  constructor(items: Items) {
    this.#items = items
  }

  async putTrigger(trigger: Trigger): Promise<boolean> {
    const { changed } = await TRIGGERS.change(this.#items, itemKey(triggerKey(trigger)), standing =>
      (standing?.version ?? 0) === trigger.version - 1 ? trigger : undefined,
    )
    return changed !== undefined
  }

  async readTrigger(groupId: string, topic: string): Promise<Trigger | undefined> {
    return await TRIGGERS.read(this.#items, itemKey(triggerKey({ groupId, topic })))
  }

  async removeTrigger(groupId: string, topic: string, triggerId: string): Promise<boolean> {
    const { standing, isRemoved } = await TRIGGERS.removeIf(
      this.#items,
      itemKey(triggerKey({ groupId, topic })),
      trigger => trigger.triggerId === triggerId,
    )
    return isRemoved || !standing
  }

  async *triggers(groupId?: string): AsyncGenerator<Trigger> {
    const prefix = itemKey(groupId === undefined ? '' : groupTriggersPrefix(groupId))
    yield* TRIGGERS.readAll(this.#items, prefix, endOf(prefix))
  }
}

function itemKey(key: string): string {
  return joinKey(TRIGGERS_KEY, key)
}
