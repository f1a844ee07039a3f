import { TidemarkError } from '../../../core/errors.ts'
import type { OutgoingBatch, WrittenBatch } from './outgoing-batch.ts'

/** Where the messages of one call in one partition begin. */
export interface RecordMetadata {
  topicName: string
  partition: number
  errorCode: 0
  /** In digits; -1 where it is not known: acks 0, or a repetition that the broker recognized too late to tell. */
  baseOffset: string
  /** Milliseconds, where the topic stamps records itself; else -1. */
  logAppendTime: string
  logStartOffset: string
}

/** What became of the messages of one call to one topic when they were handed in. */
export interface TakenMessages {
  topic: string
  /** The batches that hold some of them, in their order: each with the place of the first one in it. */
  batches: Map<OutgoingBatch<undefined>, number>
  /** Why some were not taken. */
  failures: unknown[]
}

/**
 * Waits for every batch that holds a message of one call.
 * @throws TidemarkError when one of them failed
 */
export async function settledMetadata(calls: readonly TakenMessages[]): Promise<RecordMetadata[]> {
  const byPartition = new Map<string, RecordMetadata>()
  const failures: unknown[] = []
  for (const { topic, batches, failures: notTaken } of calls) {
    for (const [{ partition, written }, index] of batches) {
      const key = `${topic}\n${partition}`
      try {
        const metadata = toMetadata(topic, partition, await written, index)
        // A call's batches of one partition are in their order: the first one tells where it begins.
        if (!byPartition.has(key)) byPartition.set(key, metadata)
      } catch (error) {
        failures.push(error)
      }
    }
    failures.push(...notTaken)
  }
  if (failures.length > 0) throw asOne(failures, byPartition.size > 0)
  return [...byPartition.values()]
}

function toMetadata(
  topicName: string,
  partition: number,
  { baseOffset, logAppendTimeMs, startOffset }: WrittenBatch,
  index: number,
): RecordMetadata {
  return {
    topicName,
    partition,
    errorCode: 0,
    baseOffset: String(baseOffset === null ? -1 : baseOffset + index),
    logAppendTime: String(logAppendTimeMs ?? -1),
    logStartOffset: String(startOffset ?? -1),
  }
}

/** What is said of a call of which some messages failed: `written` is about all of them. */
function asOne(failures: readonly unknown[], areSomeWritten: boolean): unknown {
  const [first] = failures
  if (!(first instanceof TidemarkError) || first.written !== 'no') return first
  const areNoneWritten =
    !areSomeWritten && failures.every(error => error instanceof TidemarkError && error.written === 'no')
  if (areNoneWritten) return first
  return new TidemarkError(
    first.kafkaName,
    `${first.message} Other messages of the same call may be in the log.`,
    'unknown',
    { cause: first, retriable: first.retriable },
  )
}
