import { openMemoryStore } from '../src/adapters/memory/memory-store.ts'
import { SeededEntropy } from '../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../src/adapters/memory/virtual-clock.ts'
import { loadReading } from '../src/broker/load-reading.ts'
import { loadTasks, loadTopics, loadUseCases } from '../src/broker/load-use-cases.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import type { Heartbeat, HeartbeatAnswer, OwnedPartition } from '../src/contract/groups.ts'
import { TidemarkError } from '../src/core/errors.ts'
import type { Group } from '../src/core/group/group.ts'
import { partitionKey } from '../src/core/topic/partition-id.ts'
import type { Ports } from '../src/ports/index.ts'
import { CountedGroups, StoreCalls } from './counted-groups.ts'

const GROUP = 'large'
const START_MS = Date.UTC(2026, 0, 1)
const RETRY_MS = 500
/** How long the group is watched while nothing changes. */
const STEADY_MS = 30_000
/** As in the SDK, by default. */
const SESSION_TIMEOUT_MS = 45_000

export interface LargeGroupSettings {
  readonly members: number
  readonly topics: number
  readonly partitionsPerTopic: number
  /** Within so many milliseconds all of them join. */
  readonly joinMs: number
  /** How long a read or a write of the store takes on average. */
  readonly storeMs: number
}

/** What a change cost until the group was whole again. */
export interface Change {
  readonly name: string
  /** Until every member had been told that it owns its share, in virtual time. */
  readonly settledMs: number
  readonly heartbeats: number
  /** Of the member that sent most. */
  readonly heartbeatsOfOne: number
  /** That were worked out by anybody, and those of them that were set. */
  readonly targets: number
  readonly targetsSet: number
  readonly calls: StoreCalls
  /** Partitions that had an owner before, and another one after. */
  readonly moved: number
  /** The fewest that fair shares permit. */
  readonly movedMin: number
}

/** Heartbeats of a group in which nothing changes. */
export interface SteadyState {
  readonly heartbeats: number
  /** Those that were one read and one write. */
  readonly plain: number
  /** What those asked for that looked at the members, once an interval. */
  readonly looks: StoreCalls
}

export interface LargeGroupReport {
  readonly changes: readonly Change[]
  readonly steady: SteadyState
  /** In bytes. */
  readonly largestItems: CountedGroups['largest']
}

/** Joins at once, a steady state, one more, one less, one dead: the broker's own use cases, over a store that takes its time. */
export async function runLargeGroup(settings: LargeGroupSettings): Promise<LargeGroupReport> {
  // Now: virtual time does not wait for a file to be loaded.
  await Promise.all([loadUseCases(), loadTasks(), loadTopics(), loadReading()])
  return await new LargeGroup(settings).run()
}

class LargeGroup {
  readonly #settings: LargeGroupSettings
  readonly #clock = new VirtualClock(START_MS)
  readonly #entropy = new SeededEntropy(1)
  readonly #counted: CountedGroups
  readonly #store = openMemoryStore(this.#clock)
  readonly #broker: LogBroker
  readonly #members: BenchMember[] = []
  readonly #failures: unknown[] = []
  #calls = new StoreCalls()
  #steady: { heartbeats: number; plain: number; looks: StoreCalls } | undefined

  constructor(settings: LargeGroupSettings) {
    this.#settings = settings
    this.#counted = new CountedGroups(this.#clock, this.#entropy, settings.storeMs)
    const ports: Ports = {
      ...this.#store,
      topics: this.#counted.watch(this.#store.topics),
      groups: this.#counted.watch(this.#store.groups),
      clock: this.#clock,
      entropy: this.#entropy,
    }
    const reportError = (error: unknown) => this.#failures.push(error)
    this.#broker = new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError })
  }

  async run(): Promise<LargeGroupReport> {
    const { members, topics, partitionsPerTopic, joinMs } = this.#settings
    const names = Array.from({ length: topics }, (_, index) => `topic-${index}`)
    for (const topic of names) {
      await this.#drive(this.#broker.createTopic({ topic, partitions: partitionsPerTopic }))
    }
    const partitions = topics * partitionsPerTopic
    const changes: Change[] = []
    changes.push(
      await this.#change(`${members} join within ${joinMs} ms`, 0, () => {
        for (let count = 0; count < members; count += 1) this.#start(names, this.#entropy.fraction() * joinMs)
      }),
    )
    const steady = await this.#watchSteadyState()
    changes.push(
      await this.#change('one more joins', Math.floor(partitions / (members + 1)), () =>
        this.#start(names, 0),
      ),
    )
    const leaver = this.#members[0]!
    changes.push(await this.#change('one leaves', leaver.owned.length, () => this.#leave(leaver)))
    const victim = this.#members[0]!
    changes.push(await this.#change('one dies', victim.owned.length, () => this.#kill(victim)))
    for (const member of this.#members) member.stop()
    return { changes, steady, largestItems: this.#counted.largest }
  }

  #start(topics: readonly string[], afterMs: number): void {
    const memberId = this.#entropy.id().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    const member = new BenchMember({ groupId: GROUP, memberId, topics }, this.#clock, request =>
      this.#beat(request),
    )
    this.#members.push(member)
    member.live(afterMs).catch(error => this.#failures.push(error))
  }

  async #beat(request: Heartbeat): Promise<HeartbeatAnswer> {
    const { answer, calls } = await this.#counted.count(() => this.#broker.heartbeat(request))
    this.#calls.add(calls)
    if (this.#steady) {
      const isPlain = calls.reads === 1 && calls.writes === 1 && calls.listings === 0
      this.#steady.heartbeats += 1
      if (isPlain) this.#steady.plain += 1
      else this.#steady.looks.add(calls)
    }
    return answer
  }

  #kill(member: BenchMember): void {
    member.stop()
    this.#members.splice(this.#members.indexOf(member), 1)
  }

  #leave(member: BenchMember): void {
    this.#kill(member)
    const leaving = this.#counted.count(() =>
      this.#broker.leaveGroup({ groupId: GROUP, memberId: member.memberId }),
    )
    leaving.then(({ calls }) => this.#calls.add(calls)).catch(error => this.#failures.push(error))
  }

  async #change(name: string, movedMin: number, cause: () => void): Promise<Change> {
    const before = await this.#owners()
    const epochBefore = (await this.#store.groups.readGroup(GROUP))?.epoch ?? 0
    const startMs = this.#clock.nowMs()
    this.#calls = new StoreCalls()
    for (const member of this.#members) member.heartbeats = 0
    cause()
    let group: Group | undefined
    await this.#clock.runUntil(() => {
      if (this.#failures.length > 0) throw this.#failures[0]
      this.#store.groups.readGroup(GROUP).then(found => {
        group = found
      })
      return group !== undefined && group.epoch > epochBefore && this.#isWhole(group)
    })
    const after = await this.#owners()
    this.#check(after)
    const heartbeats = this.#members.map(member => member.heartbeats)
    return {
      name,
      settledMs: this.#clock.nowMs() - startMs,
      heartbeats: heartbeats.reduce((sum, count) => sum + count, 0),
      heartbeatsOfOne: Math.max(...heartbeats),
      targets: this.#calls.targets,
      targetsSet: group!.epoch - epochBefore,
      calls: this.#calls,
      moved: [...after].filter(([key, owner]) => before.has(key) && before.get(key) !== owner).length,
      movedMin,
    }
  }

  #isWhole(group: Group): boolean {
    return (
      group.marks === group.marksSeen &&
      this.#members.every(({ settledEpoch }) => settledEpoch === group.epoch)
    )
  }

  async #owners(): Promise<Map<string, string>> {
    const owners = new Map<string, string>()
    for await (const claim of this.#store.groups.claims(GROUP)) {
      if (claim.owner !== null) owners.set(partitionKey(claim), claim.owner)
    }
    return owners
  }

  /** What the members were told is what stands: everything, each partition once, in fair shares. */
  #check(owners: ReadonlyMap<string, string>): void {
    const { topics, partitionsPerTopic } = this.#settings
    const told = this.#members.flatMap(({ memberId, owned }) =>
      owned.map(each => [partitionKey(each), memberId] as const),
    )
    const shares = this.#members.map(({ owned }) => owned.length)
    const isRight =
      told.length === topics * partitionsPerTopic &&
      told.every(([key, memberId]) => owners.get(key) === memberId) &&
      Math.max(...shares) - Math.min(...shares) <= 1
    if (!isRight) throw new Error(`the group is not whole: ${told.length} partitions, shares of ${shares}`)
  }

  async #watchSteadyState(): Promise<SteadyState> {
    const steady = { heartbeats: 0, plain: 0, looks: new StoreCalls() }
    this.#steady = steady
    await this.#drive(this.#clock.sleep(STEADY_MS))
    this.#steady = undefined
    return steady
  }

  async #drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    await this.#clock.runUntil(() => isDone || this.#failures.length > 0)
    if (this.#failures.length > 0) throw this.#failures[0]
    return await work
  }
}

/** A member that does what the protocol asks, and has nothing to finish before it lets a partition go. */
class BenchMember {
  readonly #join: { readonly groupId: string; readonly memberId: string; readonly topics: readonly string[] }
  readonly #clock: VirtualClock
  readonly #send: (request: Heartbeat) => Promise<HeartbeatAnswer>
  #memberEpoch = 0
  #released: OwnedPartition[] = []
  #isStopped = false
  owned: OwnedPartition[] = []
  settledEpoch: number | undefined
  heartbeats = 0

  constructor(
    join: { groupId: string; memberId: string; topics: readonly string[] },
    clock: VirtualClock,
    send: (request: Heartbeat) => Promise<HeartbeatAnswer>,
  ) {
    this.#join = join
    this.#clock = clock
    this.#send = send
  }

  get memberId(): string {
    return this.#join.memberId
  }

  stop(): void {
    this.#isStopped = true
  }

  async live(afterMs: number): Promise<void> {
    await this.#clock.sleep(afterMs)
    while (!this.#isStopped) await this.#clock.sleep(await this.#beat())
  }

  request(): Heartbeat {
    return {
      ...this.#join,
      memberEpoch: this.#memberEpoch,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      owned: this.owned,
      released: this.#released,
      ...(this.settledEpoch !== undefined && { settledEpoch: this.settledEpoch }),
    }
  }

  /** Tells how long to wait for the next. */
  async #beat(): Promise<number> {
    this.heartbeats += 1
    let answer: HeartbeatAnswer
    try {
      answer = await this.#send(this.request())
    } catch (error) {
      if (error instanceof TidemarkError && error.retriable) return RETRY_MS
      throw error
    }
    const { memberEpoch, assigned, toRelease, isSettled, heartbeatIntervalMs } = answer
    const isGivenBack = new Set(toRelease.map(partitionKey))
    this.#memberEpoch = memberEpoch
    this.#released = toRelease
    this.owned = assigned
      .filter(each => !isGivenBack.has(partitionKey(each)))
      .map(({ committedOffset: _, ...each }) => each)
    this.settledEpoch = isSettled ? memberEpoch : undefined
    return toRelease.length > 0 ? 0 : heartbeatIntervalMs
  }
}
