import { setTimeout as sleep } from 'node:timers/promises'
import type { Poll, Polled, Sent, Transaction } from './check-history.ts'
import type { TransactionalProducer, TransactionalProgram } from './program.ts'

const STEPS_MAX = 4
const RECORDS_MAX = 3
const POLL_MS = 50
const ABORTED_SHARE = 0.15
const POLLED_SHARE = 0.4
/** How often a reader begins anew. */
const ASSIGNED_SHARE = 0.01
const AGAIN_AFTER_MS = 100

export interface Work {
  readonly topic: string
  readonly partitions: number
  readonly timeoutMs: number
  readonly random: () => number
  /** Each once in all of the work. */
  readonly nextValue: () => string
}

/** One process that does transactions, one after the other, and reads what there is; and notes what came of it. */
export class Worker {
  readonly id: string
  readonly program: TransactionalProgram
  readonly transactions: Transaction[] = []
  readonly polls: Poll[] = []
  /** How often it had to take its transactional id anew. */
  opened = 0
  readonly #work: Work
  #producer: TransactionalProducer | undefined
  #assigned = 0

  constructor(id: string, program: TransactionalProgram, work: Work) {
    this.id = id
    this.program = program
    this.#work = work
  }

  /** Until it is told to end, and has found out what became of its last transaction, or cannot. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#assign(signal)
    while (!signal.aborted) {
      if (this.#work.random() < ASSIGNED_SHARE) await this.#assign(signal)
      this.#producer ??= await this.#open(signal)
      if (this.#producer) await this.#transact(this.#producer, signal)
    }
  }

  async #transact(producer: TransactionalProducer, signal: AbortSignal): Promise<void> {
    const sent: Sent[] = []
    const polled: Polled[] = []
    const note = (outcome: Transaction['outcome']) => this.transactions.push({ outcome, sent, polled })
    const { random } = this.#work
    let isDecided = false
    try {
      await producer.begin()
      const steps = 1 + Math.floor(random() * STEPS_MAX)
      for (let step = 0; step < steps; step++) {
        if (random() < POLLED_SHARE) polled.push(...(await this.#poll()))
        else await this.#send(producer, sent)
      }
      if (random() < ABORTED_SHARE) {
        await producer.abort()
        note('aborted')
        return
      }
      isDecided = true
      await producer.commit()
      note('committed')
    } catch {
      this.#producer = undefined
      if (isDecided) note('unknown')
      // Whoever takes the id over aborts what is open, so that nothing can come of it any more.
      else if (await this.#isAborted(producer, signal)) note('aborted')
      else note('unknown')
    }
  }

  async #isAborted(producer: TransactionalProducer, signal: AbortSignal): Promise<boolean> {
    try {
      await producer.abort()
      return true
    } catch {
      this.#producer = await this.#open(signal)
      return this.#producer !== undefined
    }
  }

  async #send(producer: TransactionalProducer, sent: Sent[]): Promise<void> {
    const { random, partitions, nextValue, topic } = this.#work
    const partition = Math.floor(random() * partitions)
    const records = Array.from({ length: 1 + Math.floor(random() * RECORDS_MAX) }, () => ({
      partition,
      value: nextValue(),
    }))
    // Noted before it is tried.
    sent.push(...records)
    await producer.send(
      topic,
      records.map(({ partition, value }) => [partition, value] as const),
    )
  }

  async #poll(): Promise<readonly Polled[]> {
    const records = await this.program.poll(POLL_MS)
    this.polls.push({ reader: `${this.id}/${this.#assigned}`, records })
    return records
  }

  async #open(signal: AbortSignal): Promise<TransactionalProducer | undefined> {
    return await this.#again(signal, async () => {
      const producer = await this.program.open(this.id, this.#work.timeoutMs)
      this.opened += 1
      return producer
    })
  }

  async #assign(signal: AbortSignal): Promise<void> {
    const { topic, partitions } = this.#work
    await this.#again(signal, () => this.program.assign(topic, partitions))
    this.#assigned += 1
  }

  async #again<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        return await attempt()
      } catch {
        await sleep(AGAIN_AFTER_MS)
      }
    }
    return undefined
  }
}
