import { LISTENERS_PER_PARTITION_MAX, POLL_TOLD_MS } from '../../core/limits.ts'
import { CROWDED_KEY, listenersKey, WAKING_KEY_ITEM } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { ListenerStore } from '../../ports/listener-store.ts'
import { endOf, type Items, joinKey, splitKey } from './items.ts'
import { decodeJson, encodeJson } from './typed-items.ts'

/** Listeners over sorted items, each with the time at which it may go. */
export function listenersOver(items: Items): ListenerStore {
  const itemKey = (partition: PartitionId, sortKey: string) => joinKey(listenersKey(partition), sortKey)
  const ticketKey = joinKey(WAKING_KEY_ITEM.partitionKey, WAKING_KEY_ITEM.sortKey)
  const put = (key: string, expiresMs: number) =>
    items.update(key, () => ({ put: encodeJson(expiresMs), answer: undefined }))

  return {
    async arm(socket, partitions, { nowMs, expiresMs }) {
      const refused: PartitionId[] = []
      for (const partition of partitions) {
        const crowded = await items.get(itemKey(partition, CROWDED_KEY))
        if (crowded && decodeJson<number>(crowded) > nowMs) refused.push(partition)
        else await put(itemKey(partition, socket), expiresMs)
      }
      return refused
    },

    async take(partition, nowMs) {
      const all = joinKey(listenersKey(partition), '')
      const armed = (await items.range(all, endOf(all))).filter(
        ({ key, value }) => splitKey(key).sortKey !== CROWDED_KEY && decodeJson<number>(value) > nowMs,
      )
      const isCrowded = armed.length > LISTENERS_PER_PARTITION_MAX
      if (isCrowded) await put(itemKey(partition, CROWDED_KEY), nowMs + POLL_TOLD_MS)
      const sockets: string[] = []
      for (const { key } of armed) {
        const isTaken = await items.update(key, standing => ({
          isRemoved: true,
          answer: standing !== undefined,
        }))
        if (isTaken) sockets.push(splitKey(key).sortKey)
      }
      return { sockets, isCrowded }
    },

    key: make =>
      items.update(ticketKey, standing => {
        if (standing) return { answer: standing }
        const made = make()
        return { put: made, answer: made }
      }),

    readKey: () => items.get(ticketKey),
  }
}
