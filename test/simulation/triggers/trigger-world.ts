import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { clockOf, type FaultSource, SimulatedProcess } from '../../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { loadGroupUseCases } from '../../../src/broker/groups/load-use-cases.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { Delivery } from '../../../src/broker/triggers/delivering/delivery.ts'
import { Dispatcher } from '../../../src/broker/triggers/dispatcher.ts'
import { Triggers } from '../../../src/broker/triggers/triggers.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { laneOf } from '../../../src/core/trigger/lane.ts'
import type { Trigger, TriggerSettings } from '../../../src/core/trigger/trigger.ts'
import type { FailureDestinations } from '../../../src/ports/failure-destinations.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import type { TriggerStore } from '../../../src/ports/trigger-store.ts'
import { groupStoreAcross } from '../groups/group-store-across.ts'
import type { ClaimDecisions } from '../groups/group-world.ts'
import { RandomFaults } from '../random-faults.ts'
import { withFaults } from '../with-faults.ts'
import { DeliveryRecord, PAUSE_SEEN_MS } from './delivery-record.ts'
import { POISON, SimulatedFunction } from './simulated-function.ts'
import { type DedupeKey, dedupeKeyOf, type Received, WakeUpQueue } from './wake-up-queue.ts'

// Now: virtual time does not wait for a file to be loaded.
await loadGroupUseCases()

const TOPIC = 'simulated'
const DESTINATION = 'arn:aws:sqs:eu-central-1:123456789012:failed'
const PARTITIONS = 3
/** It never has poison: whatever becomes of the others, it goes on. */
const CLEAN_PARTITION = PARTITIONS - 1
const DELIVERERS = 3
const TRIGGERS = 2
const START_MS = Date.UTC(2026, 0, 1)
const SKEW_MS_MAX = 3_000
const CHAOS_STEPS = 40
const CALL_TIMEOUT_MS = 3_000
/** How long a wake-up is hidden when it is received, and beyond a call: short, so that two work on one at times. */
const VISIBILITY_MS = 5_000
const RESERVE_MS = 2_000
/** What a function’s own time-out is to a deliverer. */
const DELIVERER_TIME_MS = 30_000
const SWEEP_INTERVAL_MS = 5 * 60_000
/** A sweep after the last fault, the longest pause, and the retries that are left. */
const SETTLING_MS = 20 * 60_000
/** How soon a record is delivered when nothing fails, and no sweep helps. */
const NEWS_MS = 20_000

/** What a run is made with, so that a test can see that what is broken is noticed. */
export interface TriggerParts {
  readonly claimDecisions?: ClaimDecisions
  readonly dedupeKeyOf?: DedupeKey
  readonly wrapFailures?: (failures: FailureDestinations) => FailureDestinations
  readonly wrapGroups?: (groups: GroupStore) => GroupStore
}

/** What happened in a run, to see that it was not idle. */
export interface TriggerRunReport {
  readonly records: number
  readonly calls: number
  readonly repeats: number
  readonly told: number
  readonly commits: number
  readonly resets: number
  readonly crashes: number
  readonly faults: number
}

/**
 * One run, all of it drawn from the seed: deliverers with clocks that differ and that die at any call, wake-ups that are
 * lost, late or repeated, functions that throw, time out, are throttled or name what failed, records that no function
 * takes, destinations that fail, pauses and resets. In the end everything must have succeeded or have been told of.
 * @throws Error that says what was promised and not kept
 */
export async function runTriggerWorld(seed: number, parts: TriggerParts = {}): Promise<TriggerRunReport> {
  return await new TriggerWorld(seed, parts).run()
}

class TriggerWorld {
  readonly #random: SeededEntropy
  readonly #clock = new VirtualClock(START_MS)
  readonly #faults: RandomFaults
  readonly #stores: Omit<Ports, 'clock' | 'entropy'>
  readonly #record = new DeliveryRecord()
  readonly #queue: WakeUpQueue
  readonly #failures: FailureDestinations
  readonly #broker: LogBroker
  readonly #defects: unknown[] = []
  readonly #functions = new Map<string, SimulatedFunction>()
  readonly #triggers: Trigger[] = []
  #topicId = ''
  #records = 0
  #crashes = 0
  #changes = 0
  #isChaotic = false
  /** Groups whose trigger somebody pauses and resumes. */
  readonly #interfering = new Set<string>()
  /** Until when the destination takes nothing. */
  #destinationBackMs = 0

  constructor(seed: number, parts: TriggerParts) {
    this.#random = new SeededEntropy(seed)
    this.#faults = new RandomFaults(new SeededEntropy(seed ^ 0x5eed))
    this.#queue = new WakeUpQueue(this.#clock, parts.dedupeKeyOf ?? dedupeKeyOf)
    const store = openMemoryStore(this.#clock, parts.claimDecisions)
    const groups = this.#record.watchCommits(store.groups)
    this.#stores = { ...store, groups: parts.wrapGroups?.(groups) ?? groups }
    const failures: FailureDestinations = {
      send: async (_, givenUp) => this.#record.toldOf(givenUp),
    }
    this.#failures = parts.wrapFailures?.(failures) ?? failures
    this.#broker = this.#openBroker(this.#plainPorts())
  }

  async run(): Promise<TriggerRunReport> {
    await this.#drive(this.#prepare())
    for (let index = 0; index < DELIVERERS; index += 1) this.#startDeliverer()
    this.#spawn(this.#sweepForEver())
    this.#faults.start()
    this.#isChaotic = true
    await this.#drive(this.#causeChaos())
    this.#faults.stop()
    this.#isChaotic = false
    for (const functions of this.#functions.values()) functions.isReliable = true
    await this.#drive(this.#settle(true))
    for (const functions of this.#functions.values()) functions.isMended = true
    await this.#drive(this.#settle(false))
    await this.#drive(this.#hearNews())
    const { calls, repeats, told, commits, resets } = this.#record
    return {
      records: this.#records,
      calls,
      repeats,
      told,
      commits,
      resets,
      crashes: this.#crashes,
      faults: this.#faults.count,
    }
  }

  async #prepare(): Promise<void> {
    const { topicId } = await this.#broker.createTopic({ topic: TOPIC, partitions: PARTITIONS })
    this.#topicId = topicId
    for (let index = 0; index < TRIGGERS; index += 1) {
      const trigger = await this.#control().put({
        groupId: `group-${index}`,
        topic: TOPIC,
        target: `function-${index}`,
        settings: this.#drawSettings(),
      })
      this.#triggers.push(trigger)
      this.#record.watchTrigger(trigger, this.#partitions())
      const { clock, entropy } = this.#plainPorts()
      const made = new SimulatedFunction(
        trigger,
        topicId,
        entropy as SeededEntropy,
        clock as VirtualClock,
        this.#record,
      )
      this.#functions.set(trigger.target, made)
    }
  }

  #drawSettings(): Partial<TriggerSettings> {
    const retryAttempts = this.#random.pick([null, 0, 1, 3])
    return {
      batchSize: this.#random.integer(1, 6),
      maxBatchingWindowMs: this.#random.pick([0, 0, 700, 2_000]),
      parallelism: this.#random.pick([null, null, 1, 2]),
      retryAttempts,
      ...(retryAttempts !== null && { onFailure: DESTINATION }),
      maxRecordAgeMs: retryAttempts === null ? null : this.#random.pick([null, 60_000]),
      bisectBatchOnError: this.#random.fraction() < 0.5,
      reportBatchItemFailures: this.#random.fraction() < 0.5,
      filters: this.#random.pick([[], [JSON.stringify({ key: ['keep'] })]]),
      callTimeoutMs: CALL_TIMEOUT_MS,
    }
  }

  /** Starts a deliverer with a clock of its own, and another in its place some time after it has died. */
  #startDeliverer(): void {
    const process = new SimulatedProcess()
    const ports = this.#portsOf(process, this.#faults)
    const directory = new TopicDirectory(ports.topics, ports.clock)
    const across = withFaults(this.#failures, ['send'], this.#faults, process, this.#clock)
    const failures: FailureDestinations = {
      send: async (...args) => {
        if (this.#clock.nowMs() < this.#destinationBackMs) throw new StoreFailed('gone in the simulation')
        return await across.send(...args)
      },
    }
    const functions = {
      call: (target: string, event: string, timeoutMs: number) =>
        this.#functions.get(target)!.calledFrom(process, this.#faults).call(target, event, timeoutMs),
    }
    const broker = this.#openBroker(ports)
    const delivery = new Delivery({ ...ports, functions, failures }, broker, directory, {
      bootstrapServers: 'simulated:443',
      triggerCacheMs: this.#random.pick([0, 1_000]),
    })
    this.#spawn(this.#workOnWakeUps(delivery, process))
    void process.died.then(async () => {
      this.#crashes += 1
      await this.#clock.sleep(this.#random.integer(1, 2_000))
      this.#startDeliverer()
    })
  }

  async #workOnWakeUps(delivery: Delivery, process: SimulatedProcess): Promise<void> {
    while (process.isAlive) {
      const received = await this.#queue.receive(VISIBILITY_MS)
      const nowMs = this.#clock.nowMs()
      const work = delivery.deliver(received.wakeUp, {
        deadlineMs: nowMs + DELIVERER_TIME_MS,
        sentMs: received.sentMs,
        beforeCall: timeoutMs => process.receive(this.#keep(received, timeoutMs)),
      })
      work.catch(this.#noteDefect)
      const delivered = await Promise.race([work, process.died.then(() => undefined)])
      if (!delivered) return
      await this.#clock.sleep(this.#random.integer(1, 30))
      // An answer that the queue does not hear: the wake-up comes again in its time.
      if (this.#isChaotic && this.#random.fraction() < 0.05) continue
      const { outcome, afterMs, lane } = delivered
      if (outcome === 'again' && lane === undefined) this.#queue.hide(received, afterMs)
      else {
        if (lane !== undefined)
          await this.#queue.wake([{ ...received.wakeUp, lane }], `turn-${received.receipt}`)
        this.#queue.delete(received)
      }
    }
  }

  async #keep(received: Received, timeoutMs: number): Promise<void> {
    await this.#clock.sleep(this.#random.integer(1, 20))
    this.#queue.hide(received, timeoutMs + RESERVE_MS)
  }

  /** Brings changes to a dispatcher until it has taken them, as a stream does; now and then one is lost, or comes again. */
  async #dispatch(changed: Parameters<Dispatcher['wakeChanged']>[0]): Promise<void> {
    this.#changes += 1
    const occasion = `change-${this.#changes}`
    const draw = this.#isChaotic ? this.#random.fraction() : 1
    if (draw < 0.1) return
    await this.#clock.sleep(draw < 0.2 ? this.#random.integer(1_000, 20_000) : this.#random.integer(5, 300))
    for (let isRepeated = draw < 0.3; ; ) {
      const isDone = await this.#withDispatcher(dispatcher => dispatcher.wakeChanged(changed, occasion))
      if (isDone && !isRepeated) return
      if (isDone) isRepeated = false
      await this.#clock.sleep(this.#random.integer(100, 1_000))
    }
  }

  async #sweepForEver(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(SWEEP_INTERVAL_MS)
      const deadlineMs = this.#clock.nowMs() + 60_000
      await this.#withDispatcher(dispatcher => dispatcher.sweep(deadlineMs))
    }
  }

  /** Undefined: it died, or could not do it. */
  async #withDispatcher<T>(work: (dispatcher: Dispatcher) => Promise<T>): Promise<T | undefined> {
    const process = new SimulatedProcess()
    const ports = this.#portsOf(process, this.#faults)
    const wakeUps = withFaults(this.#queue, ['wake'], this.#faults, process, this.#clock)
    const directory = new TopicDirectory(ports.topics, ports.clock)
    const done = work(new Dispatcher({ ...ports, wakeUps }, directory))
    done.catch(this.#noteDefect)
    try {
      return await Promise.race([done, process.died.then(() => undefined)])
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      return undefined
    }
  }

  #portsOf(process: SimulatedProcess, faults: FaultSource): Ports {
    const skewMs = this.#random.integer(-SKEW_MS_MAX / 2, SKEW_MS_MAX / 2)
    const { topics, groups, triggers, index, objects } = this.#stores
    const across = <T extends object>(port: T) => withFaults(port, [], faults, process, this.#clock)
    return {
      topics: across(topics),
      groups: groupStoreAcross(groups, faults, process, this.#clock),
      triggers: triggerStoreAcross(triggers, faults, process, this.#clock),
      index: across(index),
      objects: across(objects),
      clock: { ...clockOf(process, this.#clock), nowMs: () => this.#clock.nowMs() + skewMs },
      entropy: this.#random,
    }
  }

  async #causeChaos(): Promise<void> {
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await this.#clock.sleep(this.#random.integer(50, 3_000))
      const draw = this.#random.fraction()
      if (draw < 0.83) await this.#append()
      else if (draw < 0.87)
        this.#destinationBackMs = this.#clock.nowMs() + this.#random.integer(1_000, 60_000)
      else this.#spawn(this.#interfere(this.#random.pick(this.#triggers)))
    }
  }

  async #append(): Promise<void> {
    const partition = this.#random.integer(0, PARTITIONS - 1)
    const drawn = Array.from({ length: this.#random.integer(1, 6) }, () => ({
      isKept: this.#random.fraction() < 0.7,
      isPoison: partition !== CLEAN_PARTITION && this.#random.fraction() < 0.08,
    }))
    await this.#appendTo(partition, drawn)
  }

  async #appendTo(
    partition: number,
    drawn: readonly { readonly isKept: boolean; readonly isPoison: boolean }[],
  ): Promise<void> {
    const batches = encodeBatch(
      drawn.map(({ isKept, isPoison }) => ({
        key: Buffer.from(isKept ? 'keep' : 'skip'),
        value: Buffer.from(isPoison ? POISON : 'fine'),
        timestampMs: this.#clock.nowMs(),
      })),
    )
    const { baseOffset } = await this.#broker.produce({ topic: TOPIC, partition, batches })
    const id = { topicId: this.#topicId, partition }
    this.#records += drawn.length
    this.#record.appended(
      id,
      drawn.map((each, index) => ({ ...each, offset: baseOffset + index })),
    )
    this.#spawn(this.#dispatch({ partitions: [id], triggers: [] }))
  }

  /** Pauses a trigger, may move its group back, and resumes it; or resumes it while it is active. */
  async #interfere({ groupId, topic }: Trigger): Promise<void> {
    const name = { groupId, topic }
    if (this.#interfering.has(groupId)) return
    this.#interfering.add(groupId)
    if (this.#random.fraction() < 0.8) {
      await this.#control().pause(name)
      this.#record.paused(groupId, this.#clock.nowMs())
      await this.#clock.sleep(this.#random.pick([this.#random.integer(0, 8_000), PAUSE_SEEN_MS + 10_000]))
      if (this.#random.fraction() < 0.5) await this.#reset(groupId)
    }
    this.#record.paused(groupId, Number.POSITIVE_INFINITY)
    await this.#control().resume(name)
    this.#interfering.delete(groupId)
    await this.#dispatch({ partitions: [], triggers: [name] })
  }

  async #reset(groupId: string): Promise<void> {
    const partition = this.#random.integer(0, PARTITIONS - 1)
    const committed = this.#record.committedOf(groupId, { topicId: this.#topicId, partition })
    const offset = toOffset(this.#random.integer(0, committed))
    const [answer] = await this.#broker.commitOffsets({
      groupId,
      offsets: [{ topic: TOPIC, partition, offset }],
    })
    // Somebody has resumed the trigger meanwhile.
    if (answer!.error && answer!.error.kafkaName !== 'UNKNOWN_MEMBER_ID')
      throw new Error(answer!.error.message)
  }

  /**
   * Waits until everything is dealt with, which must be in time.
   * @param isPoisoned whether partitions with poison may stall, and those that share their lanes
   */
  async #settle(isPoisoned: boolean): Promise<void> {
    const untilMs = this.#clock.nowMs() + SETTLING_MS
    for (;;) {
      const problem = this.#findUnsettled(isPoisoned)
      if (problem === undefined) return
      if (this.#clock.nowMs() > untilMs) throw new Error(`stalled: ${problem}`)
      await this.#clock.sleep(5_000)
    }
  }

  #findUnsettled(isPoisoned: boolean): string | undefined {
    for (const { groupId, settings } of this.#triggers) {
      const partitions = this.#partitions()
      const stalled = partitions.filter(
        each => settings.retryAttempts === null && this.#record.hasPoison(each),
      )
      const lanes = new Set(isPoisoned ? stalled.map(({ partition }) => laneOf(settings, partition)) : [])
      for (const partition of partitions) {
        if (lanes.has(laneOf(settings, partition.partition))) continue
        const problem = this.#record.findBehind(groupId, partition)
        if (problem !== undefined) return problem
      }
    }
    return undefined
  }

  /** Where nothing fails, a wake-up is enough: no record waits for a sweep. */
  async #hearNews(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        await this.#appendTo(partition, [{ isKept: true, isPoison: false }])
      }
      await this.#clock.sleep(NEWS_MS)
      const problem = this.#findUnsettled(false)
      if (problem !== undefined) throw new Error(`late: ${problem}`)
    }
  }

  #partitions(): PartitionId[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ topicId: this.#topicId, partition }))
  }

  #plainPorts(): Ports {
    return { ...this.#stores, clock: this.#clock, entropy: this.#random }
  }

  #control(): Triggers {
    const ports = this.#plainPorts()
    return new Triggers(ports, new TopicDirectory(ports.topics, ports.clock))
  }

  #openBroker(ports: Ports): LogBroker {
    return new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError: this.#noteDefect })
  }

  /** Of calls that nobody waits for any more, a store’s trouble is of no interest. */
  readonly #noteDefect = (error: unknown): void => {
    if (!(error instanceof TidemarkError)) this.#defects.push(error)
  }

  #spawn(work: Promise<unknown>): void {
    work.catch(error => this.#defects.push(error))
  }

  /** Lets time pass until the work is done. @throws whatever was promised and not kept meanwhile */
  async #drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    const isOver = () => isDone || this.#record.violation !== undefined || this.#defects.length > 0
    await this.#clock.runUntil(isOver)
    if (this.#record.violation) throw this.#record.violation
    if (this.#defects.length > 0) throw this.#defects[0]
    return await work
  }
}

/** The trigger store as a process sees it across an unreliable network; a listing is one call that can fail. */
function triggerStoreAcross(
  store: TriggerStore,
  faults: FaultSource,
  process: SimulatedProcess,
  clock: VirtualClock,
): TriggerStore {
  const calls = withFaults(store, [], faults, process, clock)
  const listings = withFaults(
    { all: (groupId?: string) => collect(store.triggers(groupId)) },
    [],
    faults,
    process,
    clock,
  )
  return new Proxy(calls, {
    get: (target, name) =>
      name === 'triggers'
        ? async function* (groupId?: string) {
            yield* await listings.all(groupId)
          }
        : Reflect.get(target, name),
  })
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
