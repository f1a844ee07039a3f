/**
 * Runs a broker on <directory> until its disk is full, and tells what it acknowledged: the parent limits the size of
 * this process's files.
 */
import { TidemarkError } from '../../../src/core/errors.ts'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { batchOf } from '../../broker/harness.ts'

const PARTITIONS = 40
const ROUNDS = 100

const reported: unknown[] = []
const { broker, close } = await openEmbedded({
  directory: process.argv[2]!,
  reportError: error => reported.push(error),
})
await broker.createTopic({ topic: 'tides', partitions: PARTITIONS })
const acknowledged: string[] = []
const errors = new Set<string>()
for (let round = 0; round < ROUNDS && errors.size === 0; round += 1) {
  const calls = Array.from({ length: PARTITIONS }, async (_, partition) => {
    const value = `${round} ${'x'.repeat(900)}`
    try {
      const batches = batchOf([value], { timestampMs: Date.now() })
      const { baseOffset } = await broker.produce({ topic: 'tides', partition, batches })
      acknowledged.push(`${partition}/${baseOffset}/${round}`)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      errors.add(`${error.kafkaName} ${error.written}`)
    }
  })
  await Promise.all(calls)
}
await close()
process.stdout.write(JSON.stringify({ acknowledged, errors: [...errors] }))
