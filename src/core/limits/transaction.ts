import { TABLE_ITEM_BYTES_MAX } from './aws.ts'
import { GROUP_ID_CHARACTERS_MAX } from './groups.ts'
import { INLINE_BYTES_MAX } from './log.ts'
import { assert, KiB } from './units.ts'

/** Transactional ids: short enough to stand in an item's key. */
export const TRANSACTIONAL_ID_CHARACTERS_MAX = 249
/** The last of a producer's epochs: with the next one it gets another id. Kafka's field is 16 bits wide, and its last number is not used. */
export const PRODUCER_EPOCHS_MAX = 32_766
/** Kafka's default for a producer's `transaction.timeout.ms`, and for `transaction.max.timeout.ms`. */
export const TRANSACTION_TIMEOUT_DEFAULT_MS = 60_000
export const TRANSACTION_TIMEOUT_MS_MAX = 15 * 60_000
/** How long nobody has asked for a transactional id when it is forgotten: Kafka's default for `transactional.id.expiration.ms`. */
export const TRANSACTIONAL_ID_EXPIRATION_MS = 7 * 24 * 60 * 60_000
/** Partitions of one transaction. */
export const TRANSACTION_PARTITIONS_MAX = 4_096
/** Partitions that one producer has written to under one epoch, in all its transactions: of each its item keeps the last number. */
export const TRANSACTION_SEQUENCE_ITEMS_MAX = 16_384
/** Committed offsets of one transaction, over all groups. */
export const TRANSACTION_OFFSET_ITEMS_MAX = 4_096
/** What stands of staged runs in a transaction's item, which is written anew with each step: what is more moves into a chunk. */
export const TRANSACTION_RUNS_MAX = 64
export const TRANSACTION_INLINE_BYTES_MAX = 16 * KiB
/** Logs and claims that a commit changes in one step with its item, where a store can. */
export const TRANSACTION_EFFECT_ITEMS_MAX = 256
/** One chunk of staged runs. */
export const TRANSACTION_CHUNK_BYTES_MAX = 256 * KiB
/** Chunks of one transaction: it takes some 65,000 produce calls, or 16 MB in small ones. */
export const TRANSACTION_CHUNK_ITEMS_MAX = 1_024
/** How often a process looks whether a transaction is overdue, while it knows of open ones. */
export const TRANSACTION_WATCH_MS_MAX = 5_000
/** Transactional ids of which one process remembers how they stood: the ones that were used last. */
export const TRANSACTION_ITEMS_REMEMBERED_MAX = 10_000

assert(TRANSACTION_TIMEOUT_DEFAULT_MS <= TRANSACTION_TIMEOUT_MS_MAX, 'the default time-out is allowed')
assert(
  TRANSACTION_TIMEOUT_MS_MAX < TRANSACTIONAL_ID_EXPIRATION_MS,
  'who is forgotten has nothing open any more',
)
assert(TRANSACTION_INLINE_BYTES_MAX * 2 < TRANSACTION_CHUNK_BYTES_MAX, 'what moves fits into one chunk')
assert(TRANSACTION_CHUNK_BYTES_MAX < TABLE_ITEM_BYTES_MAX, "a chunk fits into a table's item")
assert(INLINE_BYTES_MAX <= TRANSACTION_INLINE_BYTES_MAX, 'any inline run fits into the item')
assert(TRANSACTIONAL_ID_CHARACTERS_MAX === GROUP_ID_CHARACTERS_MAX, 'keys of both have room')
