import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type { World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

const HOUR_MS = 3_600_000
/** How far ahead of the time a clock is set; back to it, too. All together stay within what producers are remembered over. */
const AHEAD_MS = [0, 50_000, -50_000, HOUR_MS, -HOUR_MS, 25 * HOUR_MS, -25 * HOUR_MS]
/** How long it is left alone, and how often it is set until the others are through. */
const PAUSES_MS = [500, 10_000] as const
const STEPS = 12

/** Somebody sets clocks: all of them at once, as on one machine, or those of single processes. When faults end, they are right. */
export const clocks: ActorKind = {
  name: 'clocks',
  setsClocks: true,
  make: world => new Clocks(world),
}

class Clocks implements Actor {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async live(): Promise<void> {
    // Of its own, so that all others do what they would do without.
    const random = new SeededEntropy(this.#world.seed ^ 0xc10c)
    const isOneMachine = random.fraction() < 0.5
    for (let step = 0; step < STEPS; step += 1) {
      await this.#world.clock.sleep(random.integer(...PAUSES_MS))
      const aheadMs = random.pick(AHEAD_MS)
      this.#world.count('steps')
      const { processes, settings } = this.#world
      if (isOneMachine) settings.setAll(aheadMs)
      else if (processes.size > 0) settings.set(random.pick([...processes]), aheadMs)
    }
  }
}
