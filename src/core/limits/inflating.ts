import { HTTP_ANSWERS_BYTES_MAX, HTTP_SMALL_ANSWERS_BYTES } from './http.ts'
import { BATCH_BYTES_MAX, DECOMPRESSED_BYTES_MAX, FETCH_BYTES_MAX, FETCH_DEFAULT_BYTES } from './log.ts'
import { assert, KiB, MiB } from './units.ts'

// Batches that hold many times their size.

/** What a batch may hold to be decompressed at once; of a larger one, a piece at a time is in memory. */
export const INFLATED_AT_ONCE_BYTES_MAX = 4 * MiB
/** Frames or blocks, by its format, that a batch is decompressed from in a row before others have their turn. */
export const INFLATED_AT_ONCE_FRAMES_MAX = 1_000
/** What gzip and zstd give at a time. */
export const INFLATED_PIECE_BYTES = 256 * KiB
/** Records that are decoded in a row before others have their turn, and what they are decompressed from. */
export const PORTION_RECORDS = 1_000
export const PORTION_BYTES = MiB
/** Records that are passed over in a row, of which only the lengths are read. */
export const PORTION_PASSED_RECORDS = 50_000

// Records that a consumer hands over.

/** Records of one partition that are decoded at a time, and what they have together, but for a larger single one. */
export const DELIVERY_RECORDS_MAX = 10_000
export const DELIVERY_BYTES_MAX = 4 * MiB

// Records in JSON.

/** The stored bytes that one answer in JSON is made of, but for a larger single batch. */
export const JSON_STORED_BYTES_MAX = 4 * MiB
/** A record's key, value and headers, if it is to be read as JSON. */
export const JSON_RECORD_BYTES_MAX = 16 * MiB
/** Its headers: an object each, and then some text. */
export const JSON_RECORD_HEADERS_MAX = 100_000
/** An answer in JSON with a single record, however much of it has to be escaped. */
export const JSON_ANSWER_BYTES_MAX = 32 * MiB
/** What JSON makes of a byte of control. */
export const JSON_GROWTH_MAX = 6
/** Reads of large batches, or of large records, that wait while another one is made: their fetched batches wait with them. */
export const JSON_LARGE_READS_MAX = 16
/** Of a record that is larger, one such piece after the other becomes text. A multiple of three, for base64. */
export const JSON_PIECE_BYTES = 24 * KiB

assert(
  BATCH_BYTES_MAX <= INFLATED_AT_ONCE_BYTES_MAX,
  'a batch is in memory at once whether it is compressed or not',
)
assert(
  INFLATED_AT_ONCE_BYTES_MAX <= DELIVERY_BYTES_MAX,
  'a batch that is decompressed at once may be handed over at once',
)
assert(INFLATED_AT_ONCE_BYTES_MAX < DECOMPRESSED_BYTES_MAX, 'a batch may hold more than is taken at once')
assert(BATCH_BYTES_MAX <= JSON_RECORD_BYTES_MAX, 'a record of an uncompressed batch can be read as JSON')
assert(
  BATCH_BYTES_MAX * JSON_GROWTH_MAX < JSON_ANSWER_BYTES_MAX,
  'the same, if every byte of it has to be escaped',
)
assert(FETCH_BYTES_MAX <= JSON_ANSWER_BYTES_MAX, 'an answer may be as large as can be asked for')
assert(FETCH_DEFAULT_BYTES <= JSON_STORED_BYTES_MAX, 'an answer of the default size is made of one fetch')
assert(
  JSON_STORED_BYTES_MAX + JSON_RECORD_BYTES_MAX + JSON_ANSWER_BYTES_MAX <=
    HTTP_ANSWERS_BYTES_MAX - HTTP_SMALL_ANSWERS_BYTES,
  'the largest answer has room where there is no other one',
)
assert(
  JSON_LARGE_READS_MAX * BATCH_BYTES_MAX <= HTTP_ANSWERS_BYTES_MAX,
  'what waits takes no more than the rest',
)
assert(JSON_PIECE_BYTES % 3 === 0, 'pieces of base64 make one text together')
