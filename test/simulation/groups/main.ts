/**
 * Runs the simulation of groups over many seeds: node test/simulation/groups/main.ts [--seeds 10000] [--from 1]
 * A run that fails prints the seed that repeats it.
 */
import { parseArgs } from 'node:util'
import { runGroupSeeds } from './run-group-seeds.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '10000' }, from: { type: 'string', default: '1' } },
})
const from = Number(values.from)
const count = Number(values.seeds)
const startedMs = performance.now()
const outcome = await runGroupSeeds(from, count, undefined, done => {
  if (done % 1000 === 0) console.log(`${done} of ${count} seeds`)
})
if (outcome.failure) {
  console.error(`seed ${outcome.failure.seed}: ${outcome.failure.error.stack}`)
  console.error(`again: node test/simulation/groups/main.ts --from ${outcome.failure.seed} --seeds 1`)
  process.exitCode = 1
} else {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const processorSeconds = (process.cpuUsage().user / 1e6).toFixed(1)
  console.log(
    `${count} seeds in ${seconds} s (${processorSeconds} s of processor time), one owner at a time, all settled:`,
    outcome.total,
  )
}
