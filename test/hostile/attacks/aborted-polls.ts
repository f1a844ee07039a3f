import { setTimeout as sleep } from 'node:timers/promises'
import { createTopic } from '../http-calls.ts'
import { RawConnections, requestHead } from '../raw-connections.ts'
import type { Attack } from '../scene.ts'

/** What a thousand connections at once allocate stays for a while in what the runtime keeps for young objects. */
const PEAK_MB_MAX = 500
/** The later waves find it there: what grows on is a leak. */
const GROWTH_MB_MAX = 60
const WAVE = 1_000

const PARTITIONS = Array.from({ length: 100 }, (_, partition) => ({ partition, offset: 0 }))
const BODY = JSON.stringify({ partitions: PARTITIONS, maxWaitMs: 30_000 })
/** One for all partitions. */
const OF_ALL =
  requestHead('POST', '/topics/tides/fetch', {
    'content-type': 'application/json',
    'content-length': BODY.length,
  }) + BODY

export const abortedPolls: Attack = {
  name: 'aborted-polls',
  about: 'tens of thousands of long polls that are opened and left, wave after wave',
  async run(scene) {
    const broker = await scene.start()
    await createTopic(broker.url, 'tides', { partitions: 100 })
    const waves = scene.sized(98, 6)
    const pathOf = (index: number) =>
      `/topics/tides/partitions/${index % 100}/records?offset=0&maxWaitMs=30000`
    await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn: `${waves * WAVE} polls` }, async () => {
      let halfwayMb = 0
      for (let wave = 0; wave < waves; wave++) {
        if (wave === Math.floor(waves / 2)) halfwayMb = broker.figures.peakMb
        const raw = new RawConnections(broker.port)
        const sockets = await raw.openMany(WAVE, true)
        for (const [index, socket] of sockets.entries())
          socket.write(index % 10 === 0 ? OF_ALL : requestHead('GET', pathOf(index)))
        await sleep(50)
        raw.close()
      }
      const growthMb = broker.figures.peakMb - halfwayMb
      // A few waves only warm up.
      const bound = scene.isShort ? {} : { atMost: GROWTH_MB_MAX }
      scene.report({ what: 'growth in the second half', value: growthMb, unit: 'MB', ...bound })
    })
    for (const seconds of scene.isShort ? [2] : [5, 30]) {
      await sleep(seconds * 1_000)
      const what = `memory ${seconds} s after`
      scene.report({ what, value: broker.figures.residentMb, unit: 'MB', atMost: PEAK_MB_MAX })
    }
  },
}
