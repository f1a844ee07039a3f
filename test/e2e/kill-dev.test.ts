import { expect, test } from 'vitest'
import { killRounds } from './kill-dev.ts'

test('a killed broker keeps what it acknowledged, once and in its place', async () => {
  const lines: string[] = []
  const problems = await killRounds({ rounds: 3, seed: 20_260_131, report: line => lines.push(line) })
  expect(problems, lines.join('\n')).toEqual([])
})

test('a broker that is killed while its log settles leaves nothing behind, either', async () => {
  const lines: string[] = []
  const report = (line: string) => lines.push(line)
  const problems = await killRounds({ rounds: 3, seed: 20_260_131, settles: true, report })
  expect(problems, lines.join('\n')).toEqual([])
})
