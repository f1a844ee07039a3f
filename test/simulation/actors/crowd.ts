import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { numberedBatch, sendAll } from './sending.ts'

/** More producers at once than an entry takes, or a head keeps. */
const CROWD = 20
const SENDINGS = 5

/** Many idempotent producers with one batch each, in shared commits. */
export const crowd: ActorKind = {
  name: 'crowd',
  wantsFarClocks: true,
  wantsFlushes: true,
  make: world => new Crowd(world),
}

class Crowd implements Actor {
  readonly #world: World
  #topic = ''

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    this.#topic = await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    if (random.fraction() < 0.7) return
    await clock.sleep(random.integer(0, 3_000))
    const place = { topic: this.#topic, partition: random.integer(0, LASTING_PARTITIONS - 1) }
    const batches = Array.from({ length: CROWD }, (_, number) => {
      const producer = {
        producerId: BigInt(1_000 * this.#world.day + number),
        producerEpoch: 0,
        baseSequence: 0,
      }
      return numberedBatch(this.#world, place, producer)
    })
    // With twenty at once one of them nearly always meets a fault, so not until all are acknowledged.
    await sendAll(this.#world, 'crowd', batches, SENDINGS)
    await clock.sleep(random.integer(0, 2_000))
    // All of them, or some: those that have left the head and those that have not share commits.
    const some = batches.filter(() => random.fraction() < 0.7)
    await sendAll(this.#world, 'crowd', some, SENDINGS)
  }
}
