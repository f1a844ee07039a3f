import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { ClassicGroupBroker } from '../../../src/contract/classic-groups.ts'
import type { GroupBroker } from '../../../src/contract/groups.ts'
import type { TransactionBroker } from '../../../src/contract/transactions.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { type ClassicDelivery, SimulatedClassicMember } from './simulated-classic-member.ts'
import { type Holding, SimulatedMember } from './simulated-member.ts'
import { type OffsetsToSend, TransactionalClient } from './transactional-client.ts'

const GROUP = 'processors'
const INPUT = 'input'
const INPUT_PARTITIONS = 4
const SESSION_TIMEOUT_MS = 6_000
const CLIENT_TIMEOUT_MS = 2_000
const REBALANCE_TIMEOUT_MS = 8_000
/** After it a transaction blocks the partitions no more that whoever made it had. */
const TRANSACTION_TIMEOUT_MS = 8_000
const CHAOS_STEPS = 8
const LOOKS_MAX = 40

/** A member of either kind. */
interface Processor {
  readonly isAlive: boolean
  readonly isPaused: boolean
  live(): Promise<void>
  kill(): void
  pause(durationMs: number): void
  leave(): Promise<void>
}

/**
 * Members of one group that read, process, and write in transactions, with the offsets up to which they have read: each offset once,
 * whoever owns its partition, dies in the midst, or sleeps through its session with a transaction open.
 */
export const processors: ActorKind = {
  name: 'processors',
  wantsFlushes: true,
  isNeverSilent: true,
  make: world => new Processors(world),
}

class Processors implements Actor {
  readonly #world: World
  readonly #isClassic: boolean
  readonly #members: { readonly number: number; readonly member: Processor }[] = []
  readonly #ids = new Set<string>()
  #output = ''
  #topicId = ''

  constructor(world: World) {
    this.#world = world
    this.#isClassic = world.random.fraction() < 0.5
  }

  async prepare(): Promise<void> {
    this.#output = await this.#world.lastingTopic()
    await this.#world.openPlainBroker().createTopic({ topic: INPUT, partitions: INPUT_PARTITIONS })
    this.#topicId = this.#world.topics.liveId(INPUT)!
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    for (let number = 0; number < random.integer(1, 3); number += 1) this.#start()
    for (let step = 0; step < CHAOS_STEPS; step += 1) {
      await clock.sleep(random.integer(100, 5_000))
      await this.#causeSomething()
    }
  }

  /** Whoever is left goes on for a while, without faults; then all end, and somebody looks at what they have left. */
  async settle(): Promise<void> {
    const { clock, promises } = this.#world
    while (this.#members.some(({ member }) => member.isPaused)) await clock.sleep(250)
    await clock.sleep(2 * SESSION_TIMEOUT_MS)
    for (const { member } of this.#members) member.kill()
    await clock.sleep(TRANSACTION_TIMEOUT_MS)
    const broker = this.#world.openPlainBroker() as LogBroker & TransactionBroker
    // What is pending of a transaction that is overdue is settled by whoever asks for it.
    for (let looks = 0; ; looks += 1) {
      try {
        await broker.fetchOffsets({ groupId: GROUP, topics: [INPUT] })
        break
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error
        if (error.kafkaName === 'GROUP_ID_NOT_FOUND') break
        if (error.kafkaName !== 'UNSTABLE_OFFSET_COMMIT' || looks === LOOKS_MAX) throw error
        await clock.sleep(500)
      }
    }
    for (const transactionalId of this.#ids) {
      for (let looks = 0; ; looks += 1) {
        try {
          promises.transactions.toldProducer(transactionalId, await broker.initProducer({ transactionalId }))
          break
        } catch (error) {
          const isBusy = error instanceof TidemarkError && error.kafkaName === 'CONCURRENT_TRANSACTIONS'
          if (!isBusy || looks === LOOKS_MAX) throw error
          await clock.sleep(500)
        }
      }
    }
  }

  async check(): Promise<void> {
    const [problem] = this.#world.promises.transactions.unfinished()
    if (problem !== undefined) throw new Error(problem)
  }

  async #causeSomething(): Promise<void> {
    const { random } = this.#world
    const living = this.#members.filter(({ member }) => member.isAlive)
    if (living.length === 0) return this.#start()
    const { number, member } = random.pick(living)
    switch (random.integer(0, 6)) {
      case 0:
      case 1:
        return this.#start()
      case 2:
        return member.kill()
      case 3:
        return member.pause(random.integer(1_000, 2 * SESSION_TIMEOUT_MS))
      case 4:
        return this.#world.spawn(member.leave())
      default:
        // A restart, or a second process by mistake, with the same transactional id.
        if (random.fraction() < 0.7) member.kill()
        else member.pause(random.integer(1_000, SESSION_TIMEOUT_MS))
        return this.#start(number)
    }
  }

  #start(number = this.#members.length): void {
    const worker = new Worker(this.#world, `processor-${number}`, this.#output)
    this.#ids.add(worker.transactionalId)
    const member = this.#isClassic ? this.#classicMember(worker) : this.#member(worker, number)
    this.#members.push({ number, member })
    this.#world.spawn(member.live())
  }

  #member(worker: Worker, number: number): SimulatedMember {
    const isStatic = number % 3 === 2
    const settings = {
      groupId: GROUP,
      topicPattern: `^${INPUT}$`,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      ...(isStatic && { instanceId: `instance ${number}` }),
      deliver: (memberId: string, holdings: readonly Holding[]) =>
        worker.deliver(memberId, isStatic ? `instance ${number}` : undefined, holdings),
    }
    return new SimulatedMember(settings, this.#world, call => this.#send(call, CLIENT_TIMEOUT_MS))
  }

  #classicMember(worker: Worker): SimulatedClassicMember {
    const settings = {
      ...{ groupId: GROUP, topic: INPUT, partitions: INPUT_PARTITIONS },
      ...{ sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS },
      deliver: (member: ClassicDelivery) => worker.deliverClassic(member, this.#topicId),
    }
    return new SimulatedClassicMember(settings, this.#world, (call, timeoutMs) => this.#send(call, timeoutMs))
  }

  /** A call to some broker, which may lose it, or its answer; whoever asks gives up after a while. */
  async #send<T>(
    call: (broker: GroupBroker & ClassicGroupBroker, signal: AbortSignal) => Promise<T>,
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
}

/** What processes one member's records, with a transactional id that it keeps when it is started anew. */
class Worker {
  readonly transactionalId: string
  readonly #world: World
  readonly #output: string
  #client: TransactionalClient | undefined

  constructor(world: World, transactionalId: string, output: string) {
    this.#world = world
    this.transactionalId = transactionalId
    this.#output = output
  }

  async deliver(
    memberId: string,
    instanceId: string | undefined,
    holdings: readonly Holding[],
  ): Promise<'kept' | 'lost'> {
    const { random } = this.#world
    const steps = holdings.map(({ next }) => next + random.integer(1, 5))
    const sent: OffsetsToSend = {
      group: { groupId: GROUP, memberId, ...(instanceId !== undefined && { instanceId }) },
      offsets: holdings.map(({ topic, topicId, partition, generation, next }, index) => ({
        ...{ topic, topicId, partition, generation, from: next, to: steps[index]! },
      })),
    }
    if (!(await this.#process(sent))) return 'lost'
    for (const [index, holding] of holdings.entries()) holding.next = steps[index]!
    return 'kept'
  }

  async deliverClassic(
    { memberId, instanceId, generation, partitions }: ClassicDelivery,
    topicId: string,
  ): Promise<void> {
    const { random } = this.#world
    const { broker, process } = this.#world.pickBroker()
    const looked = broker.fetchOffsets({ groupId: GROUP, topics: [INPUT] })
    let known: Awaited<typeof looked> | undefined
    try {
      known = (await Promise.race([looked, process.died])) ?? undefined
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      const mayCome = error.retriable || error.kafkaName === 'GROUP_ID_NOT_FOUND'
      if (!mayCome) throw error
    }
    if (!known || partitions.length === 0) return
    const offsets = partitions.map(partition => {
      const from = known.find(each => each.partition === partition)?.offset ?? 0
      return { topic: INPUT, topicId, partition, from, to: from + random.integer(1, 5) }
    })
    const group = { groupId: GROUP, memberId, generation, ...(instanceId !== undefined && { instanceId }) }
    await this.#process({ group, offsets })
  }

  /** Tells whether it is sure that all of it counts. */
  async #process(sent: OffsetsToSend): Promise<boolean> {
    this.#client = this.#client?.isAlive ? this.#client : await this.#open()
    return (await this.#client?.process(sent)) === 'committed'
  }

  async #open(): Promise<TransactionalClient | undefined> {
    const { random } = this.#world
    const settings = {
      transactionalId: this.transactionalId,
      style: random.pick(['own', 'kafka'] as const),
      timeoutMs: TRANSACTION_TIMEOUT_MS,
      transactions: 0,
      commitsOffsets: true,
      topics: [this.#output],
      partitions: LASTING_PARTITIONS,
    }
    const client = new TransactionalClient(settings, this.#world, `${settings.style} ${this.transactionalId}`)
    return (await client.begin()) ? client : undefined
  }
}
