import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { TransactionName } from '../../../src/contract/transactions.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { Harness, readAll } from '../harness.ts'

/** A store with a topic "orders" of two partitions and one "input", and brokers that can die. */
export class TransactionWorld extends Harness {
  /** How many calls until the process that is under way dies; undefined: it lives. */
  #callsLeft: number | undefined
  #isDead = false

  /** Lets the process die at its n-th call from now on: before it reaches the store, or after. */
  dieAt(call: number, when: 'before' | 'after'): void {
    this.#callsLeft = call
    this.around = async (_, __, perform) => {
      if (this.#isDead) throw died()
      if (this.#callsLeft === 0) {
        this.#isDead = true
        if (when === 'after') await perform()
        throw died()
      }
      if (this.#callsLeft !== undefined) this.#callsLeft -= 1
      return await perform()
    }
  }

  get hasDied(): boolean {
    return this.#isDead
  }

  /** What is done from now on is done by other processes. */
  revive(): void {
    this.#isDead = false
    this.#callsLeft = undefined
    this.around = (_, __, perform) => perform()
  }

  async prepare(partitions = 2): Promise<LogBroker> {
    const broker = this.open()
    await this.run(broker.createTopic({ topic: 'orders', partitions }))
    await this.run(broker.createTopic({ topic: 'input', partitions: 1 }))
    return broker
  }

  /** A producer, and the name of the transaction that it begins next. */
  async producer(
    broker: LogBroker,
    transactionalId = 'tx',
    timeoutMs = 60_000,
  ): Promise<Required<TransactionName>> {
    const { producerId, epoch, number } = await this.run(broker.initProducer({ transactionalId, timeoutMs }))
    return { transactionalId, producerId, epoch, number: number + 1 }
  }

  async values(broker: LogBroker, partition = 0, topic = 'orders'): Promise<string[]> {
    const records = await this.run(readAll(broker, { topic, partition }))
    return records.map(({ value }) => value)
  }

  /** The committed offset of the partition "input/0"; undefined: there is none. */
  async committed(broker: LogBroker, groupId = 'readers'): Promise<number | undefined> {
    const offsets = await this.run(broker.fetchOffsets({ groupId }))
    return offsets.find(({ topic }) => topic === 'input')?.offset
  }
}

function died(): StoreFailed {
  return new StoreFailed('the process has died')
}
