import type { Decisions } from '../../src/adapters/items/decisions.ts'
import { applyAppend } from '../../src/core/log/changes/append.ts'
import type { FlushedProducer } from '../../src/core/log/producers/flushed-producer.ts'
import { toOffset } from '../../src/core/numbers.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'

/** What is broken on purpose, to see that the simulation notices. */
export interface Defect {
  readonly decisions?: Partial<Decisions>
  readonly index?: (index: LogIndex, clock: Clock) => LogIndex
}

/** How late a put is for which nobody waits, and how old what a look-up sees that is made too early. */
const LATE_MS = 400

function withMethods(index: LogIndex, methods: Partial<LogIndex>): LogIndex {
  return new Proxy(index, {
    get(target, name) {
      const value = methods[name as keyof LogIndex] ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Ways of letting producers leave the head and come back that are not safe. */
export const RETIREMENT_DEFECTS: Record<string, Defect> = {
  'a producer leaves the head without an item': {
    index: index => withMethods(index, { putProducer: async () => {} }),
  },
  "a cut does not wait for its producers' items": {
    index: (index, clock) =>
      withMethods(index, {
        putProducer: async (...args) => {
          void clock.sleep(LATE_MS).then(() => index.putProducer(...args))
        },
      }),
  },
  'an older item is put over a newer one': {
    decisions: { mergeRetired: (_, given) => given },
  },
  'nobody looks up a producer that the head does not know': {
    index: index => withMethods(index, { readProducer: async () => undefined }),
  },
  'a producer is looked up before the head is seen': {
    index: readEarly,
  },
  'a producer is taken that the head which was seen may have known': {
    decisions: {
      applyAppend: (head, entry, seen) =>
        applyAppend(head, entry, seen, new Set(entry.producers.map(({ producerId }) => producerId))),
    },
  },
  'a producer is taken although the tail has moved past the head that was seen': {
    decisions: {
      applyAppend: (head, entry, seen, newcomers) => {
        const isReturn = entry.producers.some(({ producerId }) => newcomers?.has(producerId))
        return applyAppend(head, entry, isReturn ? toOffset(Number.MAX_SAFE_INTEGER) : seen, newcomers)
      },
    },
  },
}

/** Items are seen as they were a short while ago. */
function readEarly(index: LogIndex, clock: Clock): LogIndex {
  const before = new Map<string, { untilMs: number; producer: FlushedProducer | undefined }[]>()
  const keyOf = (...[{ partition }, producerId]: Parameters<LogIndex['readProducer']>) =>
    `${partition} ${producerId}`
  return withMethods(index, {
    putProducer: async (partition, producerId, producer, nowMs) => {
      const key = keyOf(partition, producerId)
      const standing = await index.readProducer(partition, producerId)
      const versions = before.get(key) ?? []
      before.set(key, [...versions, { untilMs: clock.nowMs() + LATE_MS, producer: standing }])
      await index.putProducer(partition, producerId, producer, nowMs)
    },
    readProducer: async (partition, producerId) => {
      const versions = before.get(keyOf(partition, producerId)) ?? []
      const earlier = versions.find(({ untilMs }) => untilMs > clock.nowMs())
      return earlier ? earlier.producer : await index.readProducer(partition, producerId)
    },
  })
}
