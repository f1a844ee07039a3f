/**
 * Runs the simulation over many seeds:
 * node test/simulation/main.ts [--seeds 1000] [--from 1] [--actors topics,writers] [--defect "…"] [--trace]
 * All actors take part unless some are named; with a defect planted, those that notice it. A run that fails prints the
 * seed, and the command that repeats it.
 */
import { parseArgs } from 'node:util'
import { ACTORS, actorsNamed } from './actors/index.ts'
import { DEFECTS } from './defects.ts'
import { runSeeds } from './run-seeds.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    actors: { type: 'string' },
    defect: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
const defect = values.defect === undefined ? undefined : DEFECTS[values.defect]
if (values.defect !== undefined && !defect) {
  throw new Error(`There is no such defect; there are:\n${Object.keys(DEFECTS).join('\n')}`)
}
const names = values.actors?.split(',') ?? defect?.actors ?? ACTORS.map(({ name }) => name)
const actors = actorsNamed(names)
const print = values.trace ? (line: string) => console.log(line) : undefined
const count = Number(values.seeds)
const startedMs = performance.now()

const outcome = await runSeeds(Number(values.from), count, { actors, defect, print }, done => {
  if (done % 1000 === 0) console.log(`${done} of ${count} seeds`)
})
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
if (outcome.failure) {
  const { seed, error } = outcome.failure
  const planted = values.defect === undefined ? '' : ` --defect "${values.defect}"`
  console.error(`seed ${seed}: ${error.stack}`)
  console.error(
    `again: npm run test:simulation -- --from ${seed} --seeds 1 --actors ${names.join(',')}${planted} --trace`,
  )
  process.exitCode = 1
} else {
  const processorSeconds = (process.cpuUsage().user / 1e6).toFixed(1)
  console.log(`${count} seeds in ${seconds} s (${processorSeconds} s of processor time), all promises kept:`)
  console.log(outcome.total)
}
