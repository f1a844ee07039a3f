import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { decodeMutations } from '../frames/decoding.ts'
import type { Attack } from '../scene.ts'

const TURNS = 10
const GROWTH_MB_MAX = 5

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The decoders alone, as fast as they are: over a connection a million takes minutes. */
export const decodedFrames: Attack = {
  name: 'decoded-frames',
  about: "requests of every API and version of Kafka's protocol, damaged by chance, decoded in this process",
  startsItsOwn: true,
  async run(scene) {
    const frames = scene.sized(100_000, 2_000)
    const failures: string[] = []
    let decoded = 0
    let refused = 0
    let slowestMs = 0
    let firstMb = 0
    for (let turn = 0; turn < TURNS; turn++) {
      const result = decodeMutations(scene.settings.seed + turn, frames)
      decoded += result.decoded
      refused += result.refused
      slowestMs = Math.max(slowestMs, result.slowestMs)
      failures.push(...result.failures)
      // The first one warms up.
      if (turn === 0) firstMb = heapMb()
    }
    for (const failure of failures) scene.tell(failure)
    scene.tell(`${decoded} decoded, ${refused} refused`)
    scene.report({ what: 'frames', value: decoded + refused, unit: '', atLeast: TURNS * frames })
    scene.report({ what: 'errors of another kind', value: failures.length, unit: '', atMost: 0 })
    scene.report({
      what: 'memory kept by them',
      value: heapMb() - firstMb,
      unit: 'MB',
      atMost: GROWTH_MB_MAX,
    })
    scene.report({ what: 'slowest frame', value: slowestMs, unit: 'ms', isTimed: true })
  },
}

/** What is in use, and in buffers, once what is not in use has been collected. */
function heapMb(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 1e6
}
