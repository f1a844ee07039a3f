import { expect, test } from 'vitest'
import { COMMANDS } from '../installed.ts'
import { runWorkload } from './workload.ts'

test('nothing that must never be is seen under kills, pauses and takeovers', async ({ skip }) => {
  try {
    await Promise.all([COMMANDS.confluentTransactions(), COMMANDS.javaTransactions()])
  } catch (error) {
    if (process.env.CI) throw error
    skip(`NOT TESTED: ${(error as Error).message}`)
  }
  const outcome = await runWorkload({ seconds: 30, seed: 7, report: line => console.log(line) })
  expect(outcome.anomalies).toEqual([])
  expect(outcome.committed).toBeGreaterThan(0)
}, 600_000)
