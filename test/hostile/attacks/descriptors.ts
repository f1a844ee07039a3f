import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, callJson, countStatuses, createTopic } from '../http-calls.ts'
import { RawConnections } from '../raw-connections.ts'
import type { Attack } from '../scene.ts'

const DESCRIPTORS = 64
const PEAK_MB_MAX = 300
const SILENT_MS = 2_500

export const descriptors: Attack = {
  name: 'descriptors',
  about: 'more producers than the process may have descriptors, and connections that say nothing',
  startsItsOwn: true,
  async run(scene) {
    const producers = scene.sized(120, 120)
    const broker = await scene.start({ descriptorsMax: DESCRIPTORS })
    await createTopic(broker.url, 'tides', { partitions: 4 })
    const answers: Answer[] = []
    let unwritten = 0
    const limitMs = performance.now() + scene.sized(20, 8) * 1_000
    const produce = async (producer: number) => {
      // Each holds on to a connection of its own, as a program does.
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const records = [{ value: 'x'.repeat(8_000) }]
      for (let round = 0; round < 5; round++) {
        let isWritten = false
        while (!isWritten && performance.now() < limitMs) {
          const answer = await callJson(`${broker.url}/topics/tides/records`, { records }, { agent })
          answers.push(answer)
          isWritten = answer.status === 200
          if (!isWritten) await sleep(100 + producer)
        }
        if (!isWritten) unwritten++
      }
      agent.destroy()
    }
    await scene.watch(
      broker,
      { peakMb: PEAK_MB_MAX, turn: `${producers} producers`, isHealthFree: true },
      () => Promise.all(Array.from({ length: producers }, (_, index) => produce(index))),
    )
    const counts = [...countStatuses(answers)].map(([status, count]) => `${count} × ${status}`).join(', ')
    const [broken] = answers.filter(({ status }) => status === 0)
    scene.tell(`${counts}${broken ? `; ${broken.error}` : ''}`)
    // Beyond the connections that there are, 503 says so.
    const serverErrors = answers.filter(({ status }) => status >= 500 && status !== 503)
    if (serverErrors[0]) scene.tell(serverErrors[0].text.slice(0, 300))
    scene.report({
      what: 'answers of 500 and above, but for 503',
      value: serverErrors.length,
      unit: '',
      atMost: 0,
    })
    scene.report({ what: 'produces that were never taken, of 600', value: unwritten, unit: '', atMost: 0 })
    const idle = new RawConnections(broker.port)
    try {
      await idle.openMany(200, true)
      // Whoever says nothing makes way, but not at once.
      await sleep(SILENT_MS)
      await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn: '200 silent connections' }, () =>
        sleep(scene.sized(5_000, 2_000)),
      )
    } finally {
      idle.close()
    }
  },
}
