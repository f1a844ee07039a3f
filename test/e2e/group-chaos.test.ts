import { expect, test } from 'vitest'
import { groupChaos } from './group-chaos.ts'

test('a group whose members are killed, paused and stopped delivers everything and takes nothing back', async () => {
  const told: string[] = []
  const problems = await groupChaos({
    seconds: 20,
    seed: 20_260_130,
    lines: ['high water', 'low water'],
    // How soon it is whole again is measured by the script: here, other tests run beside it.
    graceMs: 60_000,
    report: line => told.push(line),
  })
  expect(problems, told.join('\n')).toEqual([])
}, 300_000)
