import { TidemarkError } from '../../../core/errors.ts'
import {
  CLIENT_TIMEOUT_MS_MIN,
  DELIVERY_TIMEOUT_DEFAULT_MS,
  LINGER_DEFAULT_MS,
} from '../../../core/limits.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { Message } from '../messages.ts'
import type { RetryOptions } from '../retry-options.ts'
import type { CompressionType } from './compression-types.ts'
import type { Delivery, ProducerPlace, ProducerWork } from './partition-batches.ts'
import type { CreatePartitioner } from './partitioners.ts'

/** A producer's settings; KafkaJS's names where it has them. */
export interface ProducerOptions {
  /** Chooses partitions in place of Kafka's rule. */
  createPartitioner?: CreatePartitioner
  retry?: RetryOptions
  /** How long what is known of a topic holds, in milliseconds; 300,000 by default. */
  metadataMaxAge?: number
  /** Whether a topic that does not exist is made; not unless it is set. */
  allowAutoTopicCreation?: boolean
  /** Whether batches are numbered, so that a repeated one is in the log once. They are unless this is false. */
  idempotent?: boolean
  /** How long a batch that is not full waits for more, in milliseconds; 5 by default. */
  lingerMs?: number
  /** What a batch gathers, in bytes before compression; 1 MiB by default. */
  batchBytes?: number
  /** Bytes taken and not yet acknowledged; above it, `send` waits. 32 MiB by default. */
  pendingBytesMax?: number
  /**
   * How long records may take from `send` on, waiting and all tries together, in milliseconds; 120,000 by default. Less
   * than `lingerMs` and one request is refused.
   */
  deliveryTimeoutMs?: number
  /** How long one request may take, in milliseconds; 30,000 by default, and half of `deliveryTimeoutMs` at most. */
  requestTimeout?: number
  /** For what is sent without saying. */
  compression?: CompressionType | CompressionName
  /**
   * Whose transactions are written: one producer at a time, and whoever begins later fences those before. A process keeps its own,
   * so that its successor finishes what it left.
   */
  transactionalId?: string
  /** After it an open transaction is aborted by whoever looks, in milliseconds; 60,000 by default, 900,000 at most. */
  transactionTimeout?: number
  /** Taken for KafkaJS's sake: a partition has one call in flight, and all of them are independent. */
  maxInFlightRequests?: number
}

export interface SendOptions {
  /** 0: resolves at once, and what becomes of the records only the events tell. Anything else: when they are durable. */
  acks?: number
  /** Taken for KafkaJS's sake. */
  timeout?: number
  compression?: CompressionType | CompressionName
}

export interface ProducerRecord extends SendOptions {
  topic: string
  messages: Message[]
}

export interface ProducerBatch extends SendOptions {
  topicMessages?: { topic: string; messages: Message[] }[]
}

export const PRODUCER_EVENTS = {
  CONNECT: 'producer.connect',
  DISCONNECT: 'producer.disconnect',
  /** Records could not be written: the error, the topic, the partition and how many there are. */
  DELIVERY_FAILED: 'producer.delivery_failed',
  /** Something failed that is tried again; once, until it succeeds. */
  OUTAGE: 'producer.outage',
  OUTAGE_OVER: 'producer.outage_over',
} as const

export interface ProducerEventPayloads {
  'producer.connect': null
  'producer.disconnect': null
  /** `partition`: null where it was not known yet, or they were for several. */
  'producer.delivery_failed': { error: Error; topic: string; partition: number | null; records: number }
  /** `during`: asking about a topic, or writing to it. */
  'producer.outage': { error: TidemarkError; during: ProducerWork } & ProducerPlace
  /** `duration` in milliseconds. */
  'producer.outage_over': { during: ProducerWork; duration: number } & ProducerPlace
}

/** What a writer of one topic is asked for; what is left out is as in the producer's options. */
export interface WriterOptions<Tag> {
  topic: string
  compression?: CompressionType | CompressionName
  /** Records in a batch at most. */
  batchRecords?: number
  /** Produce calls at the same time, each to another partition; no bound by default. */
  callsMax?: number
  /** Whether nothing more is sent after a failure, so that nothing is written behind what is missing. */
  stopsAtFailure?: boolean
  /** Told once for each record, a batch or several together, whatever becomes of them. */
  onSettled?: (delivery: Delivery<Tag>) => void
  /** Told before a call is tried again. */
  onRetry?: (error: TidemarkError, pauseMs: number) => void
}

/** Of a producer's options. */
export const PRODUCER_DEFAULT = {
  metadataMaxAgeMs: 300_000,
  lingerMs: LINGER_DEFAULT_MS,
  batchBytes: 1024 * 1024,
  pendingBytesMax: 32 * 1024 * 1024,
  deliveryTimeoutMs: DELIVERY_TIMEOUT_DEFAULT_MS,
}

/** What its numbers may be. */
export const PRODUCER_NUMBERS = {
  metadataMaxAge: {},
  lingerMs: {},
  batchBytes: { min: 1 },
  pendingBytesMax: {},
  deliveryTimeoutMs: {},
  requestTimeout: { min: 1 },
}

/** As Kafka's producer: a delivery that ends before a request can be answered is none. @throws TidemarkError INVALID_REQUEST */
export function checkTimes(
  deliveryMs: number,
  { lingerMs = PRODUCER_DEFAULT.lingerMs, requestTimeout }: ProducerOptions,
): void {
  const leastMs = lingerMs + (requestTimeout ?? CLIENT_TIMEOUT_MS_MIN)
  if (deliveryMs >= leastMs) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    `deliveryTimeoutMs (${deliveryMs}) is less than lingerMs and one request take (${leastMs}): give more, or a ` +
      'shorter requestTimeout.',
  )
}
