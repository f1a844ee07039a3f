import type { Items } from '../../src/adapters/items/items.ts'
import { listenersOver } from '../../src/adapters/items/listeners.ts'
import { LISTENERS_PREFIX } from '../../src/core/storage-layout.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { ListenerStore } from '../../src/ports/listener-store.ts'
import type { PlantedDefect } from './planted-defect.ts'

const WAKING = { actors: ['listeners'], seeds: 400, message: /in spite of being woken/ }
/** How late something is done that nobody waits for, and how old what a look-up sees that need not be of now. */
const LATE_MS = 2_000

function changed(
  change: (store: ListenerStore, clock: Clock) => Partial<ListenerStore>,
): (items: Items, clock: Clock) => ListenerStore {
  return (items, clock) => {
    const store = listenersOver(items)
    return { ...store, ...change(store, clock) }
  }
}

/** Of those who wait to be woken. */
export const WAKING_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'whoever wants to be woken looks before he is armed': {
    ...WAKING,
    listeners: changed((store, clock) => ({
      arm: async (...given) => {
        void clock.sleep(LATE_MS).then(() => store.arm(...given).catch(() => {}))
        return []
      },
    })),
  },
  'who is armed is looked up as it was a while ago': {
    ...WAKING,
    listeners: (items, clock) => {
      const isNew = (value: Uint8Array) =>
        JSON.parse(Buffer.from(value).toString()).sinceMs > clock.nowMs() - LATE_MS
      return listenersOver({
        ...items,
        range: async (start, end, limit) => {
          const found = await items.range(start, end, limit)
          return start.startsWith(LISTENERS_PREFIX) ? found.filter(({ value }) => !isNew(value)) : found
        },
      })
    },
  },
  'an arming is removed after the look that followed it': {
    ...WAKING,
    listeners: changed((store, clock) => ({
      take: async (partition, ...given) => {
        const taken = await store.take(partition, ...given)
        for (const socket of taken.sockets)
          void clock.sleep(LATE_MS).then(() => store.disarm(socket, [partition]).catch(() => {}))
        return taken
      },
    })),
  },
  'an arming that stays is told to do so and does not': {
    ...WAKING,
    listeners: changed(store => ({
      take: async (partition, ...given) => {
        const taken = await store.take(partition, ...given)
        for (const socket of taken.staying?.keys() ?? []) await store.disarm(socket, [partition])
        return taken
      },
    })),
  },
  'nobody looks by himself': {
    ...WAKING,
    message: /for ever|in spite of the slow look/,
    neverLooks: true,
  },
}
