import { test } from 'vitest'
import { clockSteps } from '../hostile/clock-steps.ts'

const HOUR_MS = 3_600_000

test('a broker whose clock is set goes on with everything', { timeout: 180_000 }, async () => {
  const lines: string[] = []
  await clockSteps(line => lines.push(line), { stepsMs: [-HOUR_MS, 25 * HOUR_MS] })
})
