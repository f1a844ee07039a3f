import { resolve } from 'node:path'
import { OWN_TREE } from '../broker-process.ts'
import { ALL_STEPS_MS, clockSteps } from '../clock-steps.ts'
import type { Attack, Scene } from '../scene.ts'
import { TROUBLES } from '../store-troubles.ts'

/** Clocks that are set, and stores that fail: programs of their own, which throw where a promise is broken. */
export const troubles: readonly Attack[] = [
  program(
    'clock-steps',
    'the wall clock of a broker is set by hours and days, while everybody uses it',
    scene =>
      clockSteps(line => scene.tell(line), {
        stepsMs: scene.isShort ? ALL_STEPS_MS.slice(0, 1) : ALL_STEPS_MS,
      }),
  ),
  ...Object.entries(TROUBLES).map(([name, trouble]) =>
    program(name, `a store's trouble while producers keep a ledger: ${name}`, scene =>
      trouble(line => scene.tell(line), { seed: scene.settings.seed, rounds: scene.sized(10, 1) }),
    ),
  ),
]

function program(name: string, about: string, run: (scene: Scene) => Promise<void>): Attack {
  return {
    name,
    about,
    startsItsOwn: true,
    async run(scene) {
      if (resolve(scene.settings.tree) !== resolve(OWN_TREE)) {
        scene.tell('left out: it attacks the broker of this checkout only')
        return
      }
      let broken = 0
      try {
        await run(scene)
      } catch (error) {
        broken = 1
        scene.tell(String(error instanceof Error ? error.stack : error))
      }
      scene.report({ what: 'promises broken', value: broken, unit: '', atMost: 0 })
    },
  }
}
