import type { Produce, Produced } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import {
  PRODUCE_BYTES_MAX,
  PRODUCE_IN_FLIGHT_BYTES_MAX,
  PRODUCE_IN_FLIGHT_CALLS_MAX,
} from '../../core/limits.ts'
import { withResolvers } from '../../core/since-node-22.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import { futureTime } from '../../ports/clock.ts'
import type { Ports } from '../../ports/index.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { inTime, timedOut } from '../store-calls/retry.ts'
import { checkPartition, hasPartition, type Topic, type TopicDirectory } from '../topics/topic-directory.ts'
import { checkKeys, checkRun } from './check-run.ts'
import type { Gatherer } from './gather.ts'
import type { Accepted, CheckedRun } from './shipment.ts'

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

export function shuttingDown(): TidemarkError {
  return new TidemarkError(
    'BROKER_NOT_AVAILABLE',
    'The broker is shutting down. Send this to another, or wait.',
  )
}
