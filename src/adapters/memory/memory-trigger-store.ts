import { groupTriggersPrefix, triggerKey } from '../../core/storage-layout.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { TriggerStore } from '../../ports/trigger-store.ts'

/** Triggers in memory. */
export class MemoryTriggerStore implements TriggerStore {
  readonly #items = new Map<string, Trigger>()

  async putTrigger(trigger: Trigger): Promise<boolean> {
    const key = triggerKey(trigger)
    if ((this.#items.get(key)?.version ?? 0) !== trigger.version - 1) return false
    this.#items.set(key, structuredClone(trigger))
    return true
  }

  async readTrigger(groupId: string, topic: string): Promise<Trigger | undefined> {
    return structuredClone(this.#items.get(triggerKey({ groupId, topic })))
  }

  async removeTrigger(groupId: string, topic: string, triggerId: string): Promise<boolean> {
    const key = triggerKey({ groupId, topic })
    const standing = this.#items.get(key)
    if (standing && standing.triggerId !== triggerId) return false
    this.#items.delete(key)
    return true
  }

  async *triggers(groupId?: string): AsyncGenerator<Trigger> {
    const prefix = groupId === undefined ? '' : groupTriggersPrefix(groupId)
    const items = [...this.#items].filter(([key]) => key.startsWith(prefix))
    items.sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
    yield* structuredClone(items.map(([, trigger]) => trigger))
  }
}
