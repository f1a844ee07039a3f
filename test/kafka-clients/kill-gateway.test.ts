import { expect, test } from 'vitest'
import { COMMANDS } from './installed.ts'
import { killGateways } from './kill-gateway.ts'

test.for([1, 2] as const)(
  'of %i gateways one is killed under an idempotent producer, and every record is there once, in order',
  { timeout: 300_000 },
  async (gateways, { skip }) => {
    await COMMANDS.confluent().catch(error => {
      if (process.env.CI) throw error
      skip(`NOT TESTED: ${error.message}`)
    })
    const lines: string[] = []
    const report = (line: string) => void lines.push(line)
    const problems = await killGateways({ rounds: 3, seed: 7, gateways, report })
    expect(problems, lines.join('\n')).toEqual([])
  },
)
