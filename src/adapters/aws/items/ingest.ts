import type { Ingest } from '../../../core/ingest/ingest.ts'
import { INGEST_ATTRIBUTES, INGEST_ITEM } from '../../../core/storage-layout.ts'
import { fields, type Item, itemKey, list, orNull, string, text, whole } from '../table/attributes.ts'
import { NO_ITEM } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const FIELDS = fields<Ingest>(INGEST_ATTRIBUTES, {
  epoch: whole,
  written: whole,
  advancedMs: whole,
  floor: whole,
  cursor: orNull(text),
  stuck: list(text),
  roundMs: whole,
  drained: whole,
  drainedMs: whole,
  swept: whole,
  heldBelow: whole,
  version: text,
})

export function ingestItemKey(): Item {
  return itemKey(INGEST_ITEM.partitionKey, INGEST_ITEM.sortKey)
}

export function encodeIngestItem(ingest: Ingest): Item {
  return { ...ingestItemKey(), ...FIELDS.encode(ingest) }
}

/** @throws RangeError when the item says nothing of epochs */
export function decodeIngestItem(item: Item): Ingest {
  return FIELDS.decode(item)
}

/** That it has this version still; undefined: that there is none. */
export function isIngestAt(expected: string | undefined): Expression {
  return expected === undefined ? NO_ITEM : words`${INGEST_ATTRIBUTES.version} = ${string(expected)}`
}
