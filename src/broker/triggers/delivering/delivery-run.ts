import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import {
  TRIGGER_BLOCKED_PAUSE_MS,
  TRIGGER_FENCED_PAUSE_MS,
  TRIGGER_TURN_MS,
  TRIGGER_WAIT_IN_PLACE_MS_MAX,
  TRIGGER_WINDOW_LOOK_MS,
} from '../../../core/limits.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { type BatchBuilder, windowLeftMs } from '../../../core/trigger/batch.ts'
import { readFailures } from '../../../core/trigger/batch-item-failures.ts'
import { buildEvent, encodeRecord } from '../../../core/trigger/event.ts'
import { laneOf } from '../../../core/trigger/lane.ts'
import type { Progress } from '../../../core/trigger/progress.ts'
import {
  type Decision,
  decide,
  failed,
  isExhausted,
  type Judged,
  pauseMs,
  progressBehind,
} from '../../../core/trigger/retry.ts'
import { retriesOf } from '../../../core/trigger/settings.ts'
import type { CallOutcome } from '../../../ports/function-caller.ts'
import type { GroupCall } from '../../groups/group-call.ts'
import {
  again,
  type Counts,
  type DeliverOptions,
  type DeliveryPorts,
  type DeliverySettings,
  dropped,
  type Ended,
} from './delivered.ts'
import { type Gathered, gatherBatch } from './gather-batch.ts'
import { type Cause, giveUp } from './give-up.ts'
import type { KnownTrigger, KnownTriggers } from './known-triggers.ts'
import type { PartitionClaim, Standing } from './partition-claim.ts'
import { RecordReader } from './record-reader.ts'

interface Parts extends Required<DeliverySettings> {
  readonly ports: DeliveryPorts
  readonly broker: Pick<Broker, 'fetch'>
  readonly claim: PartitionClaim
  readonly triggers: KnownTriggers
  /** A call about the group with time of its own. */
  readonly startCall: () => GroupCall
  /** The time as it would be if nobody had set the clock since this process began. */
  readonly unsetMs: () => number
}

/** Somebody else has committed or claimed so often meanwhile that they had better go on alone. */
const FENCED_MAX = 3
/** Looks at a log whose start moves on while it is looked at. */
const START_LOOKS_MAX = 3

/** One wake-up's way through a partition, batch by batch, each committed before the next is called. */
export class DeliveryRun {
  readonly #parts: Parts
  readonly #partition: PartitionId
  readonly #options: DeliverOptions
  readonly #counts: Counts
  readonly #emptyBytes: number
  readonly #startedMs: number
  #known: KnownTrigger
  #reader!: RecordReader
  /** What is committed, or is dealt with and will be. */
  #position!: Offset
  #progress: Progress | null = null
  #fenced = 0
  #startLooks = 0
  #steps = 0

  constructor(
    parts: Parts,
    known: KnownTrigger,
    partition: PartitionId,
    options: DeliverOptions,
    counts: Counts,
  ) {
    this.#parts = parts
    this.#known = known
    this.#partition = partition
    this.#options = options
    this.#counts = counts
    this.#startedMs = this.#monotonicMs()
    this.#emptyBytes = Buffer.byteLength(this.#eventOf([]))
  }

  /** @throws TidemarkError where the store fails */
  async run(standing: Standing): Promise<Ended> {
    this.#stand(standing)
    try {
      for (;;) {
        const ended = (await this.#mayGoOn()) ?? (await this.#step())
        if (ended) return ended
        this.#steps += 1
      }
    } finally {
      this.#reader.close()
    }
  }

  #stand({ offset, progress }: Standing): void {
    this.#moveTo(offset ?? toOffset(0), progress)
  }

  #moveTo(offset: Offset, progress: Progress | null): void {
    const { topic } = this.#known.trigger
    this.#position = offset
    this.#progress = progress
    this.#reader?.close()
    this.#reader = new RecordReader(
      this.#parts.broker,
      { topic, ...this.#partition },
      record => this.#known.passes(record),
      offset,
    )
  }

  /** Undefined: it may. The first step is always taken, or a wake-up that comes late would never get anywhere. */
  async #mayGoOn(): Promise<Ended | undefined> {
    if (this.#options.signal?.aborted) return again(0, 'it was told to stop')
    if (this.#steps === 0) return undefined
    if (this.#monotonicMs() - this.#known.readMs >= this.#parts.triggerCacheMs) {
      const ended = await this.#renewTrigger()
      if (ended) return ended
    }
    const { settings } = this.#known.trigger
    const mayShare = settings.parallelism !== null
    if (!this.#isShort() && !(mayShare && this.#monotonicMs() - this.#startedMs >= TRIGGER_TURN_MS))
      return undefined
    return this.#turnIsOver()
  }

  /** Whether a call that takes all of its time would not end in this run's. */
  #isShort(): boolean {
    return this.#monotonicMs() + this.#known.trigger.settings.callTimeoutMs > this.#options.deadlineMs
  }

  #turnIsOver(): Ended {
    const lane = laneOf(this.#known.trigger.settings, this.#partition.partition)
    return { ...again(0, 'its turn is over'), lane }
  }

  async #renewTrigger(): Promise<Ended | undefined> {
    const { triggerId, topic, version } = this.#known.trigger
    const known = await this.#parts.triggers.read(this.#parts.startCall(), topic)
    if (known?.trigger.triggerId !== triggerId) return dropped('the trigger is gone')
    if (known.trigger.state !== 'active') return dropped('the trigger is paused')
    this.#known = known
    // Other filters pass other records: what is read and not called yet is read anew.
    if (known.trigger.version !== version) this.#moveTo(this.#position, this.#progress)
    return undefined
  }

  async #step(): Promise<Ended | undefined> {
    let gathered: Gathered
    try {
      gathered = await gatherBatch(this.#reader, this.#known.trigger, this.#partition.partition, {
        position: this.#position,
        bound: this.#progress?.ends[0] ?? null,
        emptyBytes: this.#emptyBytes,
        // What a clock that was set ahead makes old is not given up for that.
        nowMs: Math.min(this.#nowMs(), this.#parts.unsetMs()),
      })
    } catch (error) {
      return await this.#onUnreadable(error)
    }
    const { batch, end } = gathered
    if (batch.records.length === 0) return await this.#passOver(gathered)
    switch (batch.kind) {
      case 'too old':
        return await this.#giveUpUnseen(batch, end, 'RecordAgeExceeded')
      case 'too large':
        return await this.#giveUpLarge(batch, end)
      default:
        return await this.#callOrWait(gathered)
    }
  }

  /** Commits that nothing up to here is for the function. */
  async #passOver({ end, isAtLogEnd }: Gathered): Promise<Ended | undefined> {
    const ended: Ended | undefined = isAtLogEnd ? { outcome: 'caught-up', afterMs: 0, reason: '' } : undefined
    if (end === this.#position) return ended
    return await this.#commit(end, progressBehind(this.#progress, end), ended)
  }

  /** A batch that more can come to waits for its window. */
  async #callOrWait({ batch, end, isAtLogEnd }: Gathered): Promise<Ended | undefined> {
    const { maxBatchingWindowMs, callTimeoutMs } = this.#known.trigger.settings
    const leftMs = isAtLogEnd ? windowLeftMs(maxBatchingWindowMs, this.#options.sentMs, this.#nowMs()) : 0
    if (leftMs === 0) return await this.#deliverBatch(batch, end)
    const hasTime = this.#monotonicMs() + leftMs + callTimeoutMs <= this.#options.deadlineMs
    if (leftMs > TRIGGER_WAIT_IN_PLACE_MS_MAX || !hasTime) {
      return again(Math.min(leftMs, TRIGGER_WINDOW_LOOK_MS), 'a batch waits for its window')
    }
    await this.#parts.ports.clock.sleep(leftMs, this.#options.signal)
    this.#reader.lookAgain()
    return undefined
  }

  async #deliverBatch(batch: BatchBuilder, end: Offset): Promise<Ended | undefined> {
    const { target, settings } = this.#known.trigger
    const rules = { retries: retriesOf(settings), bisects: settings.bisectBatchOnError }
    if (isExhausted(this.#progress, rules.retries)) {
      // Somebody has called it as often as may be, and could not tell of it.
      return await this.#giveUpUnseen(batch, end, 'RetryAttemptsExhausted')
    }
    // What was read since may have taken long.
    if (this.#steps > 0 && this.#isShort()) return this.#turnIsOver()
    await this.#options.beforeCall?.(settings.callTimeoutMs)
    // One of which a record is undefined is too large to be called with.
    const event = this.#eventOf(batch.encoded as string[])
    this.#counts.calls += 1
    const outcome = await this.#parts.ports.functions.call(target, event, settings.callTimeoutMs)
    const offsets = batch.records.map(({ offset }) => offset)
    const judged = this.#judge(outcome, offsets)
    if (judged.kind !== 'done') this.#counts.failedCalls += 1
    const decision = decide(rules, { offsets, end }, this.#progress, judged, this.#nowMs())
    return await this.#carryOut(decision, batch, outcome)
  }

  #judge(outcome: CallOutcome, offsets: readonly Offset[]): Judged {
    if (outcome.kind === 'not-called') {
      return { kind: 'not-called', error: `${outcome.reason}: ${outcome.error}` }
    }
    if (outcome.kind === 'failed') return { kind: 'failed', error: outcome.error, firstFailed: null }
    const { topic, settings } = this.#known.trigger
    if (!settings.reportBatchItemFailures) return { kind: 'done' }
    const { partition } = this.#partition
    const failures = readFailures(outcome.answer, topic, partition, offsets[0]!, offsets.at(-1)!)
    if (failures.kind === 'none') return { kind: 'done' }
    if (failures.kind === 'all') return { kind: 'failed', error: failures.reason, firstFailed: null }
    // An offset between two records of the batch means what comes behind it.
    const firstFailed = offsets.find(offset => offset >= failures.offset)
    if (firstFailed === undefined) return { kind: 'done' }
    return { kind: 'failed', error: `the function named offset ${firstFailed} as failed`, firstFailed }
  }

  async #carryOut(decision: Decision, batch: BatchBuilder, outcome: CallOutcome): Promise<Ended | undefined> {
    const { commitTo, progress } = decision
    const from = decision.kind === 'give up' ? decision.from : commitTo
    this.#counts.records += batch.records.filter(({ offset }) => offset < from).length
    if (decision.kind === 'give up') {
      const attempts = decision.untold.attempts
      const cause: Cause = { condition: 'RetryAttemptsExhausted', attempts, outcome }
      const problem = await this.#tell(batch, from, commitTo, cause)
      if (problem !== undefined) return await this.#waitAt(from, decision.untold, problem)
    }
    if (decision.kind === 'wait')
      return await this.#waitAt(commitTo, decision.progress, decision.progress.error)
    return await this.#commit(commitTo, progress)
  }

  /** A record that no event has room for is of no use to wait for, unless somebody wants it to be waited for. */
  async #giveUpLarge(batch: BatchBuilder, end: Offset): Promise<Ended | undefined> {
    const { trigger } = this.#known
    if (retriesOf(trigger.settings) !== null) {
      return await this.#giveUpUnseen(batch, end, 'RecordTooLarge')
    }
    const offset = batch.records[0]!.offset
    const problem =
      `the record at offset ${offset} is too large for an event: give the trigger an onFailure or retryAttempts, ` +
      'so that it is given up, or pause the trigger and move the group behind it'
    return await this.#waitAt(offset, failed(this.#progress, problem, this.#nowMs()), problem)
  }

  async #giveUpUnseen(
    batch: BatchBuilder,
    end: Offset,
    condition: Cause['condition'],
  ): Promise<Ended | undefined> {
    const first = batch.records[0]!.offset
    const { attempts = 0, error = '' } = this.#progress ?? {}
    const outcome = attempts > 0 ? { kind: 'not-called' as const, error } : undefined
    const problem = await this.#tell(batch, first, end, { condition, attempts, outcome })
    if (problem !== undefined) {
      // What the function said is what its report is to say.
      const untold = failed(this.#progress, attempts > 0 ? error : problem, this.#nowMs())
      return await this.#waitAt(first, untold, problem)
    }
    return await this.#commit(end, progressBehind(this.#progress, end))
  }

  /** Tells the destination of the batch's records in a range, before they are committed. Undefined: it is told. */
  async #tell(batch: BatchBuilder, from: Offset, end: Offset, cause: Cause): Promise<string | undefined> {
    const records = batch.records.filter(({ offset }) => offset >= from && offset < end)
    const { trigger } = this.#known
    const givenUp = { trigger, partition: this.#partition, records }
    const eventOf = () => {
      const encoded = batch.encoded.map(
        (text, index) =>
          text ?? encodeRecord(trigger.topic, this.#partition.partition, batch.records[index]!),
      )
      return this.#eventOf(encoded.filter((_, index) => records.includes(batch.records[index]!)))
    }
    const problem = await giveUp(this.#parts.ports, givenUp, cause, eventOf)
    if (problem === undefined) this.#counts.givenUp += records.length
    return problem
  }

  /** Notes down what stands in the way, and comes back after a pause. */
  async #waitAt(offset: Offset, progress: Progress, reason: string): Promise<Ended | undefined> {
    const afterMs = pauseMs(progress.failures, this.#parts.ports.entropy.fraction())
    return await this.#commit(offset, progress, again(afterMs, reason))
  }

  /** Whatever is damaged stays there for somebody to see: it is not skipped. */
  async #onUnreadable(error: unknown): Promise<Ended | undefined> {
    if (!(error instanceof TidemarkError)) throw error
    switch (error.kafkaName) {
      case 'OFFSET_OUT_OF_RANGE':
        return await this.#onOutOfRange(error)
      case 'CORRUPT_MESSAGE':
      case 'INVALID_RECORD':
      case 'INVALID_TIMESTAMP':
      case 'MESSAGE_TOO_LARGE':
      case 'RECORD_LIST_TOO_LARGE':
      case 'UNSUPPORTED_COMPRESSION_TYPE': {
        const reason =
          `what is stored at offset ${this.#position} cannot be read (${error.message}). To go on behind it, pause ` +
          'the trigger, move the group, and resume the trigger'
        return await this.#waitAt(this.#position, failed(this.#progress, reason, this.#nowMs()), reason)
      }
      default:
        throw error
    }
  }

  /** Records were deleted, or nothing was committed: it goes on where the log starts. */
  async #onOutOfRange(error: TidemarkError): Promise<Ended | undefined> {
    const head = await this.#parts.startCall().read(() => this.#parts.ports.index.readHead(this.#partition))
    if (!head) return dropped('the topic is gone')
    if (this.#position > head.nextOffset) {
      return dropped(
        `the group has committed offset ${this.#position}, and the log ends at ${head.nextOffset}: reset the group`,
      )
    }
    this.#startLooks += 1
    if (this.#startLooks > START_LOOKS_MAX) throw error
    // What failed is gone with the records.
    if (this.#position < head.startOffset) this.#moveTo(head.startOffset, null)
    return undefined
  }

  /** Tells how it ended: with `ended`, or otherwise where somebody else is at the partition. */
  async #commit(offset: Offset, progress: Progress | null, ended?: Ended): Promise<Ended | undefined> {
    if (!(await this.#parts.claim.commit(offset, progress))) return await this.#onFenced()
    // While the batch was failing, nobody was woken for what was appended (see Dispatcher).
    if (this.#progress !== null && progress === null) this.#reader.lookAgain()
    this.#position = offset
    this.#progress = progress
    this.#reader.skipTo(offset)
    return ended
  }

  /** Somebody has moved the group, or delivers as well: from what they have left there. */
  async #onFenced(): Promise<Ended | undefined> {
    this.#fenced += 1
    if (this.#fenced >= FENCED_MAX) return again(TRIGGER_FENCED_PAUSE_MS, 'somebody else delivers, too')
    const ended = await this.#renewTrigger()
    if (ended) return ended
    const standing = await this.#parts.claim.take()
    if (!standing) return again(TRIGGER_BLOCKED_PAUSE_MS, 'a member of the group owns the partition by now')
    this.#stand(standing)
    return undefined
  }

  #eventOf(encoded: readonly string[]): string {
    const { topic } = this.#known.trigger
    return buildEvent(topic, this.#partition.partition, encoded, this.#parts.bootstrapServers)
  }

  #nowMs(): number {
    return this.#parts.ports.clock.nowMs()
  }

  #monotonicMs(): number {
    return this.#parts.ports.clock.monotonicMs()
  }
}
