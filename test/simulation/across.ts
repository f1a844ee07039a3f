import type { Items } from '../../src/adapters/items/items.ts'
import type { MemoryObjectStore } from '../../src/adapters/memory/memory-object-store.ts'
import type { Network } from '../../src/adapters/memory/network.ts'
import { PRODUCER_PREFIX } from '../../src/core/storage-layout.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import type { ProcessFaults } from './random-faults.ts'

/** Items, with each call to them said to what draws its fault. */
export function itemsAcross(items: Items, faults: ProcessFaults, countReturn: () => void): Items {
  return {
    get: key => {
      faults.about(`get ${key}`)
      const value = items.get(key)
      if (key.includes(`/${PRODUCER_PREFIX}`))
        void value.then(
          found => found && countReturn(),
          () => {},
        )
      return value
    },
    range: (start, end, limit) => {
      faults.about(`range ${start}`)
      return items.range(start, end, limit)
    },
    lastUpTo: (first, last) => {
      faults.about(`last up to ${last}`)
      return items.lastUpTo(first, last)
    },
    update: (key, change) => {
      faults.about(`update ${key}`)
      return items.update(key, change)
    },
    updateAll: (keys, change) => {
      faults.about(`update ${keys.join(' and ')}`)
      return items.updateAll(keys, change)
    },
    removeRange: (start, end) => {
      faults.about(`remove from ${start}`)
      return items.removeRange(start, end)
    },
  }
}

/** Objects as they look across an unreliable network, with each call said in the same way. What takes several requests is one step. */
export function objectsAcross(
  stored: MemoryObjectStore,
  network: Network,
  faults: ProcessFaults,
): ObjectStore {
  const objects = stored.across(network)
  return {
    put: (key, chunks) => {
      faults.about(`put ${key}`)
      return objects.put(key, chunks)
    },
    putLarge: async (key, chunks) => {
      // What it is made of is read meanwhile.
      const whole = await gather(chunks)
      faults.about(`put ${key} in parts`)
      await network.write(() => stored.put(key, [whole]))
      return whole.length
    },
    get: (key, position, bytes, into) => {
      faults.about(`read ${key}`)
      return objects.get(key, position, bytes, into)
    },
    async *list(...bounds) {
      faults.about(`list ${bounds.join(' below ')}`)
      yield* objects.list(...bounds)
    },
    remove: key => {
      faults.about(`remove ${key}`)
      return objects.remove(key)
    },
    removeAll: keys => {
      faults.about(`remove ${keys.join(', ')}`)
      return objects.removeAll(keys)
    },
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = []
  for await (const chunk of chunks) copies.push(Uint8Array.from(chunk))
  return Buffer.concat(copies)
}
