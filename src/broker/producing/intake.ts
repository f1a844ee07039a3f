import type { Produce, Produced } from '../../contract/broker.ts'
import { RefusedRecords, TidemarkError } from '../../core/errors.ts'
import {
  PRODUCE_BYTES_MAX,
  PRODUCE_IN_FLIGHT_BYTES_MAX,
  PRODUCE_IN_FLIGHT_CALLS_MAX,
} from '../../core/limits.ts'
import {
  type BatchHeader,
  checkBatch,
  checkDense,
  NO_PRODUCER_ID,
  stampLogAppendTime,
} from '../../core/record/batch-header.ts'
import { withResolvers } from '../../core/since-node-22.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import { latestTimestampMs, type TopicSettings } from '../../core/topic/topic-config.ts'
import { workBeside } from '../../core/turns.ts'
import { futureTime } from '../../ports/clock.ts'
import type { Ports } from '../../ports/index.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { inTime, timedOut } from '../store-calls/retry.ts'
import { checkPartition, hasPartition, type Topic, type TopicDirectory } from '../topics/topic-directory.ts'
import type { Gatherer } from './gather.ts'
import type { Accepted, CheckedRun, ProducerSequence } from './shipment.ts'

/** Calls that wait until it is known what topic they are for. */
interface Line {
  readonly topic: Promise<Topic>
  waiting: number
}

/**
 * Checks batches on arrival and hands them to the gatherer, with a limit on what is in flight. Calls for one
 * partition keep the order in which they were made, so between call and hand-over nothing is awaited, and calls
 * that must wait for their topic wait in line.
 */
export class Intake {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #gatherer: Gatherer
  readonly #lines = new Map<string, Line>()
  /** By partition: settles when all calls are handed over whose records' keys are being looked for. */
  readonly #keyChecks = new Map<string, Promise<void>>()
  #bytesInFlight = 0
  #callsInFlight = 0
  readonly #futureMs: ReturnType<typeof futureTime>
  #closed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  constructor(ports: Ports, directory: TopicDirectory, gatherer: Gatherer) {
    this.#ports = ports
    this.#directory = directory
    this.#gatherer = gatherer
    this.#futureMs = futureTime(ports.clock)
  }

  async produce(request: Produce): Promise<Produced> {
    const bytes = request.batches.length
    this.#admit(bytes)
    try {
      const { run, head, baseOffset, isDuplicate } = await this.#enter(request)
      return {
        baseOffset,
        records: run.records,
        startOffset: head.startOffset,
        logAppendTimeMs: run.isStamped && !isDuplicate ? run.maxTimestampMs : null,
      }
    } catch (error) {
      // The topic that this process knew may be gone, and another be there under its name.
      if (error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION') {
        this.#directory.forget(request.topic)
      }
      throw asTidemarkError(error)
    } finally {
      this.#settle(bytes)
    }
  }

  #settle(bytes: number): void {
    this.#bytesInFlight -= bytes
    this.#callsInFlight -= 1
    if (this.#callsInFlight === 0) this.#closed?.resolve()
  }

  #enter(request: Produce): Promise<Accepted> {
    const topic = this.#lines.has(request.topic) ? undefined : this.#directory.peek(request.topic)
    // A partition that is not known may be new.
    const arrivedMs = this.#ports.clock.monotonicMs()
    return topic && hasPartition(topic, request.partition)
      ? this.#submit(topic, request, arrivedMs)
      : this.#waitInLine(request, arrivedMs)
  }

  /** Whoever comes while a topic is asked for waits for it, too, and all enter in the order in which they came. */
  async #waitInLine(request: Produce, arrivedMs: number): Promise<Accepted> {
    const { topic: name } = request
    const line = this.#lines.get(name) ?? { topic: this.#directory.refresh(name), waiting: 0 }
    this.#lines.set(name, line)
    line.waiting += 1
    this.#gatherer.prepare(request.batches.length, arrivedMs)
    let topic: Topic
    try {
      topic = await this.#inTime(line.topic, this.#gatherer.deadlineMsOf(arrivedMs))
    } finally {
      // Only with the last one: who comes between two that are let in comes after them.
      line.waiting -= 1
      if (line.waiting === 0) this.#lines.delete(name)
    }
    return await this.#submit(topic, request, arrivedMs)
  }

  /** A topic's look-up that takes all of a call's time leaves the call unwritten. */
  async #inTime(topic: Promise<Topic>, deadlineMs: number): Promise<Topic> {
    try {
      return await inTime(this.#ports.clock, deadlineMs, topic)
    } catch (error) {
      throw error instanceof OutcomeUnknown ? timedOut(error, 'no') : error
    }
  }

  /** @throws TidemarkError at once where the call cannot be taken */
  #submit(topic: Topic, { partition, batches }: Produce, arrivedMs: number): Promise<Accepted> {
    checkPartition(topic, partition)
    const nowMs = this.#ports.clock.nowMs()
    const run = checkRun(batches, topic.settings, nowMs, this.#futureMs(nowMs, arrivedMs))
    const id = { topicId: topic.topicId, partition }
    const isChecking = this.#keyChecks.size > 0 && this.#keyChecks.has(partitionKey(id))
    const hasToWait = topic.settings.isCompacted || isChecking
    return hasToWait
      ? this.#submitWithKeys(topic, id, run, arrivedMs)
      : this.#gatherer.submit(id, run, arrivedMs)
  }

  /** Looking for keys takes its time, and whoever comes meanwhile comes after. */
  async #submitWithKeys(
    topic: Topic,
    id: PartitionId,
    run: CheckedRun,
    arrivedMs: number,
  ): Promise<Accepted> {
    const key = partitionKey(id)
    const check = topic.settings.isCompacted ? checkKeys(run, topic) : undefined
    let accepted: Promise<Accepted> | undefined
    const handOver = Promise.allSettled([this.#keyChecks.get(key), check]).then(([, own]) => {
      if (own.status === 'rejected') throw own.reason
      accepted = this.#gatherer.submit(id, run, arrivedMs)
      // Whoever called hears of it below, and no sooner.
      accepted.catch(() => {})
    })
    const isOver = handOver.catch(() => {})
    this.#keyChecks.set(key, isOver)
    try {
      await handOver
    } finally {
      if (this.#keyChecks.get(key) === isOver) this.#keyChecks.delete(key)
    }
    return await accepted!
  }

  /** Appends what somebody has checked before, to exactly this partition. @throws TidemarkError */
  async append(partition: PartitionId, run: CheckedRun): Promise<Accepted> {
    this.#admit(run.chunk.length)
    try {
      return await this.#gatherer.submit(partition, run, this.#ports.clock.monotonicMs())
    } catch (error) {
      throw asTidemarkError(error)
    } finally {
      this.#settle(run.chunk.length)
    }
  }

  /** Takes no more, and resolves when all that was taken is settled. */
  async close(): Promise<void> {
    this.#closed ??= withResolvers<void>()
    if (this.#callsInFlight === 0) this.#closed.resolve()
    await this.#closed.promise
  }

  #admit(bytes: number): void {
    if (this.#closed) throw shuttingDown()
    if (bytes > PRODUCE_BYTES_MAX) {
      throw new TidemarkError(
        'RECORD_LIST_TOO_LARGE',
        `A produce call of ${bytes} bytes is above the limit of ${PRODUCE_BYTES_MAX}. Send fewer batches at a time.`,
      )
    }
    const isFull =
      this.#bytesInFlight + bytes > PRODUCE_IN_FLIGHT_BYTES_MAX ||
      this.#callsInFlight >= PRODUCE_IN_FLIGHT_CALLS_MAX
    if (isFull) {
      throw new TidemarkError(
        'THROTTLING_QUOTA_EXCEEDED',
        'Too much is being written at the moment. Wait for answers that are due, then try again.',
      )
    }
    this.#bytesInFlight += bytes
    this.#callsInFlight += 1
  }
}

/**
 * Checks batches that lie one after the other without decoding a record, and stamps them where the topic says
 * so. Nothing is written before all of them have passed.
 * @param nowMs what they are stamped with
 * @param futureMs what lies behind it is in the future
 */
export function checkRun(
  chunk: Uint8Array,
  settings: TopicSettings,
  nowMs: number,
  futureMs: number,
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
    if (header.isControl || header.isTransactional) {
      throw new TidemarkError(
        'INVALID_RECORD',
        `The batch is ${header.isControl ? 'a control batch' : 'part of a transaction'}, which is not taken here. ` +
          'Send it as a plain batch.',
      )
    }
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
async function checkKeys({ chunk }: CheckedRun, topic: Topic): Promise<void> {
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

export function shuttingDown(): TidemarkError {
  return new TidemarkError(
    'BROKER_NOT_AVAILABLE',
    'The broker is shutting down. Send this to another, or wait.',
  )
}
