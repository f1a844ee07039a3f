import type { LogBroker } from '../../../src/broker/log-broker.ts'
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
import { StoreFailed } from '../../../src/ports/outcome.ts'
import type { WakeUps } from '../../../src/ports/wake-ups.ts'
import { PAUSE_SEEN_MS } from '../promises/delivery.ts'
import type { SleepyProcess } from '../sleepy-process.ts'
import type { World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { POISON, SimulatedFunction } from './simulated-function.ts'
import { dedupeKeyOf, type Received, WakeUpQueue } from './wake-up-queue.ts'

const TOPIC = 'delivered'
const DESTINATION = 'arn:aws:sqs:eu-central-1:123456789012:failed'
const PARTITIONS = 3
/** It never has poison: whatever becomes of the others, it goes on. */
const CLEAN_PARTITION = PARTITIONS - 1
const DELIVERERS = 3
const TRIGGERS = 2
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

/**
 * Triggers: deliverers that die at any call, wake-ups that are lost, late or repeated, functions that throw, time out,
 * are throttled or name what failed, records that no function takes, destinations that fail, pauses and resets. In the
 * end everything must have succeeded or have been told of.
 */
export const triggers: ActorKind = {
  name: 'triggers',
  isNeverSilent: true,
  make: world => new TriggerWork(world),
}

class TriggerWork implements Actor {
  readonly #world: World
  readonly #queue: WakeUpQueue
  readonly #failures: FailureDestinations
  readonly #broker: LogBroker
  readonly #functions = new Map<string, SimulatedFunction>()
  readonly #triggers: Trigger[] = []
  #topicId = ''
  #changes = 0
  #started = 0
  /** Groups whose trigger somebody pauses and resumes. */
  readonly #interfering = new Set<string>()
  /** Until when the destination takes nothing. */
  #destinationBackMs = 0

  constructor(world: World) {
    this.#world = world
    this.#queue = new WakeUpQueue(world.clock, world.defect.dedupeKeyOf ?? dedupeKeyOf)
    const failures: FailureDestinations = {
      send: async (_, givenUp) => world.delivery.toldOf(givenUp),
    }
    this.#failures = world.defect.failures ?? failures
    this.#broker = world.openPlainBroker()
  }

  async prepare(): Promise<void> {
    const { topicId } = await this.#broker.createTopic({ topic: TOPIC, partitions: PARTITIONS })
    this.#topicId = topicId
    for (let index = 0; index < TRIGGERS; index += 1) {
      const groupId = `group-${index}`
      this.#world.ownership.mayBeMovedBack(groupId)
      const trigger = await this.#control().put({
        groupId,
        topic: TOPIC,
        target: `function-${index}`,
        settings: this.#drawSettings(),
      })
      this.#triggers.push(trigger)
      this.#world.delivery.watchTrigger(trigger, this.#partitions())
      this.#functions.set(trigger.target, new SimulatedFunction(trigger, topicId, this.#world))
    }
    for (let index = 0; index < DELIVERERS; index += 1) this.#startDeliverer()
    this.#world.spawn(this.#sweepForEver())
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await clock.sleep(random.integer(50, 3_000))
      const draw = random.fraction()
      if (draw < 0.83) await this.#append()
      else if (draw < 0.87) this.#destinationBackMs = clock.monotonicMs() + random.integer(1_000, 60_000)
      else this.#world.spawn(this.#interfere(random.pick(this.#triggers)))
    }
  }

  async settle(): Promise<void> {
    for (const each of this.#functions.values()) each.isReliable = true
    await this.#catchUp(true)
    for (const each of this.#functions.values()) each.isMended = true
    await this.#catchUp(false)
    await this.#hearNews()
  }

  #drawSettings(): Partial<TriggerSettings> {
    const retryAttempts = this.#world.random.pick([null, 0, 1, 3])
    return {
      batchSize: this.#world.random.integer(1, 6),
      maxBatchingWindowMs: this.#world.random.pick([0, 0, 700, 2_000]),
      parallelism: this.#world.random.pick([null, null, 1, 2]),
      retryAttempts,
      ...(retryAttempts !== null && { onFailure: DESTINATION }),
      maxRecordAgeMs: retryAttempts === null ? null : this.#world.random.pick([null, 60_000]),
      bisectBatchOnError: this.#world.random.fraction() < 0.5,
      reportBatchItemFailures: this.#world.random.fraction() < 0.5,
      filters: this.#world.random.pick([[], [JSON.stringify({ key: ['keep'] })]]),
      callTimeoutMs: CALL_TIMEOUT_MS,
    }
  }

  /** Starts a deliverer with a clock of its own, and another in its place some time after it has died. */
  #startDeliverer(): void {
    const { clock, random, faults } = this.#world
    this.#started += 1
    const { process, ports, network } = this.#world.start(`deliverer ${this.#started}`, 0)
    const directory = new TopicDirectory(ports.topics, ports.clock)
    const failures: FailureDestinations = {
      send: async (...args) => {
        if (clock.monotonicMs() < this.#destinationBackMs) throw new StoreFailed('gone in the simulation')
        return await network.write(() => this.#failures.send(...args))
      },
    }
    const functions = {
      call: (target: string, event: string, timeoutMs: number) =>
        this.#functions
          .get(target)!
          .calledFrom(process, faults.of(process, 0))
          .call(target, event, timeoutMs),
    }
    const broker = this.#world.openBroker(ports)
    const delivery = new Delivery({ ...ports, functions, failures }, broker, directory, {
      bootstrapServers: 'simulated:443',
      triggerCacheMs: random.pick([0, 1_000]),
    })
    this.#world.spawn(this.#workOnWakeUps(delivery, process))
    void process.died.then(async () => {
      await clock.sleep(random.integer(1, 2_000))
      this.#startDeliverer()
    })
  }

  async #workOnWakeUps(delivery: Delivery, process: SleepyProcess): Promise<void> {
    while (process.isAlive) {
      const received = await this.#queue.receive(VISIBILITY_MS)
      const work = delivery.deliver(received.wakeUp, {
        deadlineMs: this.#world.clock.monotonicMs() + DELIVERER_TIME_MS,
        sentMs: received.sentMs,
        beforeCall: timeoutMs => process.receive(this.#keep(received, timeoutMs)),
      })
      work.catch(this.#world.noteDefect)
      const delivered = await Promise.race([work, process.died.then(() => undefined)])
      if (!delivered) return
      await this.#world.clock.sleep(this.#world.random.integer(1, 30))
      // An answer that the queue does not hear: the wake-up comes again in its time.
      if (this.#world.isFaulty && this.#world.random.fraction() < 0.05) continue
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
    await this.#world.clock.sleep(this.#world.random.integer(1, 20))
    this.#queue.hide(received, timeoutMs + RESERVE_MS)
  }

  /** Brings changes to a dispatcher until it has taken them, as a stream does; now and then one is lost, or comes again. */
  async #dispatch(changed: Parameters<Dispatcher['wakeChanged']>[0]): Promise<void> {
    this.#changes += 1
    const occasion = `change-${this.#changes}`
    const draw = this.#world.isFaulty ? this.#world.random.fraction() : 1
    if (draw < 0.1) return
    await this.#world.clock.sleep(
      draw < 0.2 ? this.#world.random.integer(1_000, 20_000) : this.#world.random.integer(5, 300),
    )
    for (let isRepeated = draw < 0.3; ; ) {
      const isDone = await this.#withDispatcher(dispatcher => dispatcher.wakeChanged(changed, occasion))
      if (isDone && !isRepeated) return
      if (isDone) isRepeated = false
      await this.#world.clock.sleep(this.#world.random.integer(100, 1_000))
    }
  }

  async #sweepForEver(): Promise<void> {
    for (;;) {
      await this.#world.clock.sleep(SWEEP_INTERVAL_MS)
      const deadlineMs = this.#world.clock.monotonicMs() + 60_000
      await this.#withDispatcher(dispatcher => dispatcher.sweep(deadlineMs))
    }
  }

  /** Undefined: it died, or could not do it. */
  async #withDispatcher<T>(work: (dispatcher: Dispatcher) => Promise<T>): Promise<T | undefined> {
    this.#started += 1
    const { process, ports, network } = this.#world.start(`dispatcher ${this.#started}`, 0)
    const wakeUps: WakeUps = {
      wake: (...args) => network.write(() => this.#queue.wake(...args)),
    }
    const directory = new TopicDirectory(ports.topics, ports.clock)
    const done = work(new Dispatcher({ ...ports, wakeUps }, directory))
    done.catch(this.#world.noteDefect)
    try {
      return await Promise.race([done, process.died.then(() => undefined)])
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      return undefined
    }
  }

  async #append(): Promise<void> {
    const partition = this.#world.random.integer(0, PARTITIONS - 1)
    const drawn = Array.from({ length: this.#world.random.integer(1, 6) }, () => ({
      isKept: this.#world.random.fraction() < 0.7,
      isPoison: partition !== CLEAN_PARTITION && this.#world.random.fraction() < 0.08,
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
        timestampMs: this.#world.clock.nowMs(),
      })),
    )
    const { baseOffset } = await this.#broker.produce({ topic: TOPIC, partition, batches })
    const id = { topicId: this.#topicId, partition }
    this.#world.count('appended', drawn.length)
    this.#world.delivery.appended(
      id,
      drawn.map((each, index) => ({ ...each, offset: baseOffset + index })),
    )
    this.#world.spawn(this.#dispatch({ partitions: [id], triggers: [] }))
  }

  /** Pauses a trigger, may move its group back, and resumes it; or resumes it while it is active. */
  async #interfere({ groupId, topic }: Trigger): Promise<void> {
    const name = { groupId, topic }
    if (this.#interfering.has(groupId)) return
    this.#interfering.add(groupId)
    if (this.#world.random.fraction() < 0.8) {
      await this.#control().pause(name)
      this.#world.delivery.paused(groupId, this.#world.clock.monotonicMs())
      await this.#world.clock.sleep(
        this.#world.random.pick([this.#world.random.integer(0, 8_000), PAUSE_SEEN_MS + 10_000]),
      )
      if (this.#world.random.fraction() < 0.5) await this.#reset(groupId)
    }
    this.#world.delivery.paused(groupId, Number.POSITIVE_INFINITY)
    await this.#control().resume(name)
    this.#interfering.delete(groupId)
    await this.#dispatch({ partitions: [], triggers: [name] })
  }

  async #reset(groupId: string): Promise<void> {
    const partition = this.#world.random.integer(0, PARTITIONS - 1)
    const committed = this.#world.delivery.committedOf(groupId, { topicId: this.#topicId, partition })
    const offset = toOffset(this.#world.random.integer(0, committed))
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
  async #catchUp(isPoisoned: boolean): Promise<void> {
    const untilMs = this.#world.clock.monotonicMs() + SETTLING_MS
    for (;;) {
      const problem = this.#findUnsettled(isPoisoned)
      if (problem === undefined) return
      if (this.#world.clock.monotonicMs() > untilMs) throw new Error(`stalled: ${problem}`)
      await this.#world.clock.sleep(5_000)
    }
  }

  #findUnsettled(isPoisoned: boolean): string | undefined {
    for (const { groupId, settings } of this.#triggers) {
      const partitions = this.#partitions()
      const stalled = partitions.filter(
        each => settings.retryAttempts === null && this.#world.delivery.hasPoison(each),
      )
      const lanes = new Set(isPoisoned ? stalled.map(({ partition }) => laneOf(settings, partition)) : [])
      for (const partition of partitions) {
        if (lanes.has(laneOf(settings, partition.partition))) continue
        const problem = this.#world.delivery.findBehind(groupId, partition)
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
      await this.#world.clock.sleep(NEWS_MS)
      const problem = this.#findUnsettled(false)
      if (problem !== undefined) throw new Error(`late: ${problem}`)
    }
  }

  #partitions(): PartitionId[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ topicId: this.#topicId, partition }))
  }

  #control(): Triggers {
    const ports = this.#world.plainPorts()
    return new Triggers(ports, new TopicDirectory(ports.topics, ports.clock))
  }
}
