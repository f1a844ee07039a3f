import { MemoryPool } from '../../../src/core/lent-memory.ts'
import { SESSION_TIMEOUT_DEFAULT_MS } from '../../../src/core/limits.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { Context, GatewayBroker } from '../../../src/gateway/apis/context.ts'
import { consumerGroupHeartbeat } from '../../../src/gateway/apis/groups/consumer-group-heartbeat.ts'
import { knownMembers } from '../../../src/gateway/apis/groups/known-members.ts'
import { offsetCommit } from '../../../src/gateway/apis/groups/offset-commit.ts'
import type { Handler } from '../../../src/gateway/apis/handler.ts'
import { ListedTopics } from '../../../src/gateway/apis/topic-catalogue.ts'
import { NEAR_SKEW_MS_MAX, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import {
  type Beaten,
  type Committed,
  type ConsumerSettings,
  type Coordinator,
  SimulatedConsumer,
} from './simulated-consumer.ts'

const GROUP = 'simulated consumers'
const TOPIC_PREFIX = 'consumed-'
const REBALANCE_TIMEOUT_MS = 8_000
/** How long a consumer waits for an answer. */
const CLIENT_TIMEOUT_MS = 2_000
const CHAOS_STEPS = 8
/** In how many of its calls a consumer turns to another gateway, for no reason. */
const TURNS_SHARE = 0.1

/**
 * Members of one group over Kafka's newer protocol, through gateways that die and that take each other's place: they crash, sleep
 * through their sessions, are slow to let go, leave and come back, over topics that come, grow and are made anew. No two of them
 * ever have the same partition that are both in their sessions, unless clocks are wrong; and in the end all that live have all of it
 * between them.
 */
export const consumers: ActorKind = {
  name: 'consumers',
  isNeverSilent: true,
  make: world => new Consumers(world),
}

interface Gateway {
  readonly context: Omit<Context, 'version' | 'signal' | 'memory'>
  readonly died: Promise<void>
}

class Consumers implements Actor {
  readonly #world: World
  readonly #consumers: SimulatedConsumer[] = []
  readonly #gateways = new WeakMap<object, Gateway>()
  #topics = 0

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    this.#world.ownership.countsNothing(GROUP)
    await this.#addTopic()
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    const consumers = random.integer(1, 3)
    for (let count = 0; count < consumers; count += 1) this.#start()
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await clock.sleep(random.integer(100, 8_000))
      await this.#causeSomething()
    }
  }

  /** Waits until the group is whole again, which must be in time. */
  async settle(): Promise<void> {
    const { clock, skewMsMax, store } = this.#world
    while (this.#consumers.some(consumer => consumer.isPaused)) await clock.sleep(250)
    if (!this.#consumers.some(consumer => consumer.isAlive)) this.#start()
    // Who is dead is given up. Who has let go of something, and has told that a gateway which died, is taken for stuck, which
    // lasts for a session where another gateway does not know how long it may take; and joins anew.
    const untilMs =
      clock.monotonicMs() + 2 * SESSION_TIMEOUT_DEFAULT_MS + skewMsMax + 2 * REBALANCE_TIMEOUT_MS
    for (;;) {
      const problem = await this.#findUnsettled()
      if (problem === undefined) break
      if (clock.monotonicMs() > untilMs) throw new Error(`unsettled: ${problem}`)
      await clock.sleep(250)
    }
    this.#world.count('consumers’ epochs', (await store.groups.readGroup(GROUP))?.epoch ?? 0)
    for (const consumer of this.#consumers) consumer.kill()
  }

  async #causeSomething(): Promise<void> {
    const { random } = this.#world
    const living = this.#consumers.filter(consumer => consumer.isAlive)
    if (living.length === 0) return this.#start()
    const consumer = random.pick(living)
    switch (random.integer(0, 10)) {
      case 0:
      case 1:
        return this.#start()
      case 2:
        return consumer.kill()
      case 3:
        return consumer.pause(random.integer(1_000, 2 * SESSION_TIMEOUT_DEFAULT_MS))
      case 4:
        return this.#world.spawn(consumer.leave())
      case 5:
        // A restart, or a second process by mistake: of static members one takes the other's place.
        if (random.fraction() < 0.7) consumer.kill()
        else consumer.pause(random.integer(1_000, SESSION_TIMEOUT_DEFAULT_MS))
        return this.#start(consumer.settings)
      case 6:
      case 7:
        return consumer.beBusy(random.integer(1_000, 2 * REBALANCE_TIMEOUT_MS))
      case 8:
        return await this.#addTopic()
      case 9:
        return await this.#remakeTopic()
      default:
        return await this.#growTopic()
    }
  }

  #start(settings?: ConsumerSettings): void {
    const isStatic = this.#world.random.fraction() < 0.3
    const drawn: ConsumerSettings = settings ?? {
      groupId: GROUP,
      topicPattern: `${TOPIC_PREFIX}.*`,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      ...(isStatic && { instanceId: `instance ${this.#consumers.length}` }),
    }
    const consumer = new SimulatedConsumer(drawn, this.#world, this.#coordinator())
    this.#consumers.push(consumer)
    this.#world.spawn(consumer.live())
  }

  /** What one consumer reaches: the same gateway, until it gets no answer there. */
  #coordinator(): Coordinator {
    let gateway: Gateway | undefined
    const call = async <T>(ask: (gateway: Gateway) => Promise<T>): Promise<T | undefined> => {
      const { random } = this.#world
      if (!gateway || random.fraction() < TURNS_SHARE) gateway = this.#pickGateway()
      const answer = await this.#call(gateway, ask)
      if (answer === undefined) gateway = undefined
      return answer
    }
    return {
      beat: request =>
        call(async gateway => {
          const { groupId, memberId } = request
          const answer = (await this.#ask(gateway, consumerGroupHeartbeat, 1, request)) as Beaten
          const known = knownMembers(gateway.context.broker).get({ groupId, memberId })
          const owned = (known?.owned ?? []).map(each => [partitionKey(each), each.generation] as const)
          return { answer, generations: new Map(owned) }
        }),
      commit: request =>
        call(async gateway => (await this.#ask(gateway, offsetCommit, 10, request)) as Committed),
      taken: (consumer, key) => this.#taken(consumer, key),
    }
  }

  /** A call that may be lost, or its answer; whoever asks gives up after a while, and what was asked for may be done later. */
  async #call<T>(gateway: Gateway, ask: (gateway: Gateway) => Promise<T>): Promise<T | undefined> {
    const { random, clock, isFaulty } = this.#world
    const draw = isFaulty ? random.fraction() : 1
    if (draw < 0.04) {
      await clock.sleep(CLIENT_TIMEOUT_MS)
      return undefined
    }
    const answer = ask(gateway)
    answer.catch(this.#world.noteDefect)
    const first = await Promise.race([
      answer,
      gateway.died.then(() => undefined),
      clock.sleep(CLIENT_TIMEOUT_MS).then(() => undefined),
    ])
    return draw < 0.08 ? undefined : first
  }

  #ask({ context }: Gateway, handler: Handler, version: number, request: unknown): Promise<unknown> {
    return handler.answer(request, { ...context, version, signal: NEVER.signal, memory: NONE_KEPT.lend() })
  }

  #pickGateway(): Gateway {
    const { broker: standing, ports, process } = this.#world.pickBroker()
    const known = this.#gateways.get(standing)
    if (known) return known
    const broker: GatewayBroker = standing
    const gateway: Gateway = {
      context: {
        broker,
        topics: new ListedTopics(broker, ports.clock),
        clock: ports.clock,
        client: { clientId: 'simulated', host: '127.0.0.1', principal: 'ANONYMOUS' },
        reserve: async () => {},
        settings: {
          nodeId: 1,
          clusterId: 'c2ltdWxhdGVkIGNsdXN0ZXI',
          advertised: { host: 'localhost', port: 9092 },
          peers: [],
          autoCreate: undefined,
        },
      },
      died: process.died,
    }
    this.#gateways.set(standing, gateway)
    return gateway
  }

  /** Where clocks are wrong, who lives may be given up all the same, and hears of it later; what it commits meanwhile is refused. */
  #taken(consumer: SimulatedConsumer, key: string): void {
    const { areClocksSet, skewMsMax } = this.#world
    if (areClocksSet || skewMsMax > NEAR_SKEW_MS_MAX) return
    // Told long ago, before it slept.
    if (!consumer.isInSession(skewMsMax)) return
    this.#world.count('taken')
    const other = this.#consumers.find(
      each =>
        each !== consumer && each.held.has(key) && each.isInSession(skewMsMax) && !this.#mayBeReplaced(each),
    )
    if (other) this.#world.violated(`two owners: ${key}: ${other.memberId} and ${consumer.memberId}`)
  }

  /** Whether there were others with the same name: whoever of them joins last has what the one before had. */
  #mayBeReplaced(consumer: SimulatedConsumer): boolean {
    const { instanceId } = consumer.settings
    if (instanceId === undefined) return false
    return this.#consumers.some(each => each !== consumer && each.settings.instanceId === instanceId)
  }

  async #addTopic(): Promise<void> {
    this.#topics += 1
    const topic = `${TOPIC_PREFIX}${this.#topics}`
    await this.#world.openPlainBroker().createTopic({ topic, partitions: this.#world.random.integer(1, 4) })
  }

  async #remakeTopic(): Promise<void> {
    const broker = this.#world.openPlainBroker()
    const topic = this.#pickTopic()
    await broker.deleteTopic(topic)
    await broker.createTopic({ topic, partitions: this.#world.random.integer(1, 4) })
  }

  async #growTopic(): Promise<void> {
    const broker = this.#world.openPlainBroker()
    const topic = this.#pickTopic()
    const { partitions } = await broker.describeTopic(topic)
    await broker.alterTopic({ topic, partitions: partitions + this.#world.random.integer(1, 2) })
  }

  #pickTopic(): string {
    return `${TOPIC_PREFIX}${this.#world.random.integer(1, this.#topics)}`
  }

  /** What is still missing until all are in one epoch, and have everything, each partition once. */
  async #findUnsettled(): Promise<string | undefined> {
    const living = this.#consumers.filter(consumer => consumer.isAlive)
    // All were fenced, each by a later one that is dead by now.
    if (living.length === 0) return undefined
    const { groups, topics } = this.#world.store
    const group = await groups.readGroup(GROUP)
    if (!group) return 'there is no group'
    const late = living.find(consumer => consumer.epoch !== group.epoch)
    if (late) return `a member is in ${late.epoch}, not in ${group.epoch}`
    const unreconciled = living.find(consumer => !consumer.isReconciled)
    if (unreconciled) return `${unreconciled.memberId} does not have what it was told to have`
    const owners = living.flatMap(({ held }) => [...held.keys()]).sort()
    const all: string[] = []
    for await (const { name, topicId, partitions, state } of topics.list()) {
      if (!name.startsWith(TOPIC_PREFIX) || state !== 'live') continue
      for (let partition = 0; partition < partitions; partition += 1)
        all.push(partitionKey({ topicId, partition }))
    }
    return owners.join() === all.sort().join() ? undefined : `members have ${owners}, and there are ${all}`
  }
}

const NEVER = new AbortController()
/** Groups have no records. */
const NONE_KEPT = new MemoryPool(0)
