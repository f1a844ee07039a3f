/**
 * The same client programs against Apache Kafka and against Tidemark, one broker after the other on this machine, their data on the
 * same disk: Kafka with its defaults, which do not sync, once more with flush.messages=1, and Tidemark, whose every acknowledgement is on disk.
 * Needs kcat, Java 17, Maven and Go, and a machine that does nothing else.
 *
 *   npm run bench:kafka -- [--records 10000000] [--rounds 3] [--directory .bench] [--json .bench/kafka.json] [--quick]
 *   npm run bench:kafka -- --brokers kafka,tidemark --only 'kcat'
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { BROKERS, type BrokerName } from './kafka/brokers.ts'
import { RECORD_BYTES } from './kafka/clients.ts'
import { type Figures, measure } from './kafka/measure.ts'
import { report } from './kafka/report.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string' },
    rounds: { type: 'string' },
    directory: { type: 'string', default: '.bench' },
    json: { type: 'string' },
    brokers: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const records = Number(values.records ?? (values.quick ? 100_000 : 10_000_000))
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
for (const [name, value] of Object.entries({ records, rounds })) {
  if (Number.isSafeInteger(value) && value > 0) continue
  console.error(`--${name} is a whole number above 0`)
  process.exit(2)
}
const all = Object.keys(BROKERS) as BrokerName[]
const named: readonly string[] = values.brokers?.split(',') ?? all
const names = all.filter(name =>
  named.some(one => one === name || (one === 'flush' && name.includes('flush'))),
)
const stores = join(values.directory, 'stores')
await mkdir(stores, { recursive: true })
const file = join(values.directory, 'lines.txt')
await writeLines(file, records)

const measured: Figures[] = []
for (let round = 0; round < rounds; round++) {
  // In turns, so that what a machine does meanwhile falls on each alike.
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    progress(`round ${round + 1} of ${rounds}: ${name}`)
    const latencySeconds = values.quick ? 5 : 20
    measured.push(await measure({ name, stores, file, records, latencySeconds, only: values.only, progress }))
  }
}
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`
console.log(report(measured, { machine, records, rounds }))
const json = values.json ?? join(values.directory, 'kafka.json')
await mkdir(dirname(json), { recursive: true })
await writeFile(json, `${JSON.stringify({ machine, records, rounds, measured }, null, 2)}\n`)
console.log(`\nAlso in ${json}`)

/** Each line another, of digits and letters. */
async function writeLines(path: string, count: number): Promise<void> {
  const stream = createWriteStream(path)
  const filler =
    'the tide comes in and the tide goes out and what it leaves lies in the order in which it came; '
  for (let first = 0; first < count; first += 10_000) {
    const lines = Array.from({ length: Math.min(10_000, count - first) }, (_, index) =>
      `${first + index} ${filler}${filler}${filler}`.slice(0, RECORD_BYTES),
    )
    if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
}

function progress(text: string): void {
  console.error(text)
}
