import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../broker-process.ts'
import { call, createTopic } from '../http-calls.ts'
import type { Attack, Scene } from '../scene.ts'

const POLLS = 1_000
const PEAK_MB_MAX = 400
/** Of one core, for a thousand polls that wait. */
const SHARE_PERCENT_MAX = 5
const WAIT_MS = 30_000

export const idlePolls: Attack = {
  name: 'idle-polls',
  about: 'a thousand long polls of partitions in which nothing happens',
  async run(scene) {
    for (const partitions of scene.isShort ? [100] : [1, 100]) {
      await scene.on(broker => attack(scene, broker, partitions))
    }
  },
}

async function attack(scene: Scene, broker: Target, partitions: number): Promise<void> {
  const topic = `idle-${partitions}`
  await createTopic(broker.url, topic, { partitions })
  const agent = new Agent({ keepAlive: true })
  const ending = new AbortController()
  const polls = Array.from({ length: POLLS }, async (_, index) => {
    const path = `/topics/${topic}/partitions/${index % partitions}/records?offset=0&maxWaitMs=${WAIT_MS}`
    let failed = 0
    while (!ending.signal.aborted) {
      const answer = await call(`${broker.url}${path}`, { agent })
      if (answer.status !== 200 && !ending.signal.aborted) failed++
      if (answer.status !== 200) await sleep(100)
    }
    return failed
  })
  // Until all of them wait: what it costs to begin is not what it costs to wait.
  await sleep(scene.sized(4_000, 2_000))
  const seconds = scene.sized(20, 2)
  // No prober: what it costs to answer it is not what it costs to wait either.
  const beforeMs = broker.figures.processorMs
  const startedMs = performance.now()
  await sleep(seconds * 1_000)
  const share = (100 * (broker.figures.processorMs - beforeMs)) / (performance.now() - startedMs)
  scene.report({
    what: `share of a core, ${partitions} partitions`,
    value: share,
    unit: '%',
    atMost: SHARE_PERCENT_MAX,
    isTimed: true,
  })
  const what = `memory, ${partitions} partitions`
  scene.report({ what, value: broker.figures.residentMb, unit: 'MB', atMost: PEAK_MB_MAX })
  ending.abort()
  agent.destroy()
  const failed = (await Promise.all(polls)).reduce((sum, count) => sum + count, 0)
  scene.report({ what: `polls refused, ${partitions} partitions`, value: failed, unit: '', atMost: 0 })
}
