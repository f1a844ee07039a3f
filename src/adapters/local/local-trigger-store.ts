import { groupTriggersPrefix, TRIGGERS_KEY, triggerKey } from '../../core/storage-layout.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { TriggerStore } from '../../ports/trigger-store.ts'
import type { IndexDatabase } from './index-database.ts'

/** Triggers in SQLite, each as JSON. */
export class LocalTriggerStore implements TriggerStore {
  readonly #database: IndexDatabase

  constructor(database: IndexDatabase) {
    this.#database = database
  }

  async putTrigger(trigger: Trigger): Promise<boolean> {
    let isPut = false
    await this.#database.update(itemKey(triggerKey(trigger)), standing => {
      isPut = (standing ? decode(standing).version : 0) === trigger.version - 1
      return isPut ? Buffer.from(JSON.stringify(trigger)) : undefined
    })
    return isPut
  }

  async readTrigger(groupId: string, topic: string): Promise<Trigger | undefined> {
    const value = this.#database.get(itemKey(triggerKey({ groupId, topic })))
    return value && decode(value)
  }

  async removeTrigger(groupId: string, topic: string, triggerId: string): Promise<boolean> {
    let isGone = true
    await this.#database.removeIf(itemKey(triggerKey({ groupId, topic })), standing => {
      isGone = decode(standing).triggerId === triggerId
      return isGone
    })
    return isGone
  }

  async *triggers(groupId?: string): AsyncGenerator<Trigger> {
    // What sorts behind all keys of a prefix: its last character is the next one, as in `/` and `0`, `#` and `$`.
    const [start, end] =
      groupId === undefined
        ? [itemKey(''), `${TRIGGERS_KEY}0`]
        : [itemKey(groupTriggersPrefix(groupId)), itemKey(`${groupTriggersPrefix(groupId).slice(0, -1)}$`)]
    // Read whole before the first is given: the caller may take its time, a read transaction must not.
    for (const { value } of this.#database.range(start, end)) yield decode(value)
  }
}

function itemKey(key: string): string {
  return `${TRIGGERS_KEY}/${key}`
}

function decode(value: Buffer): Trigger {
  return JSON.parse(value.toString()) as Trigger
}
