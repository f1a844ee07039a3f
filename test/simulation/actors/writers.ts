import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { produceOnce } from './sending.ts'

const WRITERS = 2
const CALLS_PER_WRITER = 14

/** Who writes records without numbering them, and does not send again what it is not told of. */
export const writers: ActorKind = {
  name: 'writers',
  wantsFlushes: true,
  make: world => new Writers(world),
}

class Writers implements Actor {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    await Promise.all(Array.from({ length: WRITERS }, (_, number) => this.#write(`writer ${number}`)))
  }

  async #write(who: string): Promise<void> {
    const { random, clock, log } = this.#world
    for (let call = 0; call < CALLS_PER_WRITER; call += 1) {
      await clock.sleep(random.integer(0, 400))
      const broker = this.#world.pickBroker()
      const place = { topic: this.#world.pickTopic(), partition: random.integer(0, LASTING_PARTITIONS - 1) }
      // Now and then several calls at once: they must keep their order.
      const calls = random.pick([1, 1, 3])
      const { moment } = log
      const group = Array.from({ length: calls }, () => produceOnce(this.#world, who, broker, place))
      log.inOrder(place, moment, await Promise.all(group))
    }
  }
}
