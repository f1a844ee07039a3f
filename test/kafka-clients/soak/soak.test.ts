import { expect, test } from 'vitest'
import { type Figure, isKept } from '../../hostile/figures.ts'
import { COMMANDS } from '../installed.ts'
import { soak } from './soak.ts'

test('when all that came and went is gone, nothing of it is left', { timeout: 400_000 }, async ({ skip }) => {
  await COMMANDS.confluent().catch(error => {
    if (process.env.CI) throw error
    skip(`NOT TESTED: ${error.message}`)
  })
  const figures: Figure[] = []
  const lines: string[] = []
  await soak({
    minutes: 0.3,
    seed: 1,
    lookMs: 5_000,
    changeMs: 3_000,
    report: figure => figures.push(figure),
    tell: line => lines.push(line),
  })
  // How much memory so short a time takes says nothing.
  const broken = figures.filter(figure => figure.unit !== 'MB' && !isKept(figure))
  expect(broken, lines.join('\n')).toEqual([])
})
