import { decodeLane, encodeLane, type Lane } from '../../core/outbox/lane.ts'
import {
  decodeOutboxItem,
  decodeParkedItem,
  encodeOutboxItem,
  encodeParkedItem,
  type OutboxItem,
} from '../../core/outbox/outbox-item.ts'
import {
  OUTBOX_LANES_KEY,
  outboxFailedKey,
  outboxKey,
  outboxLaneKey,
  parseOutboxLaneKey,
} from '../../core/storage-outbox.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { meaningOf } from '../../ports/damaged-item.ts'
import type { OutboxStore } from '../../ports/outbox-store.ts'
import { endOf, type Items, joinKey, splitKey } from './items.ts'
import { TypedItems } from './typed-items.ts'

/** How many items a look reads at a time, until they are enough. */
const PAGE_ITEMS = 20
const ID_BYTES = 16

/** Outboxes over sorted items. */
export function outboxesOver(items: Items): OutboxStore {
  const keyIn = (key: string) => splitKey(key).sortKey
  const waitingItems = new TypedItems<OutboxItem>(items, encodeOutboxItem, (bytes, key) =>
    decodeOutboxItem(keyIn(key), bytes),
  )
  const parkedItems = new TypedItems(items, encodeParkedItem, (bytes, key) =>
    decodeParkedItem(keyIn(key), bytes),
  )
  const lanes = new TypedItems<Lane>(items, encodeVersioned, decodeVersioned)
  const keyOf = (partition: PartitionId, key: string) => joinKey(outboxKey(partition), key)
  const laneKeyOf = (partition: PartitionId) => joinKey(OUTBOX_LANES_KEY, outboxLaneKey(partition))

  return {
    put: (placed, beside) =>
      items.updateAll(
        placed.map(({ partition, item }) => keyOf(partition, item.key)),
        standing => {
          if (standing.some(each => each !== undefined)) return { changes: [], answer: false }
          beside?.()
          return { changes: placed.map(({ item }) => ({ put: encodeOutboxItem(item) })), answer: true }
        },
      ),
    waiting: async (partition, limit, bytesMax) => {
      const found: OutboxItem[] = []
      let bytes = 0
      let from = keyOf(partition, '')
      for (const end = endOf(from); found.length < limit; ) {
        const most = Math.min(PAGE_ITEMS, limit - found.length)
        const page = await waitingItems.range(from, end, most)
        for (const item of page) {
          bytes += item.batch.length
          if (found.length > 0 && bytes > bytesMax) return found
          found.push(item)
        }
        if (page.length < most) break
        // No key has anything that sorts below a blank.
        from = `${keyOf(partition, page.at(-1)!.key)} `
      }
      return found
    },
    find: async (partition, keys) => {
      const found = await Promise.all(keys.map(key => waitingItems.read(keyOf(partition, key))))
      return found.filter(item => item !== undefined)
    },
    remove: async (partition, keys) => {
      // In one step after all: there is no dearer one.
      const removed = keys.map(key => keyOf(partition, key))
      const gone = removed.map(() => ({ isRemoved: true }))
      await items.updateAll(removed, () => ({ changes: gone, answer: undefined }), 'in order')
    },
    park: async (partition, item, parking, nowMs) => {
      const parked = encodeParkedItem({ ...item, ...parking, parkedMs: nowMs })
      const keys = [keyOf(partition, item.key), joinKey(outboxFailedKey(partition), item.key)]
      await items.updateAll(keys, ([standing]) => ({
        changes: standing ? [{ isRemoved: true }, { put: parked }] : [],
        answer: undefined,
      }))
    },
    parked: partition => parkedItems.all(joinKey(outboxFailedKey(partition), '')),
    readLane: partition => lanes.read(laneKeyOf(partition)),
    putLane: async (partition, lane, expected) => {
      const put = (found: Lane | undefined) => (found?.version === expected ? lane : undefined)
      // The append that follows lasts at once, and this with it. Undone, both are.
      const { standing, changed } = await lanes.change(laneKeyOf(partition), put, 'in order')
      return changed ?? standing
    },
    removeLane: async (partition, expected) => {
      await lanes.remove(laneKeyOf(partition), ({ version }) => version === expected)
    },
    lanes: async function* () {
      const all = joinKey(OUTBOX_LANES_KEY, '')
      for (const { key } of await items.range(all, endOf(all))) {
        yield meaningOf(key, () => parseOutboxLaneKey(keyIn(key)))
      }
    },
  }
}

function encodeVersioned(lane: Lane): Uint8Array {
  return Buffer.concat([Buffer.from(lane.version, 'hex'), encodeLane(lane)])
}

function decodeVersioned(bytes: Uint8Array): Lane {
  const version = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(ID_BYTES, bytes.length)).toString(
    'hex',
  )
  return decodeLane(version, bytes.subarray(ID_BYTES))
}
