import { advance } from '../../../core/numbers.ts'
import type { LogRecord } from '../../../core/record/record.ts'
import { parseOffset } from '../arguments.ts'
import { toMessage } from '../messages.ts'
import { mayRestart, type RetryOptions } from '../retry-options.ts'
import {
  CONSUMER_EVENTS,
  type ConsumerRun,
  type EachBatchPayload,
  type TopicsOffsets,
} from './consumer-options.ts'
import { type MessageBatch, toBatch } from './message-batch.ts'
import type { PartitionStream } from './partition-stream.ts'
import { NotConsumed } from './record-handoff.ts'

export interface DeliveryHost {
  /** Whether the consumer goes on, and what is assigned is still its own as far as it knows. */
  isAlive(): boolean
  isPaused(stream: PartitionStream): boolean
  /** @returns what resumes it */
  pause(topic: string, partition: number): () => void
  emit(type: string, payload: unknown): void
  /** So many records of it have been dealt with. */
  consumed(stream: PartitionStream, records: number): void
  /** The handler is through with it for now. */
  turnEnded(stream: PartitionStream): void
  commitIfDue(offsets?: TopicsOffsets): Promise<void>
  uncommitted(): TopicsOffsets
  handlerFailed(): Promise<void>
  /** A failure of the handler after which the delivery goes on. */
  tell(error: unknown): void
  failed(error: unknown): void
}

const RETRIES = 5
const FIRST_PAUSE_MS = 300
const PAUSE_MS_MAX = 30_000
/** Records of one partition in a row, before the others have their turn. */
const TURN_RECORDS = 500

/** Calls the handler: so many partitions at the same time, each in its order. */
export class Delivery {
  /** In the order of their turns. */
  streams: PartitionStream[] = []
  readonly #run: ConsumerRun
  readonly #retry: RetryOptions
  readonly #host: DeliveryHost
  #handlers = 0
  #recordsLeft: number
  #isStopping = false
  #wakeTimer: NodeJS.Timeout | undefined

  constructor(run: ConsumerRun, retry: RetryOptions, host: DeliveryHost) {
    this.#run = run
    this.#retry = retry
    this.#host = host
    this.#recordsLeft = run.recordsMax ?? Number.POSITIVE_INFINITY
  }

  /** Whether as many records as were wanted have been dealt with. */
  get isComplete(): boolean {
    return this.#recordsLeft === 0 && this.#handlers === 0
  }

  remove(stream: PartitionStream): void {
    stream.end()
    this.streams = this.streams.filter(each => each !== stream)
  }

  /** Calls nobody any more, and waits for the handlers. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#wakeTimer)
    await Promise.all(this.streams.map(stream => stream.idle()))
  }

  pump(): void {
    const handlersMax = this.#run.partitionsConsumedConcurrently ?? 1
    while (this.#handlers < handlersMax && !this.#isStopping && this.#recordsLeft > 0) {
      const index = this.streams.findIndex(stream => this.#isReady(stream))
      const [stream] = index < 0 ? [] : this.streams.splice(index, 1)
      if (!stream) return
      // Behind the others: they have their turn first.
      this.streams.push(stream)
      void this.#deliver(stream)
    }
  }

  #isReady(stream: PartitionStream): boolean {
    return (
      stream.hasRecords &&
      !stream.isBusy &&
      performance.now() >= stream.restsUntilMs &&
      this.#mayDeliver(stream)
    )
  }

  #mayDeliver(stream: PartitionStream): boolean {
    return this.#mayGoOn(stream) && !this.#host.isPaused(stream)
  }

  #mayGoOn({ isRevoking, isLost }: PartitionStream): boolean {
    return !this.#isStopping && !isRevoking && !isLost && this.#host.isAlive()
  }

  /** One turn of one partition. Never rejects. */
  async #deliver(stream: PartitionStream): Promise<void> {
    stream.isBusy = true
    this.#handlers++
    try {
      if (this.#run.eachBatch) await this.#deliverBatch(stream, this.#run.eachBatch)
      else await this.#deliverRecords(stream)
    } catch (error) {
      await this.#handlerFailed(stream, error)
    }
    this.#handlers--
    stream.becameIdle()
    this.#host.turnEnded(stream)
    this.pump()
  }

  /** Whether what is next can be delivered; where it cannot be read, that ends the consumer. */
  #prepare(stream: PartitionStream): boolean | Promise<boolean> {
    const cannotBeRead = (error: unknown) => {
      this.#host.failed(error)
      return false
    }
    try {
      const ready = stream.prepare()
      // Meanwhile it may have been paused, or taken away.
      return ready ? ready.then(() => this.#mayDeliver(stream), cannotBeRead) : true
    } catch (error) {
      return cannotBeRead(error)
    }
  }

  async #deliverRecords(stream: PartitionStream): Promise<void> {
    const atOnceMax = this.#run.eachRecords ? Number.POSITIVE_INFINITY : 1
    for (let delivered = 0; delivered < TURN_RECORDS && this.#mayDeliver(stream); ) {
      const isReady = this.#prepare(stream)
      // No turn is lost where there is nothing to wait for: that is nearly always.
      if (isReady !== true && !(await isReady)) return
      const records = stream.peek(Math.min(atOnceMax, this.#recordsLeft))
      if (records.length === 0) return
      const { jumps } = stream
      // Taken before the handler runs: others may run beside it.
      this.#recordsLeft -= records.length
      try {
        await this.#call(stream, records)
      } catch (error) {
        this.#recordsLeft += records.length
        throw error
      }
      stream.failures = 0
      if (stream.jumps === jumps) stream.advance(records.length)
      delivered += records.length
      this.#host.consumed(stream, records.length)
    }
  }

  async #call({ topic, partition, generation }: PartitionStream, records: LogRecord[]): Promise<void> {
    const { eachRecords, eachMessage } = this.#run
    if (eachRecords) {
      return eachRecords({ topic, partition, ...(generation !== undefined && { generation }), records })
    }
    await eachMessage?.({
      topic,
      partition,
      message: toMessage(records[0]!),
      heartbeat: async () => {},
      pause: () => this.#host.pause(topic, partition),
    })
  }

  async #deliverBatch(
    stream: PartitionStream,
    eachBatch: NonNullable<ConsumerRun['eachBatch']>,
  ): Promise<void> {
    const isReady = this.#prepare(stream)
    if ((isReady !== true && !(await isReady)) || this.#recordsLeft === 0) return
    const taken = stream.takeAll()
    if (taken.records.length === 0) return
    const records = taken.records.slice(0, this.#recordsLeft)
    const isCut = records.length < taken.records.length
    const endOffset = isCut ? advance(records.at(-1)!.offset, 1) : taken.endOffset
    const { jumps } = stream
    const batch = toBatch(stream, records)
    const facts = factsOf(batch)
    this.#host.emit(CONSUMER_EVENTS.START_BATCH_PROCESS, facts)
    const beganMs = performance.now()
    const answers = { wasToldToEnd: false }
    this.#recordsLeft -= records.length
    let hasPassed = false
    try {
      await eachBatch(this.#batchPayload(stream, batch, jumps, answers))
      // A handler that was told to end has not got through.
      if ((this.#run.eachBatchAutoResolve ?? true) && !answers.wasToldToEnd && stream.jumps === jumps) {
        stream.position = endOffset
      }
      stream.failures = 0
      hasPassed = true
      this.#host.consumed(stream, records.length)
    } finally {
      // What was not resolved comes again, and does not count; so does what was cut off, where the run is not over after all.
      if (stream.jumps === jumps && (isCut || stream.position !== endOffset)) {
        const unresolved = records.filter(({ offset }) => offset >= (stream.position ?? 0)).length
        this.#recordsLeft += unresolved
        stream.jump(stream.position)
      } else if (!hasPassed) this.#recordsLeft += records.length
    }
    const duration = performance.now() - beganMs
    this.#host.emit(CONSUMER_EVENTS.END_BATCH_PROCESS, { ...facts, duration })
  }

  #batchPayload(
    stream: PartitionStream,
    batch: MessageBatch,
    jumps: number,
    answers: { wasToldToEnd: boolean },
  ): EachBatchPayload {
    const { topic, partition } = stream
    const told = (isOver: boolean) => {
      if (isOver) answers.wasToldToEnd = true
      return isOver
    }
    return {
      batch,
      resolveOffset: offset => {
        if (stream.jumps === jumps) stream.position = advance(parseOffset(offset), 1)
      },
      heartbeat: async () => {},
      pause: () => this.#host.pause(topic, partition),
      commitOffsetsIfNecessary: offsets => this.#host.commitIfDue(offsets),
      uncommittedOffsets: () => this.#host.uncommitted(),
      isRunning: () => !told(!this.#mayGoOn(stream)),
      isStale: () => told(stream.isLost || stream.jumps !== jumps),
    }
  }

  async #handlerFailed(stream: PartitionStream, error: unknown): Promise<void> {
    if (error instanceof NotConsumed) return
    // What was consumed before shall not come again because of this one.
    await this.#host.handlerFailed()
    const {
      retries = RETRIES,
      initialRetryTime = FIRST_PAUSE_MS,
      maxRetryTime = PAUSE_MS_MAX,
      restartOnFailure,
    } = this.#retry
    const isFinal = error instanceof Error && 'retriable' in error && error.retriable === false
    if (isFinal) return this.#host.failed(error)
    const pauseMs = Math.min(maxRetryTime, initialRetryTime * 2 ** stream.failures)
    if (++stream.failures > retries) {
      const asError = error instanceof Error ? error : new Error(String(error))
      if (!(await mayRestart(restartOnFailure, asError, true))) return this.#host.failed(error)
      this.#host.tell(error)
      stream.failures = 0
    }
    // Only this partition rests.
    stream.restsUntilMs = performance.now() + pauseMs / 2 + (pauseMs / 2) * Math.random()
    this.#wakeAt(stream.restsUntilMs)
  }

  #wakeAt(timeMs: number): void {
    clearTimeout(this.#wakeTimer)
    if (this.#isStopping) return
    this.#wakeTimer = setTimeout(
      () => {
        const nextMs = Math.min(
          ...this.streams.map(({ restsUntilMs }) => restsUntilMs).filter(each => each > performance.now()),
        )
        if (Number.isFinite(nextMs)) this.#wakeAt(nextMs)
        this.pump()
      },
      Math.max(0, Math.ceil(timeMs - performance.now())),
    )
  }
}

function factsOf(batch: MessageBatch) {
  return {
    topic: batch.topic,
    partition: batch.partition,
    highWatermark: batch.highWatermark,
    offsetLag: batch.offsetLag(),
    offsetLagLow: batch.offsetLagLow(),
    batchSize: batch.messages.length,
    firstOffset: batch.firstOffset(),
    lastOffset: batch.lastOffset(),
  }
}
