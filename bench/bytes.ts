/**
 * How many records a second each way in and out carries, of several checkouts in turns: batches that are fetched and produced
 * in process and over HTTP, and the SDK's consumers. Records of 200 bytes; every acknowledgement durable.
 *
 *   npm run bench:bytes -- --trees ../before,. [--only sdk-12,fetch-50] [--rounds 3] [--records 1000000]
 */
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CASES, type Measured } from './bytes/cases.ts'
import { formatNumber, formatTable } from './table.ts'

const { values } = parseArgs({
  options: {
    trees: { type: 'string', default: '.' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    records: { type: 'string', default: '1000000' },
    directory: { type: 'string', default: '.bench' },
  },
})
const trees = values.trees.split(',').map(tree => resolve(tree))
for (const tree of trees) {
  if (existsSync(join(tree, 'src/index.ts'))) continue
  console.error(`--trees: ${tree} is no checkout`)
  process.exit(2)
}
const names = values.only?.split(',') ?? Object.keys(CASES)
const rounds = Number(values.rounds)
const parent = resolve(values.directory)
await mkdir(parent, { recursive: true })

for (const name of names) {
  const measured = new Map<string, Measured[]>(trees.map(tree => [tree, []]))
  for (let round = 0; round < rounds; round++) {
    for (const tree of round % 2 === 0 ? trees : trees.toReversed()) {
      measured.get(tree)!.push(await measureIn(tree, name))
    }
  }
  const first = medianOf(measured.get(trees[0]!)!, 'recordsPerSecond')
  console.log(`\n${name}: ${CASES[name]!.title}`)
  console.log(
    formatTable(
      trees.map(tree => {
        const all = measured.get(tree)!
        return {
          tree,
          'records/s': formatNumber(medianOf(all, 'recordsPerSecond')),
          'to the first': `${formatNumber(medianOf(all, 'recordsPerSecond') / first, 2)}x`,
          'all rounds': all.map(one => formatNumber(one.recordsPerSecond)).join(' '),
          'own s/M': formatNumber(medianOf(all, 'ownSeconds'), 2),
          'broker s/M': formatNumber(medianOf(all, 'brokerSeconds'), 2),
          'peak MB': formatNumber(Math.max(...all.map(one => one.peakMegabytes))),
        }
      }),
    ),
  )
}

/** In a process of its own, so that nothing of another tree is warm in it. */
async function measureIn(tree: string, name: string): Promise<Measured> {
  const directory = await mkdtemp(join(parent, 'bytes-'))
  const child = fork(join(import.meta.dirname, 'bytes/child.ts'), [
    JSON.stringify({ tree, name, directory, records: Number(values.records) }),
  ])
  try {
    return await new Promise<Measured>((resolve, reject) => {
      child.once('message', message => resolve(message as Measured))
      child.once('error', reject)
      child.once('exit', code => reject(new Error(`${name} of ${tree} ended with status ${code}`)))
    })
  } finally {
    child.kill()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Of the rounds: what a machine does beside it falls on some of them. */
function medianOf(all: readonly Measured[], figure: keyof Measured): number {
  return all.map(one => one[figure]).toSorted((a, b) => a - b)[all.length >> 1]!
}
