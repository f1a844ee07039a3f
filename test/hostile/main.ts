/** Attacks a broker and tells what became of it; USAGE says how. */
import { parseArgs } from 'node:util'
import { ATTACKS } from './attacks/index.ts'
import { OWN_TREE, runningTarget } from './broker-process.ts'
import { isKept, tableRow } from './figures.ts'
import { Scene, type SceneSettings } from './scene.ts'

const USAGE = `npm run test:hostile -- [--only NAME …] [--seconds 20] [--seed N] [--tree DIR | --url URL --pid PID] [--short]
  Plays attackers against \`tidemark dev\`, measures it from outside (memory and processor time by /proc, so on Linux
  only; /health by a process of its own), and prints a line a figure. Exit code 1: a bound is broken.

  npm run test:hostile                                       all of them: some 20 minutes
  npm run test:hostile -- --short                            all of them, as the tests play them
  npm run test:hostile -- --only unread-answers              one of them
  npm run test:hostile -- --only fuzz --seconds 300 --seed 7 longer, from another seed
  npm run test:hostile -- --tree ../older                    against the broker of another checkout
  npm run test:hostile -- --url http://127.0.0.1:8082 --pid 4711
                                                             against one that runs (those that can)
Attacks:
${ATTACKS.map(({ name, about }) => `  ${name.padEnd(22)} ${about}`).join('\n')}`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    tree: { type: 'string', default: OWN_TREE },
    url: { type: 'string' },
    pid: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit()
}
const unknown = values.only?.filter(name => !ATTACKS.some(attack => attack.name === name)) ?? []
if (unknown.length > 0 || (values.url === undefined) !== (values.pid === undefined)) {
  console.error(
    unknown.length > 0 ? `There is no attack ${unknown.join(', ')}.` : '--url and --pid go together.',
  )
  console.error(`\n${USAGE}`)
  process.exit(1)
}

const { url, pid } = values
const seed = Number(values.seed ?? Date.now() % 1_000_000)
let current = ''
let figures = 0
const broken: string[] = []
const settings: SceneSettings = {
  tree: values.tree,
  scale: values.short ? 'short' : 'full',
  seed,
  seconds: Number(values.seconds),
  ...(url !== undefined && { running: runningTarget(url, Number(pid)) }),
  tell: line => console.log(`${' '.repeat(20)}${line.replaceAll('\n', ' ')}`),
  report: figure => {
    figures++
    const row = tableRow(current, figure)
    if (!isKept(figure)) broken.push(row)
    console.log(row)
  },
}

// What was started ends with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
console.log(`seed ${seed}, ${url ?? values.tree}`)
for (const attack of ATTACKS.filter(({ name }) => values.only?.includes(name) ?? true)) {
  current = attack.name
  if (attack.startsItsOwn && url !== undefined) {
    settings.tell?.(`${attack.name} is left out: it starts brokers of its own`)
    continue
  }
  const scene = new Scene(settings)
  try {
    await attack.run(scene)
  } catch (error) {
    broken.push(`${attack.name} broke off: ${error instanceof Error ? error.stack : error}`)
    console.error(broken.at(-1))
  } finally {
    await scene.close()
  }
}
console.log(
  broken.length === 0 ? `${figures} figures, every bound is kept` : `\n${broken.length} bounds are broken:`,
)
for (const row of broken) console.log(row)
process.exitCode = broken.length === 0 ? 0 : 1
