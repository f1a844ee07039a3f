import { TABLE_ITEM_BYTES_MAX } from '../../../core/limits.ts'
import { decodeLane, encodeLane, type Lane } from '../../../core/outbox/lane.ts'
import {
  type OutboxItem,
  type ParkedItem,
  type Parking,
  toErrorName,
} from '../../../core/outbox/outbox-item.ts'
import {
  OUTBOX_ATTRIBUTES,
  OUTBOX_FAILED_ATTRIBUTES,
  OUTBOX_LANE_ATTRIBUTES,
  OUTBOX_LANES_KEY,
  outboxFailedKey,
  outboxKey,
  outboxLaneKey,
} from '../../../core/storage-outbox.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { TOPIC_NAME } from '../../../core/topic/topic-name.ts'
import { bytes, fields, type Item, itemKey, sortKeyOf, string, text, whole } from '../table/attributes.ts'
import { NO_ITEM } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'
import { itemBytes } from '../table/item-bytes.ts'

const { version: VERSION, encoded: ENCODED } = OUTBOX_LANE_ATTRIBUTES

const FIELDS = fields<Omit<OutboxItem, 'key'>>(OUTBOX_ATTRIBUTES, {
  topic: text,
  batch: bytes,
  createdMs: whole,
})
const PARKED = fields<Parking & { readonly parkedMs: number }>(OUTBOX_FAILED_ATTRIBUTES, {
  error: { write: string, read: (value, name) => toErrorName(text.read(value, name)) },
  reason: text,
  parkedMs: whole,
})

export function outboxItemKey(partition: PartitionId, key: string): Item {
  return itemKey(outboxKey(partition), key)
}

export function encodeOutboxItem(partition: PartitionId, item: OutboxItem): Item {
  return { ...outboxItemKey(partition, item.key), ...FIELDS.encode(item) }
}

/**
 * What an application has put there, whatever it is: one that is no such item must not hold up those behind it, and is put aside for
 * the batch that it does not have. A name that no topic can have is none: there may be no key for it, and no room for it twice.
 */
export function decodeOutboxItem(item: Item): OutboxItem {
  const { topic, batch, createdMs } = OUTBOX_ATTRIBUTES
  const madeMs = Number(item[createdMs]?.N)
  const name = item[topic]?.S ?? ''
  return {
    key: sortKeyOf(item),
    topic: TOPIC_NAME.test(name) ? name : '',
    batch: item[batch]?.B ?? new Uint8Array(),
    createdMs: Number.isSafeInteger(madeMs) && madeMs >= 0 ? madeMs : 0,
  }
}

/**
 * An item of the size that the SDK makes has room for the reason. Of one that an application has made larger, what is too much is cut
 * off: else it could not be put aside at all, and would hold up all behind it.
 */
export function encodeParkedItem(partition: PartitionId, item: ParkedItem): Item {
  const encode = (batch: Uint8Array): Item => ({
    ...itemKey(outboxFailedKey(partition), item.key),
    ...FIELDS.encode({ ...item, batch }),
    ...PARKED.encode(item),
  })
  const room = TABLE_ITEM_BYTES_MAX - itemBytes(encode(new Uint8Array()))
  return encode(item.batch.subarray(0, room))
}

/** @throws RangeError where it is no such item */
export function decodeParkedItem(item: Item): ParkedItem {
  return { ...decodeOutboxItem(item), ...PARKED.decode(item) }
}

export function laneItemKey(partition: PartitionId): Item {
  return itemKey(OUTBOX_LANES_KEY, outboxLaneKey(partition))
}

export function encodeLaneItem(partition: PartitionId, lane: Lane): Item {
  return {
    ...laneItemKey(partition),
    [VERSION]: string(lane.version),
    [ENCODED]: bytes.write(encodeLane(lane)),
  }
}

/** @throws RangeError where it is no lane */
export function decodeLaneItem(item: Item): Lane {
  return decodeLane(text.read(item[VERSION], VERSION), bytes.read(item[ENCODED], ENCODED))
}

/** That a lane has this version still; undefined: that there is none. */
export function isLaneAt(expected: string | undefined): Expression {
  return expected === undefined ? NO_ITEM : words`${VERSION} = ${string(expected)}`
}
