import type { CompressionTypes } from '../enumerations.ts'

/** Names and values; a list where a name comes several times. Text is written as UTF-8. */
export interface IHeaders {
  [key: string]: Buffer | string | (Buffer | string)[] | undefined
}

/** What a producer sends. */
export interface Message {
  key?: Buffer | string | null
  /** null: a tombstone. */
  value: Buffer | string | null
  partition?: number
  headers?: IHeaders
  /** Milliseconds since 1970, in digits; now when it is left out. */
  timestamp?: string
}

interface ReadMessage {
  key: Buffer | null
  value: Buffer | null
  /** Milliseconds since 1970, in digits. */
  timestamp: string
  attributes: number
  /** In digits. */
  offset: string
}

/**
 * What a consumer gets. Of these two it is always the second; the first, Kafka's form before 0.11, is there so that a
 * program looks at `headers` as it had to.
 */
export type KafkaMessage =
  | (ReadMessage & { size: number; headers?: never })
  | (ReadMessage & { headers: IHeaders; size?: never })

/** Messages of one partition, in order. All numbers in digits. */
export type Batch = {
  topic: string
  partition: number
  highWatermark: string
  messages: KafkaMessage[]
  isEmpty(): boolean
  firstOffset(): string | null
  lastOffset(): string
  /** Records behind the last one of the batch. */
  offsetLag(): string
  /** Records behind the first one of the batch. */
  offsetLagLow(): string
}

interface HowToSend {
  /** 0: resolves at once. Anything else: when the messages are durable. */
  acks?: number
  /** Without effect: `deliveryTimeoutMs` of the producer says how long. */
  timeout?: number
  compression?: CompressionTypes
}

export interface TopicMessages {
  topic: string
  messages: Message[]
}

export interface ProducerRecord extends TopicMessages, HowToSend {}

export interface ProducerBatch extends HowToSend {
  topicMessages?: TopicMessages[]
}

/** Where the messages of one call in one partition begin. */
export type RecordMetadata = {
  topicName: string
  partition: number
  errorCode: number
  /** Never there, as with Kafka from 0.11 on: `baseOffset` tells. */
  offset?: string
  /** Never there, likewise: `logAppendTime` tells. */
  timestamp?: string
  /** In digits; -1 where it is not known. */
  baseOffset?: string
  /** Milliseconds, where the topic stamps records itself; else -1. */
  logAppendTime?: string
  logStartOffset?: string
}
