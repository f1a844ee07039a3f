/**
 * Runs the simulation of triggers over many seeds: node test/simulation/triggers/main.ts [--seeds 5000] [--from 1]
 * A run that fails prints the seed that repeats it.
 */
import { parseArgs } from 'node:util'
import { runTriggerSeeds } from './run-trigger-seeds.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '5000' }, from: { type: 'string', default: '1' } },
})
const from = Number(values.from)
const count = Number(values.seeds)
const startedMs = performance.now()
const outcome = await runTriggerSeeds(from, count, undefined, done => {
  if (done % 500 === 0) console.log(`${done} of ${count} seeds`)
})
if (outcome.failure) {
  console.error(`seed ${outcome.failure.seed}: ${outcome.failure.error.stack}`)
  console.error(`again: node test/simulation/triggers/main.ts --from ${outcome.failure.seed} --seeds 1`)
  process.exitCode = 1
} else {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const processorSeconds = (process.cpuUsage().user / 1e6).toFixed(1)
  console.log(
    `${count} seeds in ${seconds} s (${processorSeconds} s of processor time), in order, nothing lost, all caught up:`,
    outcome.total,
  )
}
