import { DECISIONS, type Decisions } from '../../src/adapters/items/decisions.ts'
import { storesOver } from '../../src/adapters/items/stores.ts'
import { type MemoryStore, openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { clockOf, Network } from '../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { isTransient } from '../../src/broker/store-calls/retry.ts'
import { VerifySummary } from '../../src/broker/verifying/finding.ts'
import { verify } from '../../src/broker/verifying/verify.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { PRODUCER_SILENT_MS_MAX } from '../../src/core/limits.ts'
import type { Ports } from '../../src/ports/index.ts'
import { itemsAcross, objectsAcross } from './across.ts'
import type { Actor, ActorKind } from './actors/actor.ts'
import { ClockSettings } from './clock-settings.ts'
import { History } from './history.ts'
import './load-all.ts'
import type { Defect, WrapPorts } from './planted-defect.ts'
import { countPromises, makePromises, type WorldPromises, watchItems } from './promises/index.ts'
import { RandomFaults } from './random-faults.ts'
import { SleepyProcess } from './sleepy-process.ts'
import { WatchedObjects } from './watched-objects.ts'

const PROCESSES = 2
const START_MS = Date.UTC(2026, 0, 1)
/** A topic that is there from the beginning to the end. */
const LASTING_TOPIC = 'simulated'
export const LASTING_PARTITIONS = 2
/** Kept however old, in segments so small that there are many. */
const LASTING_CONFIGS = { 'retention.ms': '-1', 'segment.bytes': '2000' }
/** How far apart the clocks of two processes are at most that are kept right. */
export const NEAR_SKEW_MS_MAX = 3_000
/** Long enough for a producer to leave the head: how long it is silent, or how far ahead a process's clock may be. */
export const FAR_SKEW_MS = PRODUCER_SILENT_MS_MAX + 5_000
/** In how many of its calls a broker falls asleep. */
const BROKER_SLEEP_SHARE = 0.002
/** Before whatever time any clock of a run shows: no broker takes a record for one from the future. */
const RECORDS_BEFORE_MS = 60 * 3_600_000
/** By when what the faults have delayed has landed. */
const LATE_MS_MAX = 3_500
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How long all are away who do not keep the store up. */
const NIGHT_MS = [14 * HOUR_MS, 28 * HOUR_MS] as const

/** What happened in a run. */
export interface WorldReport {
  /** To see that it was not idle. */
  readonly counts: Readonly<Record<string, number>>
  /** Of everything that happened, in order. */
  readonly digest: string
}

export interface WorldOptions {
  /** Who takes part. */
  readonly actors: readonly ActorKind[]
  /** How often they do so, with a night in between in which only upkeep goes on; once unless set. */
  readonly days?: number | undefined
  /** What to break on purpose. */
  readonly defect?: Defect | undefined
  /** Is given each line of the history as it is written. */
  readonly print?: ((line: string) => void) | undefined
}

/** A process, and what it sees of the outside. */
export interface Running {
  readonly process: SleepyProcess
  readonly ports: Ports
  readonly network: Network
}

/**
 * One run, all of it drawn from the seed: actors use one store through processes that lose requests and answers, hear late
 * of what was done, sleep, die at any call, and have clocks that are wrong. What was promised to anybody is held against
 * every change as it is made, and against the whole once everything has come to rest.
 * @throws Error that says what was promised and not kept
 */
export async function runWorld(seed: number, options: WorldOptions): Promise<WorldReport> {
  return await new World(seed, options).run()
}

export class World {
  readonly seed: number
  readonly random: SeededEntropy
  readonly clock = new VirtualClock(START_MS)
  readonly history: History
  readonly settings: ClockSettings
  readonly faults: RandomFaults
  readonly defect: Defect
  /** Without any faults: for checks, and for what is of no interest. */
  readonly store: MemoryStore & { readonly objects: WatchedObjects }
  readonly promises: WorldPromises
  readonly topics: WorldPromises['topics']
  readonly log: WorldPromises['log']
  readonly ownership: WorldPromises['ownership']
  readonly delivery: WorldPromises['delivery']
  readonly classic: WorldPromises['classic']
  /** Those that live. */
  readonly processes = new Set<SleepyProcess>()
  readonly brokers: (Running & { readonly broker: LogBroker })[] = []
  /** Topics that whoever writes or reads may take. */
  readonly #topicNames: string[] = []
  readonly #kinds: readonly ActorKind[]
  readonly #days: number
  /** Which day it is, from 1 on. */
  day = 1
  readonly #actors: readonly Actor[]
  readonly #decisions: Decisions
  readonly #wrapPorts: WrapPorts
  readonly #farSkewsMs: readonly number[]
  #areClocksRight = false
  #failure: Error | undefined
  #crashes = 0
  #nextValue = 0
  readonly #counts = new Map<string, number>()

  constructor(seed: number, { actors, days = 1, defect = {}, print }: WorldOptions) {
    this.seed = seed
    this.random = new SeededEntropy(seed)
    this.history = new History(this.clock, print)
    this.settings = new ClockSettings(this.clock, this.history)
    this.faults = new RandomFaults(new SeededEntropy(seed ^ 0x5eed), this.history, days > 1)
    this.defect = defect
    this.#kinds = actors
    this.#days = days
    const objects = new WatchedObjects(this.clock)
    const skewMs = this.skewMsMax + (this.areClocksSet ? 3 * DAY_MS : 0)
    this.promises = makePromises(this.clock, objects, skewMs, this.violated)
    this.topics = this.promises.topics
    this.log = this.promises.log
    this.ownership = this.promises.ownership
    this.delivery = this.promises.delivery
    this.classic = this.promises.classic
    const headCost = actors.find(kind => kind.headCost)?.headCost
    const decisions = { ...DECISIONS, ...(headCost && { headCost }), ...defect.decisions }
    this.#decisions = this.ownership.watch(decisions)
    const store = openMemoryStore(this.clock, this.#decisions, this.#takesEffects)
    this.store = { ...store, objects, transactions: this.promises.transactions.watch(store.transactions) }
    watchItems(this.store.items, this.promises)
    this.#wrapPorts = defect.ports?.(this.store, this.clock) ?? (ports => ports)
    this.#farSkewsMs = Array.from({ length: PROCESSES }, () => this.random.pick([0, 0, FAR_SKEW_MS]))
    this.#actors = actors.map(kind => kind.make(this))
  }

  async run(): Promise<WorldReport> {
    await this.#drive(this.#prepare())
    this.faults.start()
    for (;;) {
      await this.#drive(Promise.all(this.#actors.map(actor => actor.live())))
      if (this.day === this.#days) break
      await this.#drive(this.#night())
      this.day += 1
    }
    this.faults.stop()
    this.#areClocksRight = true
    this.settings.mend()
    await this.#drive(this.#comeToRest())
    // Upkeep comes after the last flusher: one that finds a block which nobody cut by has uploaded in vain.
    if (this.#decisions.headCost) await this.#drive(this.#tidyUp())
    await this.#drive(Promise.all(this.#actors.map(actor => actor.settle?.())))
    await this.#drive(this.#tidyUp())
    await this.#drive(this.#check())
    return { counts: this.#report(), digest: this.history.digest() }
  }

  /** How far apart two clocks may be while there are faults. */
  get skewMsMax(): number {
    return this.#areClocksFar ? FAR_SKEW_MS + NEAR_SKEW_MS_MAX : NEAR_SKEW_MS_MAX
  }

  get #areClocksFar(): boolean {
    return this.#kinds.some(({ wantsFarClocks }) => wantsFarClocks)
  }

  get #doFlush(): boolean {
    return this.#kinds.some(({ wantsFlushes }) => wantsFlushes)
  }

  /** Whether somebody sets clocks, by hours. */
  get areClocksSet(): boolean {
    return this.#kinds.some(({ setsClocks }) => setsClocks)
  }

  get hasNights(): boolean {
    return this.#days > 1
  }

  /** Whether nothing happens while nobody wants anything. */
  get fallsSilent(): boolean {
    return !this.#kinds.some(({ isNeverSilent }) => isNeverSilent)
  }

  /** Whether the store changes several items in one step: where it does, few transactions take single ones. */
  get #takesEffects(): boolean {
    return this.seed % 3 === 0
  }

  /** Whether there are still faults to come. */
  get isFaulty(): boolean {
    return !this.#areClocksRight
  }

  /** A promise was broken. Kept and not thrown: a late write has nobody who would catch it. */
  readonly violated = (problem: string): void => {
    this.fail(new Error(problem))
  }

  fail(error: unknown): void {
    this.#failure ??= error as Error
    this.history.note('world', `failed: ${this.#failure.message}`)
  }

  /** Lets go on what nobody waits for; whatever it fails with is a defect. */
  spawn(work: Promise<unknown>): void {
    work.catch(error => this.fail(error))
  }

  /** Of calls that nobody waits for any more, refusals and a store's trouble are of no interest. */
  readonly noteDefect = (error: unknown): void => {
    const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
    const defect = errors.find(each => !(each instanceof TidemarkError || isTransient(each)))
    if (defect !== undefined) this.fail(defect)
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by)
  }

  /** How old records are when they are written, by any clock that is right. */
  readonly recordAgeMs = RECORDS_BEFORE_MS

  /** What writers take for the time. */
  get recordTimeMs(): number {
    return START_MS - RECORDS_BEFORE_MS + this.clock.monotonicMs()
  }

  /** A value that is sent nowhere else. */
  drawValue(): string {
    this.#nextValue += 1
    return `value ${this.#nextValue}`
  }

  pickBroker(): Running & { readonly broker: LogBroker } {
    return this.random.pick(this.brokers)
  }

  /** Lets writers and readers use topics, whether they are there or not. */
  offerTopics(names: readonly string[]): void {
    this.#topicNames.push(...names)
  }

  pickTopic(): string {
    return this.random.pick(this.#topicNames)
  }

  /** The name of a topic that is there as long as the run goes on. */
  async lastingTopic(): Promise<string> {
    if (this.#topicNames.includes(LASTING_TOPIC)) return LASTING_TOPIC
    this.#topicNames.push(LASTING_TOPIC)
    const configs = { 'flush.ms': String(this.random.pick([50, 300, 2000])), ...LASTING_CONFIGS }
    const topic = { topic: LASTING_TOPIC, partitions: LASTING_PARTITIONS, configs }
    await this.openPlainBroker().createTopic(topic)
    return LASTING_TOPIC
  }

  /** Starts a process with a clock of its own. */
  start(name: string, sleepShare: number, farSkewMs = 0): Running {
    const process = new SleepyProcess(name, this.clock)
    const nearMs = this.random.integer(-NEAR_SKEW_MS_MAX / 2, NEAR_SKEW_MS_MAX / 2)
    const farMs = () => (this.#areClocksFar && !this.#areClocksRight ? farSkewMs : 0)
    const skewMs = () => nearMs + farMs() + this.settings.aheadMs(process)
    const faults = this.faults.of(process, sleepShare)
    const network = new Network(process, faults, this.clock)
    const items = itemsAcross(this.store.items.across(network), faults, this.#countReturn)
    const stores = storesOver(items, this.#decisions, this.#takesEffects)
    const ports = this.#wrapPorts(
      {
        ...stores,
        transactions: this.promises.transactions.watch(stores.transactions),
        objects: objectsAcross(this.store.objects, network, faults),
        clock: { ...clockOf(process, this.clock), nowMs: () => this.clock.nowMs() + skewMs() },
        entropy: this.random,
      },
      name,
    )
    this.processes.add(process)
    void process.died.then(() => {
      this.processes.delete(process)
      this.#crashes += 1
      this.history.note(name, 'died')
    })
    return { process, ports, network }
  }

  plainPorts(): Ports {
    const { items: _, across: __, ...stores } = this.store
    return { ...stores, clock: this.clock, entropy: this.random }
  }

  /** The same with what is broken on purpose. */
  defectivePorts(): Ports {
    return this.#wrapPorts(this.plainPorts(), 'tidying')
  }

  openPlainBroker(): LogBroker {
    return this.openBroker(this.plainPorts())
  }

  /** A broker that does nothing but answer. */
  openBroker(ports: Ports): LogBroker {
    return new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError: this.noteDefect })
  }

  /** An idempotent producer was found outside of the head. */
  readonly #countReturn = (): void => this.count('returns')

  async #prepare(): Promise<void> {
    for (const actor of this.#actors) await actor.prepare?.()
    for (let index = 0; index < PROCESSES; index += 1) this.#startBroker(index)
  }

  /** Starts a broker, and another in its place some time after it has died. */
  #startBroker(index: number): void {
    const running = this.start(`broker ${index}`, BROKER_SLEEP_SHARE, this.#farSkewsMs[index])
    const { process, ports } = running
    const broker = new LogBroker(ports, {
      lingerMs: this.random.pick([0, 5]),
      // Whatever looks around every half a minute makes a night long.
      flushes:
        this.#doFlush && !this.hasNights
          ? this.random.pick(['in-background', 'in-background', 'elsewhere'])
          : 'elsewhere',
      reportError: this.noteDefect,
    })
    broker.start()
    this.brokers[index] = { ...running, broker }
    void process.died.then(async () => {
      await this.clock.sleep(this.random.integer(1, 1_000))
      this.#startBroker(index)
    })
  }

  /** All are away until the next day but those who keep the store up. */
  async #night(): Promise<void> {
    const durationMs = this.random.integer(...NIGHT_MS)
    this.history.note('world', `night ${this.day}, of ${durationMs} ms`)
    await Promise.all([
      this.clock.sleep(durationMs),
      ...this.#actors.map(actor => actor.keepUp?.(durationMs)),
    ])
  }

  /** Lets land what the faults have delayed, and wake up who is asleep. */
  async #comeToRest(): Promise<void> {
    await this.clock.sleep(this.#doFlush ? 60_000 : LATE_MS_MAX)
    while ([...this.processes].some(process => process.isAsleep)) await this.clock.sleep(LATE_MS_MAX)
  }

  /** A last broker makes up for what the others have left half done. */
  async #tidyUp(): Promise<void> {
    if (!this.#doFlush) return
    const last = new LogBroker(this.plainPorts(), { lingerMs: 0, reportError: this.noteDefect })
    last.start()
    await last.close()
  }

  async #check(): Promise<void> {
    for (const actor of this.#actors) await actor.check?.()
    if (!this.#doFlush) return
    await this.topics.check(this)
    for await (const { severity, place, problem } of verify(this.plainPorts(), new VerifySummary())) {
      if (severity === 'error') throw new Error(`verify: ${place}: ${problem}`)
    }
    await this.log.check(this)
  }

  #report(): Readonly<Record<string, number>> {
    const { count: faults, sleeps } = this.faults
    const all = { ...countPromises(this.promises), crashes: this.#crashes, faults, sleeps }
    return Object.fromEntries(
      Object.entries({ ...all, ...Object.fromEntries(this.#counts) }).filter(([, count]) => count > 0),
    )
  }

  /** Lets time pass until `work` is done, or something has failed. */
  async #drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    await this.clock.runUntil(() => isDone || this.#failure !== undefined, settled)
    if (this.#failure !== undefined) throw this.#failure
    return await work
  }
}

/** Resolves once all promises have settled that can, since nothing in a world waits for anything else. */
function settled(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}
