import { RefusedRecords, TidemarkError } from '../../core/errors.ts'
import {
  type BatchHeader,
  checkBatch,
  checkDense,
  NO_PRODUCER_ID,
  stampLogAppendTime,
} from '../../core/record/batch-header.ts'
import { latestTimestampMs, type TopicSettings } from '../../core/topic/topic-config.ts'
import { workBeside } from '../../core/turns.ts'
import type { Topic } from '../topics/topic-directory.ts'
import type { CheckedRun, ProducerSequence } from './shipment.ts'

/**
 * Checks batches that lie one after the other without decoding a record, and stamps them where the topic says
 * so. Nothing is written before all of them have passed.
 * @param nowMs what they are stamped with
 * @param futureMs what lies behind it is in the future
 * @param isTransactional whether they have to be a transaction's; else they must not
 */
export function checkRun(
  chunk: Uint8Array,
  settings: TopicSettings,
  nowMs: number,
  futureMs: number,
  isTransactional = false,
): CheckedRun {
  const batches: { records: number; bytes: number }[] = []
  let records = 0
  let maxTimestampMs = -1
  let position = 0
  let sequence: ProducerSequence | undefined
  do {
    const header = checkBatch(chunk, position)
    checkDense(header)
    if (position === 0) sequence = sequenceOf(header)
    else checkFollows(header, sequence, records)
    if (header.sizeBytes > settings.maxBatchBytes) {
      throw new TidemarkError(
        'MESSAGE_TOO_LARGE',
        `A batch of ${header.sizeBytes} bytes is above the topic's max.message.bytes of ` +
          `${settings.maxBatchBytes}. Send smaller batches, or raise that config.`,
      )
    }
    checkKind(header, isTransactional)
    if (settings.stampsAppendTime) {
      stampLogAppendTime(chunk, position, nowMs)
      maxTimestampMs = nowMs
    } else {
      const latestMs = latestTimestampMs(settings, futureMs)
      if (header.maxTimestamp > latestMs) {
        throw new RefusedRecords(
          'INVALID_TIMESTAMP',
          `The timestamp ${header.maxTimestamp} lies further in the future than the topic's ` +
            'message.timestamp.after.max.ms allows. Timestamps are milliseconds since 1970.',
          async () => (await workBeside(import('./refused-records.ts'))).findLate(chunk, latestMs),
        )
      }
      maxTimestampMs = Math.max(maxTimestampMs, header.maxTimestamp)
    }
    batches.push({ records: header.recordCount, bytes: header.sizeBytes })
    records += header.recordCount
    position += header.sizeBytes
  } while (position < chunk.length)
  return {
    chunk,
    batches,
    records,
    maxTimestampMs,
    isStamped: settings.stampsAppendTime,
    flushMs: settings.flushMs,
    ...(sequence && { sequence }),
  }
}

/** @throws TidemarkError INVALID_RECORD */
export async function checkKeys({ chunk }: CheckedRun, topic: Topic): Promise<void> {
  const { refuseKeyless } = await workBeside(import('./refused-records.ts'))
  await refuseKeyless(chunk, topic.name)
}

/** Undefined where the producer is not idempotent. */
function sequenceOf({ producerId, producerEpoch, baseSequence }: BatchHeader): ProducerSequence | undefined {
  if (producerId === NO_PRODUCER_ID) return undefined
  if (producerEpoch >= 0 && baseSequence >= 0) {
    return { producerId, epoch: producerEpoch, sequence: baseSequence }
  }
  throw new TidemarkError(
    'INVALID_RECORD',
    `The batch names producer ${producerId}, but its epoch is ${producerEpoch} and its sequence ${baseSequence}. ` +
      'Number them from 0, or leave the producer out (-1).',
  )
}

/** The batches of one call are repeated together or not at all, so they must be one run of one producer. */
function checkFollows(header: BatchHeader, first: ProducerSequence | undefined, records: number): void {
  const next = sequenceOf(header)
  const isNext = first
    ? next?.producerId === first.producerId &&
      next.epoch === first.epoch &&
      next.sequence === (first.sequence + records) % 2 ** 31
    : !next
  if (isNext) return
  throw new TidemarkError(
    'INVALID_RECORD',
    "The call's batches do not follow one another in one producer's sequence. Send them in calls of their own.",
  )
}

function checkKind({ isControl, isTransactional }: BatchHeader, mustBeTransactional: boolean): void {
  if (!isControl && isTransactional === mustBeTransactional) return
  const kind = isControl
    ? 'a control batch'
    : isTransactional
      ? 'part of a transaction'
      : 'no part of a transaction'
  throw new TidemarkError(
    'INVALID_RECORD',
    `The batch is ${kind}, which is not taken here. Send it as a ${mustBeTransactional ? 'transactional' : 'plain'} batch.`,
  )
}
