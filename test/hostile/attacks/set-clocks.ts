import { ALL_STEPS_MS, clockSteps } from '../clock-steps.ts'
import type { Attack } from '../scene.ts'

/** What befalls whoever believes a clock; of this checkout's broker, whatever tree is attacked. */
export const setClocks: Attack = {
  name: 'set-clocks',
  about: "a broker's wall clock is set by hours and by days while everybody uses it",
  startsItsOwn: true,
  async run(scene) {
    const stepsMs = scene.isShort ? ALL_STEPS_MS.slice(0, 1) : ALL_STEPS_MS
    const broken = await clockSteps(line => scene.tell(line), { stepsMs }).then(
      () => 0,
      error => {
        scene.tell(String(error))
        return 1
      },
    )
    scene.report({ what: 'promises broken', value: broken, unit: '', atMost: 0 })
  },
}
