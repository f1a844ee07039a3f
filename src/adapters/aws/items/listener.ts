import {
  CROWDED_KEY,
  LISTENER_ATTRIBUTES,
  listenersKey,
  WAKING_KEY_ATTRIBUTES,
  WAKING_KEY_ITEM,
} from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import type { Arming } from '../../../core/waking/arming.ts'
import { bytes, type Item, itemKey, number, offset, sortKeyOf, whole } from '../table/attributes.ts'
import { EXISTS } from '../table/conditions.ts'
import { type Expression, joined, words } from '../table/expression.ts'

const { expirySeconds: EXPIRY, armedFrom: FROM, sinceMs: SINCE, wakesLeft: LEFT } = LISTENER_ATTRIBUTES
const { secret: SECRET } = WAKING_KEY_ATTRIBUTES

/** Who is armed at a partition, or that too many are. */
export interface ListenerItem extends Arming {
  /** The socket's id; undefined: this says that they are too many. */
  readonly socket: string | undefined
  /** When it counts no more, whether the table has removed it or not. */
  readonly expiresMs: number
}

export function listenerItemKey(partition: PartitionId, socket: string | undefined): Item {
  return itemKey(listenersKey(partition), socket ?? CROWDED_KEY)
}

export function encodeListenerItem(
  partition: PartitionId,
  { socket, expiresMs, ...arming }: ListenerItem,
): Item {
  return {
    ...listenerItemKey(partition, socket),
    [EXPIRY]: number(Math.ceil(expiresMs / 1_000)),
    ...encodeArming(arming),
  }
}

/** What is said of an arming beside its key and its end. */
export function encodeArming({ from, sinceMs, wakesLeft }: Arming): Item {
  return {
    ...(from !== undefined && { [FROM]: number(from) }),
    ...(sinceMs !== undefined && { [SINCE]: number(sinceMs) }),
    ...(wakesLeft !== undefined && { [LEFT]: number(wakesLeft) }),
  }
}

/** @throws RangeError where it is no such item */
export function decodeListenerItem(item: Item): ListenerItem {
  const sortKey = sortKeyOf(item)
  return {
    socket: sortKey === CROWDED_KEY ? undefined : sortKey,
    expiresMs: whole.read(item[EXPIRY], EXPIRY) * 1_000,
    ...(item[FROM] && { from: offset.read(item[FROM], FROM) }),
    ...(item[SINCE] && { sinceMs: whole.read(item[SINCE], SINCE) }),
    ...(item[LEFT] && { wakesLeft: whole.read(item[LEFT], LEFT) }),
  }
}

/** As isSame, of an item that stands, and that there is one. */
export function stillSame(found: Arming): Expression {
  const { from, sinceMs } = found
  return joined(
    [
      EXISTS,
      from === undefined ? words`attribute_not_exists(${FROM})` : words`${FROM} = ${number(from)}`,
      ...(sinceMs === undefined ? [] : [words`${SINCE} = ${number(sinceMs)}`]),
    ],
    ' AND ',
  )
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
