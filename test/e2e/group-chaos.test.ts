import { expect, test } from 'vitest'
import { startDevBroker } from './chaos-broker.ts'
import { DEV_PACE, groupChaos } from './group-chaos.ts'

test('a group whose members are killed, paused, stopped and restarted delivers everything and takes nothing back', async () => {
  const told: string[] = []
  const run = {
    pace: DEV_PACE,
    seconds: 20,
    seed: 20_260_130,
    lines: ['high water', 'low water'],
    // How soon it is whole again is measured by the script: here, other tests run beside it.
    graceMs: 60_000,
    report: (line: string) => told.push(line),
  }
  const problems = await groupChaos(run, await startDevBroker())
  expect(problems, told.join('\n')).toEqual([])
}, 300_000)
