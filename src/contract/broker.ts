import type { TidemarkError } from '../core/errors.ts'
import type { LentMemory } from '../core/lent-memory.ts'
import type { Offset, Position } from '../core/numbers.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'
import type { ArmedAt } from '../core/waking/armed-at.ts'
import type { Armed } from './waking/offer.ts'
import type { OpenSocket } from './waking/socket.ts'

/**
 * What a Tidemark broker does, on either side of the wire: the embedded broker and the HTTP client both
 * implement it; the command line, the HTTP server and the Kafka gateway only use it.
 *
 * Every method rejects with a TidemarkError: Kafka's error name, whether to retry, and what became of the
 * data. Record batches are Kafka's RecordBatch, magic 2, everywhere.
 */
export interface Broker {
  /**
   * Creates a topic.
   * @throws TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG
   */
  createTopic(request: CreateTopic, call?: CallOptions): Promise<TopicDescription>

  /** Every topic, in the order of their names. */
  listTopics(call?: CallOptions): Promise<TopicSummary[]>

  /** @throws UNKNOWN_TOPIC_OR_PARTITION */
  describeTopic(topic: string, call?: CallOptions): Promise<TopicDescription>

  /**
   * Adds partitions (the number only grows) or changes configs; a change applies whole or not at all.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, INVALID_CONFIG
   */
  alterTopic(request: AlterTopic, call?: CallOptions): Promise<TopicDescription>

  /** Deletes a topic and its records. One created later under the same name is a new topic. */
  deleteTopic(topic: string, call?: CallOptions): Promise<void>

  /**
   * Appends record batches to one partition, in order and next to one another. When it resolves, bytes and
   * index entry are durable. The bytes belong to the broker until then, which may patch their header.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, CORRUPT_MESSAGE, INVALID_RECORD, MESSAGE_TOO_LARGE,
   *   THROTTLING_QUOTA_EXCEEDED (too much in flight: try again later), REQUEST_TIMED_OUT (written: unknown)
   */
  produce(request: Produce, call?: CallOptions): Promise<Produced>

  /**
   * Whole record batches from `offset` on; the first one may begin before it, as in Kafka.
   * Waits up to `maxWaitMs` for `minBytes`; at the end of the log an answer can be empty.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID (the name is another topic's by now), OFFSET_OUT_OF_RANGE,
   *   KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE (stored bytes are damaged)
   */
  fetch(request: Fetch, call?: CallOptions): Promise<Fetched>

  /** As `fetch`, but tells where the bytes lie instead of reading them. */
  locate(request: Fetch, call?: CallOptions): Promise<Located>

  /**
   * As `fetch`, of many partitions with one wait over all of them, and an answer for each in the order of the request: what
   * goes wrong with one is its own answer. The order is also that of preference: the first one that has records gets a batch,
   * however large, those behind it what is left of `maxBytes`. So who asks again puts those last that have got something. Where
   * nothing is left, start and end are those of an earlier look.
   *
   * The wait ends when `minBytes` are there in all, or one of them fails; but one whose topic or partition does not exist does
   * not end it for the others.
   */
  fetchMany(request: FetchMany, call?: CallOptions): Promise<FetchedMany>

  /** As `fetchMany`, but tells where the bytes lie instead of reading them. */
  locateMany(request: FetchMany, call?: CallOptions): Promise<LocatedMany>

  /**
   * The offset for a place in the log, as Kafka's ListOffsets: the first record's, the one that the next
   * record will get, or that of the first record with this timestamp or a later one.
   * @throws UNKNOWN_TOPIC_OR_PARTITION
   */
  offsetFor(request: OffsetFor, call?: CallOptions): Promise<FoundOffset>

  /**
   * Moves the log's start: records before `beforeOffset` are no longer served.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE; POLICY_VIOLATION where `cleanup.policy` is `compact` alone
   */
  deleteRecords(request: DeleteRecords, call?: CallOptions): Promise<{ startOffset: Offset }>
}

/** How a call is waited for. */
export interface CallOptions {
  /** Ends the waiting, whatever becomes of the call. A broker in the same process may leave it unheeded. */
  readonly signal?: AbortSignal
}

export interface CreateTopic {
  topic: string
  /** 1 when it is left out, as in Kafka. */
  partitions?: number
  /** Kafka's topic configs by name, such as `retention.ms`; unknown ones are refused. */
  configs?: Record<string, string>
}

export interface AlterTopic {
  topic: string
  /** The new number of partitions. */
  partitions?: number
  /** Configs to set. */
  set?: Record<string, string>
  /** Configs that go back to their default. */
  unset?: string[]
}

export interface TopicSummary {
  topic: string
  /** A UUID; a topic created again under the same name has another. */
  topicId: string
  partitions: number
}

export interface TopicDescription extends TopicSummary {
  createdMs: number
  /** Every config that Tidemark knows, with the value in force. */
  configs: TopicConfig[]
  offsets: PartitionOffsets[]
}

export interface TopicConfig {
  name: string
  value: string
  /** Whether it was never set on this topic. */
  isDefault: boolean
  /** Of a config that has no effect on this topic: why. */
  note?: string | undefined
}

export interface PartitionOffsets {
  partition: number
  /** The first record that is served. */
  startOffset: Offset
  /** The high watermark: the offset that the next record gets. */
  endOffset: Offset
  /** What its batches take, with what waits to be dropped; undefined where an older broker answers. */
  bytes?: number | undefined
}

export interface Produce {
  topic: string
  partition: number
  /** One record batch or several, one after the other. */
  batches: Uint8Array
}

export interface Produced {
  /** The first record's offset; the others follow without a gap. */
  baseOffset: Offset
  records: number
  startOffset: Offset
  /** Milliseconds since the epoch, where the topic stamps records itself (LogAppendTime); else null. */
  logAppendTimeMs: number | null
}

/** How a fetch waits, and what else holds for all of it. */
interface Fetching {
  /** 1 when it is left out. */
  minBytes?: number
  /** 0 when it is left out: no waiting. */
  maxWaitMs?: number
  /** Ends the wait early; the answer is then what there is. */
  signal?: AbortSignal
  /**
   * Told how many bytes are to be read, when the wait is over and before they are, and how many more where a batch turns out
   * to be larger: they are read once it has resolved. For a broker of this process.
   */
  reserve?: (bytes: number) => Promise<void>
  /**
   * Where the answer's bytes are to lie, in place of memory that is made for them and is the caller's for good: it is lent, and
   * used for other answers once the fetch has ended and its lender has left it. For a broker of this process.
   */
  memory?: LentMemory | undefined
}

export interface Fetch extends Fetching {
  topic: string
  /** Of the topic that is meant: one that was made anew under its name is another. */
  topicId?: string | undefined
  partition: number
  offset: Offset
  /** A soft limit, as in Kafka: at least one batch comes, however large. */
  maxBytes?: number
}

/** A partition that is read together with others. */
export interface FetchPartition {
  /** Undefined: the topic is named by its id alone. */
  topic?: string | undefined
  /** Of the topic that is meant: one that was made anew under its name is another. */
  topicId?: string | undefined
  partition: number
  offset: Offset
  /** What this one may bring, or a batch that is larger where there is room; as much as all together when it is left out. */
  maxBytes?: number | undefined
  /** Whether the listener is to be woken when there is more than he knows of: beyond `offset`. It is so before the broker looks what there is. */
  arm?: boolean | undefined
  /**
   * How far it is known to be, where that is beyond `offset`: as the last wake-up told. A change that leaves its end there
   * does not wake.
   */
  armFrom?: Offset | undefined
}

export interface FetchMany extends Fetching {
  partitions: readonly FetchPartition[]
  /** What all may bring together. A soft limit, as in Kafka: the first batch comes, however large. */
  maxBytes?: number
  /** The ticket of the socket that is to be woken. For a broker far away: see `FetchedMany`. */
  listener?: string | undefined
  /**
   * Has somebody woken when one of these is longer than he knows it, before they are looked at. For a broker of this process.
   * @returns those where he is not, since too many are
   */
  arm?: ((partitions: readonly ArmedAt[]) => Promise<readonly PartitionId[]>) | undefined
}

/** Of which partition an answer is, as it was asked for; the topic's id also where it was not. */
interface AnsweredPartition {
  topic: string | undefined
  topicId: string | undefined
  partition: number
}

export type FetchedPartition = AnsweredPartition & (Fetched | FailedPartition)

export type LocatedPartition = AnsweredPartition & (Located | FailedPartition)

export interface FailedPartition {
  error: TidemarkError
}

/** One for each partition of the request, in its order. */
export interface FetchedMany {
  partitions: FetchedPartition[]
  waking?: Waking | undefined
}

/** One for each partition of the request, in its order. */
export interface LocatedMany {
  partitions: LocatedPartition[]
  waking?: Waking | undefined
}

/** That whoever waits at a broker far away need not ask again and again. */
export interface Waking {
  /** What became of the request to be woken; undefined: there was none. */
  armed?: Armed | undefined
  /** Opens a socket on which its listener is told; undefined: nobody here can. */
  open?: OpenSocket | undefined
}

interface Fetchable {
  startOffset: Offset
  /** The high watermark when the answer was made. */
  endOffset: Offset
  /** Where the next fetch goes on. */
  nextOffset: Offset
}

export interface Fetched extends Fetchable {
  /** Whole batches in order, offsets filled in; a chunk holds one batch or several. */
  chunks: Uint8Array[]
}

export interface Located extends Fetchable {
  ranges: LocatedRange[]
}

/**
 * A run of whole batches, and how to get its bytes. Together they cover `span` offsets from `baseOffset` on.
 *
 * Unless `offsets` is `final`, those inside the bytes are not: the first batch's base offset is `baseOffset`, each further one
 * follows its predecessor. Where they are final, they ascend and may have gaps, within a batch, between two and at the
 * end; a batch that ends at or before `baseOffset` is to be left out.
 */
export type LocatedRange = {
  baseOffset: Offset
  span: number
  /** As `span`, for clients that know only this. */
  records: number
  bytes: number
  offsets?: 'final' | undefined
} & ({ inline: Uint8Array } | { url: string; position: Position; expiresMs: number })

/** `max-timestamp`: the first of the records with the greatest timestamp. */
export type OffsetPlace = 'earliest' | 'latest' | 'max-timestamp' | { timestampMs: number }

export interface OffsetFor {
  topic: string
  partition: number
  at: OffsetPlace
}

export interface FoundOffset {
  /** null when no record is that young. */
  offset: Offset | null
  /** The found record's timestamp, when one was looked for by time. */
  timestampMs: number | null
}

export interface DeleteRecords {
  topic: string
  partition: number
  /** Records with smaller offsets go. */
  beforeOffset: Offset
}
