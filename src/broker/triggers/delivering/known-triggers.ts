import { compileFilters } from '../../../core/trigger/filter.ts'
import type { Trigger, TriggerRecord } from '../../../core/trigger/trigger.ts'
import type { GroupCall } from '../../groups/group-call.ts'

export interface KnownTrigger {
  readonly trigger: Trigger
  /** When it was asked for: milliseconds since the epoch. */
  readonly readMs: number
  readonly passes: (record: TriggerRecord) => boolean
}

/** Triggers that this process has met, with their filters compiled: once for each version. */
export class KnownTriggers {
  readonly #known = new Map<string, KnownTrigger>()

  /**
   * Reads the trigger of the call's group on a topic.
   * @throws TidemarkError; INVALID_REQUEST where it has filters that this version does not know
   */
  async read(call: GroupCall, topic: string): Promise<KnownTrigger | undefined> {
    const readMs = call.ports.clock.monotonicMs()
    const trigger = await call.read(() => call.ports.triggers.readTrigger(call.groupId, topic))
    const key = JSON.stringify([call.groupId, topic])
    if (!trigger) {
      this.#known.delete(key)
      return undefined
    }
    const before = this.#known.get(key)
    const isSame =
      before?.trigger.triggerId === trigger.triggerId && before.trigger.version === trigger.version
    const passes = isSame ? before.passes : compileFilters(trigger.settings.filters)
    const known = { trigger, readMs, passes }
    this.#known.set(key, known)
    return known
  }
}
