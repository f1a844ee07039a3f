import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { TransactionBroker } from '../../../src/contract/transactions.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { type ClientStyle, TransactionalClient } from './transactional-client.ts'

/** A topic that somebody deletes and makes anew in between. */
const PASSING_TOPIC = 'passing'
const IDS = 3
/** How many have a transactional id, one after the other, or at the same time. */
const CLIENTS = 4
const TRANSACTIONS = 4
/** When the next one takes an id over, whether the one before has ended or not. */
const TAKEOVER_MS = [500, 2_000, 8_000]
const TIMEOUTS_MS = [2_500, 60_000, 60_000]
const OPERATIONS = 5
/** How long somebody who looks waits at most for what is to be finished, without any faults. */
const FINISH_TRIES = 5

/**
 * Transactional producers, of which several have the same transactional id: they do not know of one another, stop in the midst of a
 * transaction, think for longer than it may take, send requests twice, and late. Somebody looks at transactions meanwhile, and aborts some.
 */
export const transactions: ActorKind = {
  name: 'transactions',
  wantsFarClocks: true,
  wantsFlushes: true,
  isNeverSilent: true,
  make: world => new Transactions(world),
}

class Transactions implements Actor {
  readonly #world: World
  readonly #ids = new Set<string>()
  #topic = ''

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    this.#topic = await this.#world.lastingTopic()
    this.#world.offerTopics([PASSING_TOPIC])
    await this.#makePassing()
  }

  async live(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: IDS }, (_, number) => this.#takeOver(number)),
      this.#operate(),
      this.#remake(),
    ])
  }

  /** Somebody looks at what is left of each: then it is over, and the next transaction is nobody's concern but its own. */
  async settle(): Promise<void> {
    const { clock, promises } = this.#world
    const broker = this.#broker()
    for (const transactionalId of this.#ids) {
      for (let tries = 0; ; tries += 1) {
        try {
          promises.transactions.toldProducer(transactionalId, await broker.initProducer({ transactionalId }))
          break
        } catch (error) {
          const isBusy = error instanceof TidemarkError && error.kafkaName === 'CONCURRENT_TRANSACTIONS'
          if (!isBusy || tries === FINISH_TRIES) throw error
          await clock.sleep(500)
        }
      }
      const client = this.#client(transactionalId, 'kafka', 1)
      const offsets = { transactions: 1, topics: [this.#topic], timeoutMs: 60_000 }
      await new TransactionalClient(
        { ...client.settings, ...offsets },
        this.#world,
        `last ${transactionalId}`,
      ).live()
      const { transactionalId: id } = client.settings
      await broker.abortTransaction(id)
    }
    // Offsets that have come late pend until somebody asks for them.
    for (const transactionalId of this.#ids) {
      const groupId = groupOf(transactionalId)
      for (let tries = 0; ; tries += 1) {
        try {
          await broker.fetchOffsets({ groupId, topics: [this.#topic] })
          break
        } catch (error) {
          if (!(error instanceof TidemarkError)) throw error
          if (error.kafkaName === 'GROUP_ID_NOT_FOUND') break
          if (error.kafkaName !== 'UNSTABLE_OFFSET_COMMIT' || tries === FINISH_TRIES) throw error
          await clock.sleep(500)
        }
      }
    }
  }

  async check(): Promise<void> {
    const [problem] = this.#world.promises.transactions.unfinished()
    if (problem !== undefined) throw new Error(problem)
  }

  /** One client after the other has the same transactional id; some of them have gone on when the next one comes. */
  async #takeOver(number: number): Promise<void> {
    const { random, clock } = this.#world
    const transactionalId = `till-${number}`
    // Not all from the beginning: epochs of objects may have gone on by then.
    await clock.sleep(random.integer(0, number * 4_000))
    const living: Promise<void>[] = []
    for (let count = 0; count < CLIENTS; count += 1) {
      const client = this.#client(transactionalId, random.pick<ClientStyle>(['own', 'kafka']), TRANSACTIONS)
      this.#ids.add(transactionalId)
      const life = client.live()
      this.#world.spawn(life)
      living.push(life)
      await Promise.race([life, clock.sleep(random.pick(TAKEOVER_MS))])
    }
    await Promise.all(living)
  }

  #client(transactionalId: string, style: ClientStyle, count: number): TransactionalClient {
    const { random } = this.#world
    const hasPassing = random.fraction() < 0.3
    const settings = {
      ...{ transactionalId, style, timeoutMs: random.pick(TIMEOUTS_MS), transactions: count },
      commitsOffsets: process.env.NO ? false : random.fraction() < 0.6,
      topics: hasPassing ? [this.#topic, PASSING_TOPIC] : [this.#topic],
      partitions: LASTING_PARTITIONS,
    }
    return new TransactionalClient(
      settings,
      this.#world,
      `${style} ${transactionalId} ${random.id().slice(0, 4)}`,
    )
  }

  /** Whoever looks after transactions: sees them, and aborts one now and then. */
  async #operate(): Promise<void> {
    const { random, clock, history } = this.#world
    for (let count = 0; count < OPERATIONS; count += 1) {
      await clock.sleep(random.integer(500, 5_000))
      if (this.#ids.size === 0) continue
      const { broker, process } = this.#world.pickBroker()
      const asked = broker as LogBroker & TransactionBroker
      const transactionalId = random.pick([...this.#ids])
      const what = random.pick(['list', 'describe', 'describe', 'abort'])
      const work =
        what === 'list'
          ? asked.listTransactions()
          : what === 'describe'
            ? asked.describeTransaction(transactionalId)
            : asked.abortTransaction(transactionalId)
      let outcome = 'done'
      try {
        await Promise.race([work, process.died])
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error
        if (!error.retriable && error.kafkaName !== 'TRANSACTIONAL_ID_NOT_FOUND') throw error
        outcome = error.kafkaName
      }
      history.note('operator', `${what} ${transactionalId}: ${outcome}`)
    }
  }

  async #remake(): Promise<void> {
    const { random, clock } = this.#world
    if (random.fraction() < 0.5) return
    await clock.sleep(random.integer(1_000, 8_000))
    await this.#world.openPlainBroker().deleteTopic(PASSING_TOPIC)
    await clock.sleep(random.integer(0, 2_000))
    await this.#makePassing()
  }

  async #makePassing(): Promise<void> {
    await this.#world.openPlainBroker().createTopic({ topic: PASSING_TOPIC, partitions: LASTING_PARTITIONS })
  }

  #broker(): LogBroker & TransactionBroker {
    return this.#world.openPlainBroker() as LogBroker & TransactionBroker
  }
}

/** The group whose offsets are a part of the transactions of one id. */
function groupOf(transactionalId: string): string {
  return `read by ${transactionalId}`
}
