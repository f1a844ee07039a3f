import { LISTENERS_PER_PARTITION_MAX, POLL_TOLD_MS } from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import { CROWDED_KEY, listenersKey, WAKING_KEY_ITEM } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { ListenerStore } from '../../ports/listener-store.ts'
import { endOf, type Items, joinKey, splitKey } from './items.ts'
import { decodeJson, encodeJson } from './typed-items.ts'

interface ListenerItem {
  /** When it may go. */
  readonly expiresMs: number
  readonly from?: Offset | undefined
}

/** Listeners over sorted items, each with the time at which it may go. */
export function listenersOver(items: Items): ListenerStore {
  const itemKey = (partition: PartitionId, sortKey: string) => joinKey(listenersKey(partition), sortKey)
  const ticketKey = joinKey(WAKING_KEY_ITEM.partitionKey, WAKING_KEY_ITEM.sortKey)
  const put = (key: string, item: ListenerItem) =>
    items.update(key, () => ({ put: encodeJson(item), answer: undefined }))
  const read = (value: Uint8Array) => decodeJson<ListenerItem>(value)

  return {
    async arm(socket, partitions, { nowMs, expiresMs }) {
      const refused: PartitionId[] = []
      for (const partition of partitions) {
        const crowded = await items.get(itemKey(partition, CROWDED_KEY))
        if (crowded && read(crowded).expiresMs > nowMs) refused.push(partition)
        else await put(itemKey(partition, socket), { expiresMs, from: partition.from })
      }
      return refused
    },

    async take(partition, nowMs, readEnd) {
      const all = joinKey(listenersKey(partition), '')
      const armed = (await items.range(all, endOf(all))).filter(
        ({ key, value }) => splitKey(key).sortKey !== CROWDED_KEY && read(value).expiresMs > nowMs,
      )
      const endOffset = armed.length > 0 ? await readEnd?.() : undefined
      const due = armed.filter(({ value }) => isBelow(read(value), endOffset))
      const isCrowded = due.length > LISTENERS_PER_PARTITION_MAX
      if (isCrowded) await put(itemKey(partition, CROWDED_KEY), { expiresMs: nowMs + POLL_TOLD_MS })
      const sockets: string[] = []
      for (const { key } of due) {
        // It may have been armed anew since.
        const isTaken = await items.update(key, standing =>
          standing !== undefined && isBelow(read(standing), endOffset)
            ? { isRemoved: true, answer: true }
            : { answer: false },
        )
        if (isTaken) sockets.push(splitKey(key).sortKey)
      }
      return { sockets, isCrowded, endOffset }
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

/** Whether a change that left the log's end there is one to wake for. */
function isBelow({ from }: ListenerItem, endOffset: Offset | undefined): boolean {
  return from === undefined || endOffset === undefined || from < endOffset
}
