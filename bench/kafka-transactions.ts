/**
 * Transactions of the same Java client against Apache Kafka with its defaults and against Tidemark, in turns on this machine: how many
 * a second, and how soon their records are read by who reads what is committed.
 *
 *   node bench/kafka-transactions.ts [--rounds 3] [--seconds 15] [--records 100] [--partitions 1] [--directory .bench]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { jars } from '../test/kafka/jars.ts'
import { BROKERS } from './kafka/brokers.ts'
import { formatTable } from './table.ts'

interface Figures {
  readonly transactionsPerSecond: number
  readonly read: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const NAMES = ['kafka', 'tidemark'] as const
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '15' },
    records: { type: 'string', default: '100' },
    partitions: { type: 'string', default: '1' },
    directory: { type: 'string', default: '.bench' },
    only: { type: 'string' },
  },
})
const stores = join(values.directory, 'stores')
await mkdir(stores, { recursive: true })
const measured: Record<(typeof NAMES)[number], Figures[]> = { kafka: [], tidemark: [] }
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
    if (values.only !== undefined && values.only !== name) continue
    const broker = await BROKERS[name](stores)
    try {
      await broker.createTopic('transactions', Number(values.partitions))
      const figures = await run(broker.bootstrap)
      console.error(`round ${round + 1}, ${name}: ${JSON.stringify(figures)}`)
      measured[name].push(figures)
    } finally {
      await broker.stop()
    }
  }
}
const of = (name: (typeof NAMES)[number], figure: keyof Figures) => {
  const all = measured[name].map(figures => figures[figure]).toSorted((one, other) => one - other)
  return all[Math.floor((all.length - 1) / 2)] ?? Number.NaN
}
const rows = [
  ['transactions a second', 'transactionsPerSecond', '≥ 1.0'],
  ['from sent to read, p50 ms', 'p50Ms', ''],
  ['from sent to read, p99 ms', 'p99Ms', '≤ 1.0'],
] as const
console.log(
  `Transactions of ${values.records} records of 200 bytes over ${values.partitions} partitions, medians of ${values.rounds} rounds:\n`,
)
console.log(
  formatTable(
    rows.map(([label, figure, reach]) => ({
      '': label,
      Kafka: of('kafka', figure).toFixed(1),
      Tidemark: of('tidemark', figure).toFixed(1),
      ratio: (of('tidemark', figure) / of('kafka', figure)).toFixed(2),
      reach,
    })),
  ),
)

async function run(bootstrap: string): Promise<Figures> {
  const program = join(import.meta.dirname, 'kafka', 'TransactionBench.java')
  const sizes = [values.partitions, values.records, values.seconds]
  const args = ['-Xmx512m', '-cp', join(jars('tools'), '*'), program, bootstrap, 'transactions', ...sizes]
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  child.stdout.on('data', chunk => {
    told += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the Java program ended with ${code}`)
  return JSON.parse(told)
}
