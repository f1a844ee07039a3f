import type { Decisions } from '../../../src/adapters/items/decisions.ts'
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { clockOf, SimulatedProcess } from '../../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { loadGroupUseCases } from '../../../src/broker/groups/load-use-cases.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import type { GroupBroker } from '../../../src/contract/groups.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { RandomFaults } from '../random-faults.ts'
import { withFaults } from '../with-faults.ts'
import { groupStoreAcross } from './group-store-across.ts'
import { OwnershipRecord } from './ownership-record.ts'
import { type MemberSettings, type Send, SimulatedMember } from './simulated-member.ts'

// Now: virtual time does not wait for a file to be loaded.
await loadGroupUseCases()

const GROUP = 'simulated'
const TOPIC_PATTERN = 'topic-.*'
const PROCESSES = 2
const START_MS = Date.UTC(2026, 0, 1)
const SESSION_TIMEOUT_MS = 6_000
const HEARTBEAT_INTERVAL_MS = 2_000
/** How far apart the clocks of two brokers may be. */
const SKEW_MS_MAX = 3_000
/** How long a member waits for an answer. */
const CLIENT_TIMEOUT_MS = 2_000
const CHAOS_STEPS = 8
/** After the faults: the session time-out by the clocks that differ most, and two heartbeats. */
const SETTLING_MS = SESSION_TIMEOUT_MS + SKEW_MS_MAX + 2 * HEARTBEAT_INTERVAL_MS
/** By when what the faults have delayed has landed. */
const LATE_MS_MAX = 3_500

/** What happened in a run, to see that it was not idle. */
export interface GroupRunReport {
  readonly changes: number
  readonly commits: number
  readonly fenced: number
  readonly removals: number
  readonly crashes: number
  readonly faults: number
  readonly epochs: number
}

/**
 * One run, all of it drawn from the seed: members that crash, sleep through their session, leave, join and come back,
 * brokers with clocks that differ and that die at any call, messages that are lost or arrive twice, topics that come
 * and grow. Every claim and commit is held against what groups promise; in the end the group must settle.
 * @throws Error that says what was promised and not kept
 */
export async function runGroupWorld(seed: number, decisions?: ClaimDecisions): Promise<GroupRunReport> {
  return await new GroupWorld(seed, decisions).run()
}

/** The decisions that fence claims. */
export type ClaimDecisions = Pick<Decisions, 'applyOwner' | 'applyCommit'>

class GroupWorld {
  readonly #random: SeededEntropy
  readonly #clock = new VirtualClock(START_MS)
  readonly #stores: Omit<Ports, 'clock' | 'entropy'>
  readonly #groups: GroupStore
  readonly #faults: RandomFaults
  readonly #record = new OwnershipRecord()
  readonly #brokers: { broker: LogBroker; process: SimulatedProcess }[] = []
  readonly #members: SimulatedMember[] = []
  readonly #failures: unknown[] = []
  #crashes = 0
  #isLossy = false
  #topics = 0

  constructor(seed: number, decisions: ClaimDecisions | undefined) {
    this.#random = new SeededEntropy(seed)
    this.#faults = new RandomFaults(new SeededEntropy(seed ^ 0x5eed))
    const store = openMemoryStore(this.#clock, decisions)
    this.#groups = this.#record.watch(store.groups)
    this.#stores = { ...store, groups: this.#groups }
  }

  async run(): Promise<GroupRunReport> {
    for (let index = 0; index < PROCESSES; index += 1) this.#startProcess(index)
    await this.#drive(this.#addTopic())
    this.#faults.start()
    this.#isLossy = true
    await this.#drive(this.#causeChaos())
    this.#faults.stop()
    this.#isLossy = false
    await this.#drive(this.#comeToRest())
    const epochs = await this.#drive(this.#settle())
    for (const member of this.#members) member.kill()
    const { changes, commits, fenced, removals } = this.#record
    return { changes, commits, fenced, removals, crashes: this.#crashes, faults: this.#faults.count, epochs }
  }

  /** Starts a broker with a clock of its own, and another in its place some time after it has died. */
  #startProcess(index: number): void {
    const process = new SimulatedProcess()
    const skewMs = this.#random.integer(-SKEW_MS_MAX / 2, SKEW_MS_MAX / 2)
    const clock = { ...clockOf(process, this.#clock), nowMs: () => this.#clock.nowMs() + skewMs }
    const { topics } = this.#stores
    const ports: Ports = {
      ...this.#stores,
      topics: withFaults(topics, ['put', 'remove'], this.#faults, process, this.#clock),
      groups: groupStoreAcross(this.#groups, this.#faults, process, this.#clock),
      clock,
      entropy: this.#random,
    }
    const reportError = (error: unknown) => this.#failures.push(error)
    const broker = new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError })
    this.#brokers[index] = { broker, process }
    void process.died.then(async () => {
      this.#crashes += 1
      await this.#clock.sleep(this.#random.integer(1, 1_000))
      this.#startProcess(index)
    })
  }

  async #causeChaos(): Promise<void> {
    const members = this.#random.integer(1, 3)
    for (let count = 0; count < members; count += 1) this.#startMember()
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await this.#clock.sleep(this.#random.integer(100, 5_000))
      await this.#causeSomething()
    }
  }

  async #causeSomething(): Promise<void> {
    const living = this.#members.filter(member => member.isAlive)
    if (living.length === 0) return this.#startMember()
    const member = this.#random.pick(living)
    switch (this.#random.integer(0, 8)) {
      case 0:
        return this.#startMember()
      case 1:
        return member.kill()
      case 2:
      case 3:
        return member.pause(this.#random.integer(1_000, 2 * SESSION_TIMEOUT_MS))
      case 4:
        return this.#spawn(member.leave())
      case 5:
        // A restart, or a second process by mistake: of static members one takes the other's place.
        if (this.#random.fraction() < 0.7) member.kill()
        else member.pause(this.#random.integer(1_000, SESSION_TIMEOUT_MS))
        return this.#startMember(member.settings)
      case 6:
        return await this.#deleteGroup(living)
      case 7:
        return await this.#addTopic()
      default:
        return await this.#growTopic()
    }
  }

  /** While all of its members sleep. Somebody may be there in the place of one of them when they wake up. */
  async #deleteGroup(living: readonly SimulatedMember[]): Promise<void> {
    const asleepMs = SESSION_TIMEOUT_MS + SKEW_MS_MAX + HEARTBEAT_INTERVAL_MS
    for (const member of living) member.pause(asleepMs + this.#random.integer(0, SESSION_TIMEOUT_MS))
    await this.#clock.sleep(asleepMs)
    try {
      await this.#plainBroker().deleteGroup(GROUP)
    } catch (error) {
      // Somebody has joined since, or nobody ever did.
      if (!(error instanceof TidemarkError)) throw error
      if (error.kafkaName !== 'NON_EMPTY_GROUP' && error.kafkaName !== 'GROUP_ID_NOT_FOUND') throw error
    }
    if (this.#random.fraction() < 0.7) this.#startMember(this.#random.pick(living).settings)
  }

  #startMember(settings?: MemberSettings): void {
    const isStatic = this.#random.fraction() < 0.4
    const drawn: MemberSettings = settings ?? {
      groupId: GROUP,
      topicPattern: TOPIC_PATTERN,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      ...(isStatic && { instanceId: `instance ${this.#members.length}` }),
    }
    const send: Send = call => this.#send(call)
    const member = new SimulatedMember(drawn, this.#random, this.#clock, send, this.#record)
    this.#members.push(member)
    this.#spawn(member.live())
  }

  /** A member's call to some broker, which may lose it, lose its answer, or get it twice. */
  async #send<T>(call: (broker: GroupBroker) => Promise<T>): Promise<T | undefined> {
    const draw = this.#isLossy ? this.#random.fraction() : 1
    if (draw < 0.04) {
      await this.#clock.sleep(CLIENT_TIMEOUT_MS)
      return undefined
    }
    // A proxy's repetition, to another broker maybe; nobody hears its answer.
    if (draw > 0.04 && draw < 0.08) void this.#callSome(call).catch(this.#noteDefect)
    const answer = await Promise.race([
      this.#callSome(call),
      this.#clock.sleep(CLIENT_TIMEOUT_MS).then(() => undefined),
    ])
    return draw > 0.08 && draw < 0.12 ? undefined : answer
  }

  #callSome<T>(call: (broker: GroupBroker) => Promise<T>): Promise<T | undefined> {
    const { broker, process } = this.#random.pick(this.#brokers)
    const answer = call(broker)
    answer.catch(this.#noteDefect)
    return Promise.race([answer, process.died.then(() => undefined)])
  }

  async #addTopic(): Promise<void> {
    this.#topics += 1
    const broker = this.#plainBroker()
    await broker.createTopic({ topic: `topic-${this.#topics}`, partitions: this.#random.integer(1, 4) })
  }

  async #growTopic(): Promise<void> {
    const broker = this.#plainBroker()
    const topic = `topic-${this.#random.integer(1, this.#topics)}`
    const { partitions } = await broker.describeTopic(topic)
    await broker.alterTopic({ topic, partitions: partitions + this.#random.integer(1, 2) })
  }

  #plainBroker(): LogBroker {
    const ports = { ...this.#stores, clock: this.#clock, entropy: this.#random }
    const reportError = (error: unknown) => this.#failures.push(error)
    return new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError })
  }

  /** Lets land what the faults have delayed, and wake up who is asleep. */
  async #comeToRest(): Promise<void> {
    await this.#clock.sleep(LATE_MS_MAX)
    while (this.#members.some(member => member.isPaused)) await this.#clock.sleep(250)
  }

  /** Waits until the group is whole again, which must be in time; tells how many targets it had. */
  async #settle(): Promise<number> {
    if (!this.#members.some(member => member.isAlive)) this.#startMember()
    const untilMs = this.#clock.nowMs() + SETTLING_MS
    for (;;) {
      const problem = await this.#findUnsettled()
      if (problem === undefined) return (await this.#groups.readGroup(GROUP))?.epoch ?? 0
      if (this.#clock.nowMs() > untilMs) throw new Error(`unsettled: ${problem}`)
      await this.#clock.sleep(250)
    }
  }

  /** What is still missing until each living member owns its share, and all shares together are everything. */
  async #findUnsettled(): Promise<string | undefined> {
    const living = this.#members.filter(member => member.isAlive)
    // All were fenced, each by a later one that is dead by now.
    if (living.length === 0) return undefined
    const group = await this.#groups.readGroup(GROUP)
    if (!group) return 'there is no group'
    const late = living.find(member => member.settledEpoch !== group.epoch)
    if (late) return `a member has settled in ${late.settledEpoch}, not in ${group.epoch}`
    const owners = new Map<string, number>()
    for (const holding of living.flatMap(member => member.holdings)) {
      const claim = await this.#groups.readClaim(GROUP, holding)
      if (claim?.generation !== holding.generation) return `${partitionKey(holding)} is another's`
      owners.set(partitionKey(holding), (owners.get(partitionKey(holding)) ?? 0) + 1)
    }
    for await (const { topicId, partitions } of this.#stores.topics.list()) {
      for (let partition = 0; partition < partitions; partition += 1) {
        const id: PartitionId = { topicId, partition }
        if (owners.get(partitionKey(id)) !== 1)
          return `${partitionKey(id)} has ${owners.get(partitionKey(id))} owners`
      }
    }
    return undefined
  }

  /** Of calls that nobody waits for any more, refusals are of no interest. */
  readonly #noteDefect = (error: unknown): void => {
    if (!(error instanceof TidemarkError)) this.#failures.push(error)
  }

  #spawn(work: Promise<void>): void {
    work.catch(error => this.#failures.push(error))
  }

  /** Lets time pass until `work` is done, or something has failed. */
  async #drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    const failure = () => this.#record.violation ?? this.#failures[0]
    await this.#clock.runUntil(() => isDone || failure() !== undefined)
    if (failure() !== undefined) throw failure()
    return await work
  }
}
