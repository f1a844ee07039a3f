import { groupTriggersPrefix, TRIGGERS_KEY, triggerKey } from '../../core/storage-layout.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { TriggerStore } from '../../ports/trigger-store.ts'
import { type Items, joinKey } from './items.ts'
import { TypedItems } from './typed-items.ts'

/** Triggers over sorted items, each as JSON. */
export function triggersOver(items: Items): TriggerStore {
  const triggers = new TypedItems<Trigger>(items)
  const keyOf = (name: { groupId: string; topic: string }) => joinKey(TRIGGERS_KEY, triggerKey(name))
  return {
    putTrigger: async trigger => {
      const { changed } = await triggers.change(keyOf(trigger), standing =>
        (standing?.version ?? 0) === trigger.version - 1 ? trigger : undefined,
      )
      return changed !== undefined
    },
    readTrigger: async (groupId, topic) => await triggers.read(keyOf({ groupId, topic })),
    removeTrigger: async (groupId, topic, triggerId) => {
      const isIt = (standing: Trigger) => standing.triggerId === triggerId
      return (await triggers.remove(keyOf({ groupId, topic }), isIt)) !== 'kept'
    },
    triggers: groupId =>
      triggers.all(joinKey(TRIGGERS_KEY, groupId === undefined ? '' : groupTriggersPrefix(groupId))),
  }
}
