import { LISTENERS_PER_PARTITION_MAX, POLL_TOLD_MS } from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import { CROWDED_KEY, listenersKey, WAKING_KEY_ITEM } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { type Arming, afterWake, freshArming, isBelow, isSame } from '../../core/waking/arming.ts'
import type { ListenerStore } from '../../ports/listener-store.ts'
import { NotApplied, OutcomeUnknown } from '../../ports/outcome.ts'
import { endOf, type Items, joinKey, splitKey } from './items.ts'
import { decodeJson, encodeJson } from './typed-items.ts'

interface ListenerItem extends Arming {
  /** When it may go. */
  readonly expiresMs: number
}

interface Taking {
  readonly endOffset: Offset | undefined
  readonly nowMs: number
  readonly isCrowded: boolean
}

/** Listeners over sorted items, each with the time at which it may go. */
export function listenersOver(items: Items): ListenerStore {
  const itemKey = (partition: PartitionId, sortKey: string) => joinKey(listenersKey(partition), sortKey)
  const ticketKey = joinKey(WAKING_KEY_ITEM.partitionKey, WAKING_KEY_ITEM.sortKey)
  const put = (key: string, item: ListenerItem) =>
    items.update(key, () => ({ put: encodeJson(item), answer: undefined }))
  const read = (value: Uint8Array) => decodeJson<ListenerItem>(value)

  /** Undefined: somebody else has got it, or it was armed anew since from the end. */
  async function takeOne(
    key: string,
    found: ListenerItem,
    { endOffset, nowMs, isCrowded }: Taking,
  ): Promise<{ readonly stays: Offset | undefined } | undefined> {
    let expected = found
    for (;;) {
      const item = expected
      const left = isCrowded ? undefined : afterWake(item, endOffset, nowMs)
      try {
        const standing = await items.update<ListenerItem | 'taken' | undefined>(key, bytes => {
          const stands = bytes && read(bytes)
          if (!stands || !isSame(stands, item)) return { answer: stands }
          if (!left) return { isRemoved: true, answer: 'taken' }
          return { put: encodeJson({ ...item, ...left }), answer: 'taken' }
        })
        if (standing === 'taken') return { stays: left && item.from }
        // Somebody else has moved it up, perhaps not far enough; who has armed anew is woken for nothing at worst.
        if (!standing || endOffset === undefined || !isBelow(standing, endOffset)) return undefined
        expected = standing
      } catch (error) {
        // Whoever is told that he is armed no more arms anew.
        if (error instanceof NotApplied || error instanceof OutcomeUnknown) return { stays: undefined }
        throw error
      }
    }
  }

  return {
    async arm(socket, partitions, { nowMs, expiresMs }) {
      const refused: PartitionId[] = []
      for (const partition of partitions) {
        const crowded = await items.get(itemKey(partition, CROWDED_KEY))
        if (crowded && read(crowded).expiresMs > nowMs) refused.push(partition)
        else await put(itemKey(partition, socket), { expiresMs, ...freshArming(partition.from, nowMs) })
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
      const staying = new Map<string, Offset>()
      for (const { key, value } of due) {
        const { sortKey } = splitKey(key)
        const taken = await takeOne(key, read(value), { endOffset, nowMs, isCrowded })
        if (taken) sockets.push(sortKey)
        if (taken?.stays !== undefined) staying.set(sortKey, taken.stays)
      }
      return { sockets, ...(staying.size > 0 && { staying }), isCrowded, endOffset }
    },

    async disarm(socket, partitions) {
      for (const partition of partitions)
        await items.update(itemKey(partition, socket), () => ({ isRemoved: true, answer: undefined }))
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
