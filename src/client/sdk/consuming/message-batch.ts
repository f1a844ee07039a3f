import type { LogRecord } from '../../../core/record/record.ts'
import { type ConsumedMessage, toMessage } from '../messages.ts'
import type { PartitionStream } from './partition-stream.ts'

/** Messages of one partition, in order: KafkaJS's shape. All numbers in digits. */
export interface MessageBatch {
  topic: string
  partition: number
  highWatermark: string
  messages: ConsumedMessage[]
  isEmpty(): boolean
  firstOffset(): string | null
  lastOffset(): string
  /** Records behind the last one of the batch. */
  offsetLag(): string
  /** Records behind the first one of the batch. */
  offsetLagLow(): string
}

export function toBatch(
  { topic, partition, endOffset }: PartitionStream,
  records: LogRecord[],
): MessageBatch {
  const first = records[0]
  const last = records.at(-1)
  const lagBehind = (offset: number) => String(Math.max(0, endOffset - 1 - offset))
  return {
    topic,
    partition,
    highWatermark: String(endOffset),
    messages: records.map(toMessage),
    isEmpty: () => records.length === 0,
    firstOffset: () => (first ? String(first.offset) : null),
    lastOffset: () => String(last?.offset ?? endOffset - 1),
    offsetLag: () => (last ? lagBehind(last.offset) : '0'),
    offsetLagLow: () => (first ? lagBehind(first.offset) : '0'),
  }
}
