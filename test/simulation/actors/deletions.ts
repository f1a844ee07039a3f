import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

/** Deletes the records before some offset, in half of the runs. */
export const deletions: ActorKind = {
  name: 'deletions',
  wantsFlushes: true,
  make: world => new Deletions(world),
}

class Deletions implements Actor {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    const { random, clock, log, history } = this.#world
    if (random.fraction() < 0.5) return
    await clock.sleep(random.integer(1_000, 4_000))
    const { broker, process } = this.#world.pickBroker()
    const place = { topic: this.#world.pickTopic(), partition: random.integer(0, LASTING_PARTITIONS - 1) }
    const beforeOffset = toOffset(random.integer(0, log.highestOffset(place)))
    const { moment } = log
    log.deleting(place, beforeOffset)
    let outcome = 'done'
    try {
      await Promise.race([broker.deleteRecords({ ...place, beforeOffset }), process.died])
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      outcome = error.kafkaName
    }
    log.deleted(place, moment, beforeOffset)
    history.note('deleter', `${place.topic}/${place.partition} before ${beforeOffset}: ${outcome}`)
  }
}
