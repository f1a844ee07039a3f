import {
  CROWDED_KEY,
  LISTENER_ATTRIBUTES,
  listenersKey,
  WAKING_KEY_ATTRIBUTES,
  WAKING_KEY_ITEM,
} from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { bytes, type Item, itemKey, number, sortKeyOf, whole } from '../table/attributes.ts'

const { expirySeconds: EXPIRY } = LISTENER_ATTRIBUTES
const { secret: SECRET } = WAKING_KEY_ATTRIBUTES

/** Who is armed at a partition, or that too many are. */
export interface ListenerItem {
  /** The socket's id; undefined: this says that they are too many. */
  readonly socket: string | undefined
  /** When it counts no more, whether the table has removed it or not. */
  readonly expiresMs: number
}

export function listenerItemKey(partition: PartitionId, socket: string | undefined): Item {
  return itemKey(listenersKey(partition), socket ?? CROWDED_KEY)
}

export function encodeListenerItem(partition: PartitionId, { socket, expiresMs }: ListenerItem): Item {
  return { ...listenerItemKey(partition, socket), [EXPIRY]: number(Math.ceil(expiresMs / 1_000)) }
}

/** @throws RangeError where it is no such item */
export function decodeListenerItem(item: Item): ListenerItem {
  const sortKey = sortKeyOf(item)
  return {
    socket: sortKey === CROWDED_KEY ? undefined : sortKey,
    expiresMs: whole.read(item[EXPIRY], EXPIRY) * 1_000,
  }
}

export function wakingKeyItemKey(): Item {
  return itemKey(WAKING_KEY_ITEM.partitionKey, WAKING_KEY_ITEM.sortKey)
}

export function encodeWakingKeyItem(secret: Uint8Array): Item {
  return { ...wakingKeyItemKey(), [SECRET]: bytes.write(secret) }
}

/** @throws RangeError where it is no such item */
export function decodeWakingKeyItem(item: Item): Uint8Array {
  return bytes.read(item[SECRET], SECRET)
}
