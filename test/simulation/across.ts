import type { Items } from '../../src/adapters/items/items.ts'
import type { Network } from '../../src/adapters/memory/network.ts'
import { PRODUCER_PREFIX } from '../../src/core/storage-layout.ts'
import type { ObjectInfo, ObjectStore } from '../../src/ports/object-store.ts'
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
    removeRange: (start, end) => {
      faults.about(`remove from ${start}`)
      return items.removeRange(start, end)
    },
  }
}

/** Objects as they look across an unreliable network. Whatever a call does to the store is one step, as what it uploads is. */
export function objectsAcross(objects: ObjectStore, network: Network, faults: ProcessFaults): ObjectStore {
  return {
    put: (key, chunks) => {
      faults.about(`put ${key}`)
      return network.write(() => objects.put(key, chunks))
    },
    putLarge: (key, chunks) => {
      faults.about(`put ${key}`)
      return objects.putLarge(key, chunks)
    },
    list: (prefix, below) => {
      faults.about(`list ${prefix ?? 'all'}`)
      return objects.list(prefix, below)
    },
    removeAll: keys => {
      faults.about(`remove ${keys[0] ?? 'nothing'}`)
      return objects.removeAll(keys)
    },
    get: (key, position, bytes) => {
      faults.about(`read ${key}`)
      return network.read(() => objects.get(key, position, bytes))
    },
    async *list(...bounds) {
      faults.about(`list ${bounds.join(' below ')}`)
      yield* await network.read(() => toArray(objects.list(...bounds)))
    },
    remove: key => {
      faults.about(`remove ${key}`)
      return network.write(() => objects.remove(key))
    },
  }
}

async function toArray(listed: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = []
  for await (const info of listed) all.push(info)
  return all
}
