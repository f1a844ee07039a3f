/** Runs the simulation over many seeds; USAGE says how. A run that fails prints the command that repeats it. */
import { parseArgs } from 'node:util'
import { ACTORS, actorsNamed } from './actors/index.ts'
import { DEFECTS } from './defects.ts'
import { runSeeds } from './run-seeds.ts'

const USAGE = `npm run test:simulation -- [--seeds 1000] [--from 1] [--days 1] [--actors NAME,…] [--defect "…"] [--trace]
  --seeds 10000                  as many histories, each by its own seed (1000)
  --from 24 --seeds 1 --trace    one of them, told step by step
  --days 7                       as many days, with nights in which only upkeep goes on (1)
  --actors topics,writers        only these take part, and more seeds a second run (all, or those that notice the defect)
  --defect "…"                   with a fault planted that is known to be found
Actors: ${ACTORS.map(({ name }) => name).join(', ')}
Defects:
  ${Object.keys(DEFECTS).join('\n  ')}`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    days: { type: 'string', default: '1' },
    actors: { type: 'string' },
    defect: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit()
}
const defect = values.defect === undefined ? undefined : DEFECTS[values.defect]
if (values.defect !== undefined && !defect) {
  console.error(`There is no defect ${JSON.stringify(values.defect)}.\n\n${USAGE}`)
  process.exit(1)
}
const names = values.actors?.split(',') ?? defect?.actors ?? ACTORS.map(({ name }) => name)
const actors = actorsNamed(names)
const print = values.trace ? (line: string) => console.log(line) : undefined
const count = Number(values.seeds)
const days = Number(values.days)
const startedMs = performance.now()

const outcome = await runSeeds(Number(values.from), count, { actors, days, defect, print }, done => {
  if (done % 1000 === 0) console.log(`${done} of ${count} seeds`)
})
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
if (outcome.failure) {
  const { seed, error } = outcome.failure
  const planted = values.defect === undefined ? '' : ` --defect "${values.defect}"`
  console.error(`seed ${seed}: ${error.stack}`)
  console.error(
    `again: npm run test:simulation -- --from ${seed} --seeds 1 --days ${days} --actors ${names.join(',')}${planted} --trace`,
  )
  process.exitCode = 1
} else {
  const processorSeconds = (process.cpuUsage().user / 1e6).toFixed(1)
  console.log(`${count} seeds in ${seconds} s (${processorSeconds} s of processor time), all promises kept:`)
  console.log(outcome.total)
}
