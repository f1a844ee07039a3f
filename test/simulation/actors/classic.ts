import type { ClassicGroupBroker } from '../../../src/contract/classic-groups.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { groupKey } from '../../../src/core/storage-layout.ts'
import type { World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import {
  type ClassicMemberSettings,
  type SendClassic,
  SimulatedClassicMember,
} from './simulated-classic-member.ts'

const GROUP = 'simulated classic'
const TOPIC = 'classic'
const PARTITIONS = 4
const SESSION_TIMEOUT_MS = 6_000
const REBALANCE_TIMEOUT_MS = 8_000
const INITIAL_DELAY_MS = 3_000
const CHAOS_STEPS = 8

/**
 * Members of one group that assign among themselves: they crash, sleep through their sessions, leave, come back, and change;
 * brokers that serve them die while they wait. In between the group is deleted, and others come who are of the other kind. In
 * the end all that live must be in one generation, which has assigned everything once.
 */
export const classic: ActorKind = {
  name: 'classic',
  isNeverSilent: true,
  make: world => new ClassicMembers(world),
}

class ClassicMembers implements Actor {
  readonly #world: World
  readonly #members: SimulatedClassicMember[] = []

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    const { ownership, classic } = this.#world
    ownership.mayBeMovedBack(GROUP)
    ownership.onCommit((group, partition, _offset, _by, { metadata }) => {
      if (group === groupKey(GROUP)) classic.committed(GROUP, partition, Number(metadata))
    })
    await this.#world.openPlainBroker().createTopic({ topic: TOPIC, partitions: PARTITIONS })
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    const members = random.integer(1, 4)
    for (let count = 0; count < members; count += 1) this.#startMember()
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await clock.sleep(random.integer(100, 6_000))
      await this.#causeSomething()
    }
  }

  /** Waits until all who live are in one generation, which must be in time. */
  async settle(): Promise<void> {
    const { clock, skewMsMax } = this.#world
    while (this.#members.some(member => member.isPaused)) await clock.sleep(250)
    if (!this.#members.some(member => member.isAlive)) this.#startMember()
    // Who is dead is given up, a round is begun, whoever is slow comes, and the leader assigns: and maybe once more, since
    // somebody was given up who had joined the first one.
    const roundMs = SESSION_TIMEOUT_MS + skewMsMax + REBALANCE_TIMEOUT_MS + INITIAL_DELAY_MS
    const untilMs = clock.monotonicMs() + 2 * roundMs
    for (;;) {
      const problem = this.#findUnsettled()
      if (problem === undefined) break
      if (clock.monotonicMs() > untilMs) throw new Error(`unsettled: ${problem}`)
      await clock.sleep(250)
    }
    for (const member of this.#members) member.kill()
  }

  async #causeSomething(): Promise<void> {
    const { random } = this.#world
    const living = this.#members.filter(member => member.isAlive)
    if (living.length === 0) return this.#startMember()
    const member = random.pick(living)
    switch (random.integer(0, 8)) {
      case 0:
      case 1:
        return this.#startMember()
      case 2:
        return member.kill()
      case 3:
        return member.pause(random.integer(1_000, 2 * SESSION_TIMEOUT_MS))
      case 4:
        return this.#world.spawn(member.leave())
      case 5:
        if (random.fraction() < 0.7) member.kill()
        else member.pause(random.integer(1_000, SESSION_TIMEOUT_MS))
        return this.#startMember(member.settings)
      case 6:
        return member.change()
      default:
        return await this.#changeKind(living)
    }
  }

  /** While all of its members sleep, the group is deleted, or somebody of the other kind is there for a while. */
  async #changeKind(living: readonly SimulatedClassicMember[]): Promise<void> {
    const { random, clock } = this.#world
    const asleepMs = SESSION_TIMEOUT_MS + 3_000
    for (const member of living) member.pause(asleepMs + random.integer(0, SESSION_TIMEOUT_MS))
    await clock.sleep(asleepMs)
    const broker = this.#world.openPlainBroker()
    try {
      if (random.fraction() < 0.5) await broker.deleteGroup(GROUP)
      else await this.#stayShortly(broker)
    } catch (error) {
      const names = [
        'NON_EMPTY_GROUP',
        'GROUP_ID_NOT_FOUND',
        'INCONSISTENT_GROUP_PROTOCOL',
        'UNKNOWN_MEMBER_ID',
      ]
      if (!(error instanceof TidemarkError && names.includes(error.kafkaName))) throw error
    }
  }

  async #stayShortly(broker: ReturnType<World['openPlainBroker']>): Promise<void> {
    const { random, clock, ownership } = this.#world
    const sessionTimeoutMs = SESSION_TIMEOUT_MS
    const member = { groupId: GROUP, memberId: random.id(), topics: [TOPIC], sessionTimeoutMs }
    const { assigned } = await broker.heartbeat({ ...member, memberEpoch: 0, owned: [] })
    for (const owned of assigned) ownership.told(owned, member.memberId)
    this.#world.count('other kind')
    await clock.sleep(random.integer(0, 2_000))
    // Or it falls silent.
    if (random.fraction() < 0.7) await broker.leaveGroup({ groupId: GROUP, memberId: member.memberId })
  }

  #startMember(settings?: ClassicMemberSettings): void {
    const isStatic = this.#world.random.fraction() < 0.3
    const drawn: ClassicMemberSettings = settings ?? {
      groupId: GROUP,
      topic: TOPIC,
      partitions: PARTITIONS,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      ...(isStatic && { instanceId: `instance ${this.#members.length}` }),
    }
    const send: SendClassic = (call, timeoutMs) => this.#send(call, timeoutMs)
    const member = new SimulatedClassicMember(drawn, this.#world, send)
    this.#members.push(member)
    this.#world.spawn(member.live())
  }

  /** A call to some broker, which may lose it, or its answer; whoever asks gives up after a while, and its connection ends. */
  async #send<T>(
    call: (broker: ClassicGroupBroker, signal: AbortSignal) => Promise<T>,
    timeoutMs: number,
  ): Promise<T | undefined> {
    const { random, clock, isFaulty } = this.#world
    const draw = isFaulty ? random.fraction() : 1
    if (draw < 0.04) {
      await clock.sleep(timeoutMs)
      return undefined
    }
    const { broker, process } = this.#world.pickBroker()
    const connection = new AbortController()
    const answer = call(broker, connection.signal)
    answer.catch(this.#world.noteDefect)
    const first = await Promise.race([
      answer,
      process.died.then(() => undefined),
      clock.sleep(timeoutMs).then(() => undefined),
    ])
    connection.abort()
    return draw < 0.08 ? undefined : first
  }

  /** What is still missing until all are in one generation, and have everything, each partition once. */
  #findUnsettled(): string | undefined {
    const living = this.#members.filter(member => member.isAlive)
    if (living.length === 0) return undefined
    const standing = this.#world.classic.generationOf(GROUP)
    const late = living.find(({ generation }) => generation !== standing)
    if (late) return `a member is in ${late.generation}, not in ${standing}`
    const owned = living.flatMap(({ partitions }) => partitions).sort()
    return String(owned) === '0,1,2,3' ? undefined : `members have ${owned}`
  }
}
