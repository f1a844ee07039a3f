import type { Attack } from '../scene.ts'
import { TROUBLES } from '../store-troubles.ts'

const ABOUT: Readonly<Record<string, string>> = {
  'stopped-neighbour':
    'a broker is stopped inside a transaction of the shared index, and goes on or is killed',
  'full-disk': 'the disk under a broker is filled and emptied, and the broker sometimes killed meanwhile',
  'failed-disk': 'the file system under a broker is shut down as a dying disk does, and mounted again',
}

/** What befalls a store, with a ledger of what producers were told; of this checkout's broker, whatever tree is attacked. */
export const storeTroubles: readonly Attack[] = Object.entries(TROUBLES).map(([name, trouble]) => ({
  name,
  about: ABOUT[name]!,
  startsItsOwn: true,
  async run(scene) {
    const settings = { rounds: scene.sized(10, 2), seed: scene.settings.seed }
    const broken = await trouble(line => scene.tell(line), settings).then(
      () => 0,
      error => {
        scene.tell(String(error))
        return 1
      },
    )
    scene.report({
      what: 'promises broken: lost, doubled, elsewhere, late',
      value: broken,
      unit: '',
      atMost: 0,
    })
  },
}))
