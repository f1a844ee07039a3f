import { TidemarkError } from '../../../src/core/errors.ts'
import { answerOrLate } from '../answer-or-late.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

const POLLS = 6

/** Polls at the end of logs where nothing comes, each of which must be answered in time. */
export const pollers: ActorKind = {
  name: 'pollers',
  make: world => new Pollers(world),
}

class Pollers implements Actor {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    for (let poll = 0; poll < POLLS; poll += 1) {
      await clock.sleep(random.integer(0, 3_000))
      await this.#poll(random.integer(0, LASTING_PARTITIONS - 1), random.pick([500, 5_000, 10_000]))
    }
  }

  async #poll(partition: number, maxWaitMs: number): Promise<void> {
    const { clock, history } = this.#world
    const { broker, process } = this.#world.pickBroker()
    const topic = await this.#world.lastingTopic()
    const beganMs = clock.monotonicMs()
    try {
      const end = await Promise.race([broker.offsetFor({ topic, partition, at: 'latest' }), process.died])
      if (!end) return
      const answer = broker.fetch({ topic, partition, offset: end.offset!, minBytes: 1, maxWaitMs })
      answer.catch(this.#world.noteDefect)
      const fetched = await answerOrLate(clock, process, answer, maxWaitMs)
      if (fetched === 'late') this.#world.violated(`late: a poll of ${maxWaitMs} ms is not answered`)
      history.note('poller', `waited for ${clock.monotonicMs() - beganMs} of ${maxWaitMs} ms`)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      history.note('poller', error.kafkaName)
    }
    this.#world.count('polls')
  }
}
