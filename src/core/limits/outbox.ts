import { TABLE_BATCH_ITEMS_MAX, TABLE_ITEM_BYTES_MAX } from './aws.ts'
import { BATCH_BYTES_MAX, COMMIT_RECORDS_MAX, PRODUCE_BYTES_MAX, PRODUCER_REMEMBERED_MS } from './log.ts'
import { assert, KiB } from './units.ts'

/** What an outbox's item holds beside its batch: its key, the topic's name, a time, the names of attributes. */
export const OUTBOX_FRAME_BYTES_MAX = KiB
/** The batch of one item. */
export const OUTBOX_BATCH_BYTES_MAX = TABLE_ITEM_BYTES_MAX - OUTBOX_FRAME_BYTES_MAX
/** DynamoDB's limits for one transaction: what the outbox puts into it, and all else. */
export const OUTBOX_TRANSACTION_ITEMS_MAX = 100
export const OUTBOX_TRANSACTION_BYTES_MAX = 4 * KiB * KiB
/** What a relay moves in one step: items, their bytes, and their records. */
export const OUTBOX_MOVE_ITEMS_MAX = 100
export const OUTBOX_MOVE_BYTES_MAX = PRODUCE_BYTES_MAX
export const OUTBOX_MOVE_RECORDS_MAX = COMMIT_RECORDS_MAX
/** How long a relay leaves alone what another one has decided; then it finishes that itself. It spares work in vain. */
export const OUTBOX_PATIENCE_MS = 1_000
/** How often it looks meanwhile. */
export const OUTBOX_PATIENCE_POLL_MS = 100
/** How long one call of a store may take a relay, all tries together. */
export const OUTBOX_CALL_DEADLINE_MS = 20_000
/** A relay that has slept for longer since it read its lane begins anew. */
export const OUTBOX_LANE_TRUSTED_MS = 3_600_000
/** Until when the log's own receipt tells whether something decided was done. */
export const OUTBOX_RECEIPT_MS = PRODUCER_REMEMBERED_MS
/** Partitions that one relay works on at a time. */
export const OUTBOX_PARTITIONS_AT_ONCE = 16
/** How often an embedded relay looks for what nobody has woken it for. */
export const OUTBOX_LOOK_INTERVAL_MS = 5_000

assert(OUTBOX_BATCH_BYTES_MAX <= BATCH_BYTES_MAX, 'what fits into an item fits into a log')
assert(OUTBOX_BATCH_BYTES_MAX <= OUTBOX_MOVE_BYTES_MAX, 'any item can be moved')
assert(OUTBOX_MOVE_ITEMS_MAX % TABLE_BATCH_ITEMS_MAX === 0, 'what was moved is removed in whole batches')
assert(OUTBOX_PATIENCE_MS < OUTBOX_CALL_DEADLINE_MS, 'who waits for another relay has time left to take over')
assert(
  OUTBOX_CALL_DEADLINE_MS + OUTBOX_LANE_TRUSTED_MS < OUTBOX_RECEIPT_MS,
  'what a relay appends, late as it may be, the log still recognizes',
)
