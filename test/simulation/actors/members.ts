import type { GroupBroker } from '../../../src/contract/groups.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import { NEAR_SKEW_MS_MAX, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { type MemberSettings, type Send, SimulatedMember } from './simulated-member.ts'

const GROUP = 'simulated'
const TOPIC_PREFIX = 'topic-'
const SESSION_TIMEOUT_MS = 6_000
const HEARTBEAT_INTERVAL_MS = 2_000
/** How long a member waits for an answer. */
const CLIENT_TIMEOUT_MS = 2_000
const CHAOS_STEPS = 8

/**
 * Members of one group that crash, sleep through their session, leave, join and come back, over topics that come, grow
 * and are made anew; messages to the brokers are lost or arrive twice. In the end the group must settle.
 */
export const members: ActorKind = {
  name: 'members',
  isNeverSilent: true,
  make: world => new Members(world),
}

class Members implements Actor {
  readonly #world: World
  readonly #members: SimulatedMember[] = []
  #topics = 0

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#addTopic()
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    const members = random.integer(1, 3)
    for (let count = 0; count < members; count += 1) this.#startMember()
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await clock.sleep(random.integer(100, 5_000))
      await this.#causeSomething()
    }
  }

  /** Waits until the group is whole again, which must be in time. */
  async settle(): Promise<void> {
    const { clock, store, skewMsMax } = this.#world
    while (this.#members.some(member => member.isPaused)) await clock.sleep(250)
    if (!this.#members.some(member => member.isAlive)) this.#startMember()
    // The session time-out by the clocks that differ most, and two heartbeats.
    const untilMs = clock.monotonicMs() + SESSION_TIMEOUT_MS + skewMsMax + 2 * HEARTBEAT_INTERVAL_MS
    for (;;) {
      const problem = await this.#findUnsettled()
      if (problem === undefined) break
      if (clock.monotonicMs() > untilMs) throw new Error(`unsettled: ${problem}`)
      await clock.sleep(250)
    }
    this.#world.count('epochs', (await store.groups.readGroup(GROUP))?.epoch ?? 0)
    for (const member of this.#members) member.kill()
  }

  async #causeSomething(): Promise<void> {
    const living = this.#members.filter(member => member.isAlive)
    if (living.length === 0) return this.#startMember()
    const member = this.#world.random.pick(living)
    switch (this.#world.random.integer(0, 9)) {
      case 0:
        return this.#startMember()
      case 1:
        return member.kill()
      case 2:
      case 3:
        return member.pause(this.#world.random.integer(1_000, 2 * SESSION_TIMEOUT_MS))
      case 4:
        return this.#world.spawn(member.leave())
      case 5:
        // A restart, or a second process by mistake: of static members one takes the other's place.
        if (this.#world.random.fraction() < 0.7) member.kill()
        else member.pause(this.#world.random.integer(1_000, SESSION_TIMEOUT_MS))
        return this.#startMember(member.settings)
      case 6:
        return await this.#deleteGroup(living)
      case 7:
        return await this.#addTopic()
      case 8:
        return await this.#remakeTopic()
      default:
        return await this.#growTopic()
    }
  }

  /** While all of its members sleep. Somebody may be there in the place of one of them when they wake up. */
  async #deleteGroup(living: readonly SimulatedMember[]): Promise<void> {
    const asleepMs = SESSION_TIMEOUT_MS + NEAR_SKEW_MS_MAX + HEARTBEAT_INTERVAL_MS
    for (const member of living) member.pause(asleepMs + this.#world.random.integer(0, SESSION_TIMEOUT_MS))
    await this.#world.clock.sleep(asleepMs)
    try {
      await this.#world.openPlainBroker().deleteGroup(GROUP)
    } catch (error) {
      // Somebody has joined since, or nobody ever did.
      if (!(error instanceof TidemarkError)) throw error
      if (error.kafkaName !== 'NON_EMPTY_GROUP' && error.kafkaName !== 'GROUP_ID_NOT_FOUND') throw error
    }
    if (this.#world.random.fraction() < 0.7) this.#startMember(this.#world.random.pick(living).settings)
  }

  #startMember(settings?: MemberSettings): void {
    const isStatic = this.#world.random.fraction() < 0.4
    const drawn: MemberSettings = settings ?? {
      groupId: GROUP,
      topicPattern: `${TOPIC_PREFIX}.*`,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      ...(isStatic && { instanceId: `instance ${this.#members.length}` }),
    }
    const send: Send = call => this.#send(call)
    const member = new SimulatedMember(drawn, this.#world, send)
    this.#members.push(member)
    this.#world.spawn(member.live())
  }

  /** A member's call to some broker, which may lose it, lose its answer, or get it twice. */
  async #send<T>(call: (broker: GroupBroker) => Promise<T>): Promise<T | undefined> {
    const draw = this.#world.isFaulty ? this.#world.random.fraction() : 1
    if (draw < 0.04) {
      await this.#world.clock.sleep(CLIENT_TIMEOUT_MS)
      return undefined
    }
    // A proxy's repetition, to another broker maybe; nobody hears its answer.
    if (draw > 0.04 && draw < 0.08) void this.#callSome(call).catch(this.#world.noteDefect)
    const answer = await Promise.race([
      this.#callSome(call),
      this.#world.clock.sleep(CLIENT_TIMEOUT_MS).then(() => undefined),
    ])
    return draw > 0.08 && draw < 0.12 ? undefined : answer
  }

  #callSome<T>(call: (broker: GroupBroker) => Promise<T>): Promise<T | undefined> {
    const { broker, process } = this.#world.pickBroker()
    const answer = call(broker)
    answer.catch(this.#world.noteDefect)
    return Promise.race([answer, process.died.then(() => undefined)])
  }

  async #addTopic(): Promise<void> {
    this.#topics += 1
    const broker = this.#world.openPlainBroker()
    await broker.createTopic({
      topic: `${TOPIC_PREFIX}${this.#topics}`,
      partitions: this.#world.random.integer(1, 4),
    })
  }

  /** Another topic under the name: nothing that was committed for the old one may count for it. */
  async #remakeTopic(): Promise<void> {
    const broker = this.#world.openPlainBroker()
    const topic = `${TOPIC_PREFIX}${this.#world.random.integer(1, this.#topics)}`
    await broker.deleteTopic(topic)
    await broker.createTopic({ topic, partitions: this.#world.random.integer(1, 4) })
  }

  async #growTopic(): Promise<void> {
    const broker = this.#world.openPlainBroker()
    const topic = `${TOPIC_PREFIX}${this.#world.random.integer(1, this.#topics)}`
    const { partitions } = await broker.describeTopic(topic)
    await broker.alterTopic({ topic, partitions: partitions + this.#world.random.integer(1, 2) })
  }

  /** What is still missing until each living member owns its share, and all shares together are everything. */
  async #findUnsettled(): Promise<string | undefined> {
    const living = this.#members.filter(member => member.isAlive)
    // All were fenced, each by a later one that is dead by now.
    if (living.length === 0) return undefined
    const group = await this.#world.store.groups.readGroup(GROUP)
    if (!group) return 'there is no group'
    const late = living.find(member => member.settledEpoch !== group.epoch)
    if (late) return `a member has settled in ${late.settledEpoch}, not in ${group.epoch}`
    const owners = new Map<string, number>()
    for (const holding of living.flatMap(member => member.holdings)) {
      const claim = await this.#world.store.groups.readClaim(GROUP, holding)
      if (claim?.generation !== holding.generation) return `${partitionKey(holding)} is another's`
      owners.set(partitionKey(holding), (owners.get(partitionKey(holding)) ?? 0) + 1)
    }
    for await (const { name, topicId, partitions, state } of this.#world.store.topics.list()) {
      if (!name.startsWith(TOPIC_PREFIX) || state !== 'live') continue
      for (let partition = 0; partition < partitions; partition += 1) {
        const id: PartitionId = { topicId, partition }
        if (owners.get(partitionKey(id)) !== 1)
          return `${partitionKey(id)} has ${owners.get(partitionKey(id))} owners`
      }
    }
    return undefined
  }
}
