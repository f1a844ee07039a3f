import { expect, test } from 'vitest'
import { COMMANDS } from '../installed.ts'
import { processUnderKills } from './processing.ts'

test.each(['java', 'confluent', 'sdk'] as const)(
  'what processes of %s copy under kills comes out once',
  async client => {
    try {
      await Promise.all([COMMANDS.confluentTransactions(), COMMANDS.javaTransactions()])
    } catch (error) {
      if (process.env.CI) throw error
      return console.error(`\n!!!!! NOT TESTED: ${(error as Error).message}\n`)
    }
    const { sent, count, sum, expectedSum } = await processUnderKills({
      client,
      seconds: 20,
      seed: 5,
      report: line => console.log(line),
    })
    expect([count, sum]).toEqual([sent, expectedSum])
  },
  600_000,
)
