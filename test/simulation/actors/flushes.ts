import { flush } from '../../../src/broker/settling/flush.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

/** How often something outside the brokers flushes. */
const FLUSHES = 3

/** Flushes as what watches the table does, from a process like the others. */
export const flushes: ActorKind = {
  name: 'flushes',
  wantsFlushes: true,
  make: world => new Flushes(world),
}

class Flushes implements Actor {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    for (let number = 0; number < FLUSHES; number += 1) {
      await this.#world.clock.sleep(this.#world.random.integer(0, 3_000))
      await flushOnce(this.#world, this.#world.pickTopic())
    }
  }
}

/** Flushes all of a topic from some broker's process, if the topic is there. */
export async function flushOnce(world: World, name: string): Promise<void> {
  const { process, ports } = world.pickBroker()
  const topic = await world.store.topics.get(name)
  if (!topic) return
  const requests = Array.from({ length: LASTING_PARTITIONS }, (_, partition) => ({
    partition: { topicId: topic.topicId, partition },
    age: 'all' as const,
  }))
  const done = flush(ports, requests, ports.clock.monotonicMs() + 10_000)
  const results = await Promise.race([done, process.died.then(() => [])])
  world.history.note('flush', `${name}: ${results.map(({ status }) => status)}`)
}
