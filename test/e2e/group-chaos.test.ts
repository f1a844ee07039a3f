import { expect, test } from 'vitest'
import { startDevBroker } from './chaos-broker.ts'
import { DEV_PACE, groupChaos } from './group-chaos.ts'
import { quickClock } from './quick-clock.ts'

test('a group whose members are killed, paused, stopped and restarted delivers everything and takes nothing back', async () => {
  const told: string[] = []
  const run = {
    pace: DEV_PACE,
    seconds: 0,
    changesMin: 4,
    seed: 20_260_130,
    lines: ['high water', 'low water'],
    // How soon it is whole again is measured by the script: here, other tests run beside it.
    graceMs: 60_000,
    report: (line: string) => told.push(line),
  }
  const problems = await groupChaos(run, await startDevBroker(quickClock(3)))
  expect(problems, told.join('\n')).toEqual([])
  expect(told).toContain('changes: 1 restart, 1 resume, 1 pause, 1 kill, 1 join')
}, 300_000)
