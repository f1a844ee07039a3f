import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DecodedFrames } from '../frames/decoding.ts'
import type { Attack } from '../scene.ts'

const PROGRAM = fileURLToPath(new URL('decoded-frames-process.ts', import.meta.url))
const TURNS = 10
const GROWTH_MB_MAX = 5

export interface Turn extends DecodedFrames {
  /** Of the process, after it. */
  readonly heapMb: number
}

/** The decoders alone, as fast as they are: over a connection a million takes minutes. */
export const decodedFrames: Attack = {
  name: 'decoded-frames',
  about:
    "requests of every API and version of Kafka's protocol, damaged by chance, decoded in a process of their own",
  startsItsOwn: true,
  async run(scene) {
    const frames = scene.sized(100_000, 2_000)
    const turns: Turn[] = []
    const child = fork(PROGRAM, [scene.settings.seed, TURNS, frames].map(String), {
      execArgv: ['--expose-gc'],
      stdio: 'inherit',
    })
    child.on('message', turn => turns.push(turn as Turn))
    const [code] = await once(child, 'exit')
    const failures = turns.flatMap(turn => turn.failures)
    const decoded = sum(turns.map(turn => turn.decoded))
    const refused = sum(turns.map(turn => turn.refused))
    for (const failure of failures) scene.tell(failure)
    scene.tell(`${decoded} decoded, ${refused} refused, exit code ${code}`)
    scene.report({ what: 'frames', value: decoded + refused, unit: '', atLeast: TURNS * frames })
    scene.report({ what: 'errors of another kind', value: failures.length, unit: '', atMost: 0 })
    scene.report({
      what: 'memory kept by them',
      // The first one warms up.
      value: (turns.at(-1)?.heapMb ?? 0) - (turns[0]?.heapMb ?? 0),
      unit: 'MB',
      atMost: GROWTH_MB_MAX,
    })
    const slowestMs = Math.max(...turns.map(turn => turn.slowestMs))
    scene.report({ what: 'slowest frame', value: slowestMs, unit: 'ms', isTimed: true })
  },
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
