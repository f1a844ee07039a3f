import { ARMED_ITEMS_AT_ONCE, LISTENERS_PER_PARTITION_MAX, POLL_TOLD_MS } from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import { listenersKey } from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import type { ArmedAt } from '../../../core/waking/armed-at.ts'
import { type Arming, afterWake, freshArming, isBelow } from '../../../core/waking/arming.ts'
import type { ListenerStore } from '../../../ports/listener-store.ts'
import { NotApplied, OutcomeUnknown } from '../../../ports/outcome.ts'
import {
  decodeListenerItem,
  decodeWakingKeyItem,
  encodeArming,
  encodeListenerItem,
  encodeWakingKeyItem,
  type ListenerItem,
  listenerItemKey,
  stillSame,
  wakingKeyItemKey,
} from '../items/listener.ts'
import type { Item } from './attributes.ts'
import { NO_ITEM, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'
import { equalities } from './expression.ts'

type Armed = ListenerItem & { readonly socket: string }

interface Taken {
  readonly isTaken: boolean
  /** From where on it is told, where it stays. */
  readonly from: Offset | undefined
}

interface Taking {
  readonly endOffset: Offset | undefined
  readonly nowMs: number
  readonly isCrowded: boolean
}

/** Listeners in a DynamoDB table, which drops those whose time is over by itself. */
export function dynamoListenerStore(table: DynamoTable): ListenerStore {
  /** An arming, and beside it whether there may be one: whoever looks waits for one round and not for two. */
  async function armOne(partition: ArmedAt, socket: string, nowMs: number, expiresMs: number) {
    const [crowded] = await Promise.all([
      table.read(listenerItemKey(partition, undefined), decodeListenerItem),
      table.put(encodeListenerItem(partition, { socket, expiresMs, ...freshArming(partition.from, nowMs) })),
    ])
    if (!crowded || crowded.expiresMs <= nowMs) return []
    await table.remove(listenerItemKey(partition, socket))
    return [partition]
  }

  /** Whether nobody else has got it, as far as is known, and whether it stays. */
  async function takeOne(partition: PartitionId, found: Armed, taking: Taking): Promise<Taken> {
    const key = listenerItemKey(partition, found.socket)
    const { endOffset, nowMs, isCrowded } = taking
    let item: ListenerItem = found
    for (;;) {
      const left = isCrowded ? undefined : afterWake(item, endOffset, nowMs)
      try {
        if (await takeStanding(key, item, left)) return { isTaken: true, from: left && item.from }
        // Somebody else has moved it up, perhaps not far enough; who has armed anew is woken for nothing at worst.
        const standing = endOffset === undefined ? undefined : await table.read(key, decodeListenerItem)
        if (!standing || !isBelow(standing, endOffset)) return { isTaken: false, from: undefined }
        item = standing
      } catch (error) {
        // Whoever is told that he is armed no more arms anew.
        if (error instanceof NotApplied || error instanceof OutcomeUnknown)
          return { isTaken: true, from: undefined }
        throw error
      }
    }
  }

  async function takeStanding(key: Item, found: ListenerItem, left: Arming | undefined): Promise<boolean> {
    const when = stillSame(found)
    if (!left) return await table.remove(key, when)
    return (await table.update(key, { set: equalities(encodeArming(left)), when: [when] })).held
  }

  const readKey = () => table.read(wakingKeyItemKey(), decodeWakingKeyItem)

  return {
    readKey,

    async arm(socket, partitions, { nowMs, expiresMs }) {
      const refused = await inTurns(partitions, each => armOne(each, socket, nowMs, expiresMs))
      return refused.flat()
    },

    async take(partition, nowMs, readEnd) {
      const armed: Armed[] = []
      for await (const { socket, ...item } of table.list(
        under(listenersKey(partition)),
        decodeListenerItem,
      )) {
        if (socket !== undefined && item.expiresMs > nowMs) armed.push({ ...item, socket })
      }
      // After the list, which costs less where nobody is armed: whoever armed before a change is in both that come after it.
      const endOffset = armed.length > 0 ? await readEnd?.() : undefined
      const due = armed.filter(item => isBelow(item, endOffset))
      const isCrowded = due.length > LISTENERS_PER_PARTITION_MAX
      // Before they are told: none of them comes back meanwhile.
      if (isCrowded) {
        const expiresMs = nowMs + POLL_TOLD_MS
        await table.put(encodeListenerItem(partition, { socket: undefined, expiresMs }))
      }
      const taking = { endOffset, nowMs, isCrowded }
      const taken = await inTurns(due, async each => ({
        socket: each.socket,
        ...(await takeOne(partition, each, taking)),
      }))
      return { ...takenOf(taken), isCrowded, endOffset }
    },

    async disarm(socket, partitions) {
      await inTurns(partitions, partition => table.remove(listenerItemKey(partition, socket)))
    },

    async key(make) {
      const found = await readKey()
      if (found) return found
      const { item } = await table.put(encodeWakingKeyItem(make()), NO_ITEM)
      // Where somebody was faster, this is what he has put.
      return decodeWakingKeyItem(item!)
    },
  }
}

function takenOf(all: readonly (Taken & { readonly socket: string })[]) {
  const taken = all.filter(({ isTaken }) => isTaken)
  const staying = new Map<string, Offset>()
  for (const { socket, from } of taken) if (from !== undefined) staying.set(socket, from)
  return { sockets: taken.map(({ socket }) => socket), ...(staying.size > 0 && { staying }) }
}

/** Not more at once than there are connections for. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let start = 0; start < items.length; start += ARMED_ITEMS_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + ARMED_ITEMS_AT_ONCE).map(work))))
  }
  return results
}
