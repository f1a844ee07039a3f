/**
 * Transactions of two client libraries over two gateways on one store, which are killed and paused, as are the clients, and whose
 * transactional ids others take over; and what all of them have seen, looked through for what must never be:
 * `node test/kafka-clients/transactions/workload.ts [--seconds 300] [--seed N]`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '../../cli/seeded-random.ts'
import { CLIENTS } from '../clients.ts'
import { Fleet } from '../fleet.ts'
import { COMMANDS } from '../installed.ts'
import { type Anomaly, anomaliesIn, type Polled } from './check-history.ts'
import { TransactionalProgram } from './program.ts'
import { Worker } from './worker.ts'

const PARTITIONS = 3
const WORKERS = [
  'javaTransactions',
  'confluentTransactions',
  'javaTransactions',
  'confluentTransactions',
] as const
const TIMEOUT_MS = 6_000
const CALM_MS_MAX = 2_500
const RESTART_AFTER_MS_MAX = 1_000
/** Longer than a transaction may take, now and then. */
const PAUSE_MS_MAX = 8_000
const POLL_MS = 500
const ANOMALIES_SHOWN_MAX = 20
/** Against a hang. */
const READ_MS_MAX = 120_000

export interface Workload {
  readonly seconds: number
  readonly seed: number
  readonly report: (line: string) => void
}

export interface Outcome {
  readonly anomalies: readonly Anomaly[]
  readonly committed: number
  readonly aborted: number
  readonly unknown: number
  readonly records: number
}

export async function runWorkload({ seconds, seed, report }: Workload): Promise<Outcome> {
  const random = seededRandom(seed)
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-transactions-'))
  const fleet = await Fleet.start(2, ['--dir', directory], random)
  const programs: TransactionalProgram[] = []
  const startProgram = async (name: keyof typeof COMMANDS) => {
    const program = await TransactionalProgram.start(name, await COMMANDS[name](), fleet.bootstrap)
    programs.push(program)
    return program
  }
  const helper = await CLIENTS.kafkajs!(fleet.bootstrap.split(',')[0]!)
  const topic = 'transactions'
  report(`seed ${seed}, ${directory}, ${fleet.bootstrap}`)
  try {
    await helper.admin.createTopic(topic, PARTITIONS, {})
    let values = 0
    const nextValue = () => `v${++values}`
    const work = { topic, partitions: PARTITIONS, timeoutMs: TIMEOUT_MS, random, nextValue }
    const workers: Worker[] = []
    for (const [index, name] of WORKERS.entries()) {
      workers.push(new Worker(`${name}-${index}`, await startProgram(name), work))
    }
    const thief = await startProgram('confluentTransactions')
    const ending = new AbortController()
    const running = workers.map(worker => worker.run(ending.signal))
    await disturb({ fleet, workers, thief, random, seconds, report })
    ending.abort()
    await Promise.all(running)
    const log = await readAll(await startProgram('confluentTransactions'), topic, helper)
    const other = await readAll(await startProgram('javaTransactions'), topic, helper)
    const transactions = workers.flatMap(worker => worker.transactions)
    const polls = [...workers.flatMap(worker => worker.polls), { reader: 'the last', records: other }]
    const count = (outcome: string) => transactions.filter(each => each.outcome === outcome).length
    const anomalies = anomaliesIn({ transactions, polls, log })
    const outcome = {
      anomalies,
      committed: count('committed'),
      aborted: count('aborted'),
      unknown: count('unknown'),
      records: log.length,
    }
    // Kept otherwise, to be looked at.
    await fleet.end()
    if (anomalies.length === 0) await rm(directory, { recursive: true })
    return outcome
  } finally {
    await Promise.all(programs.map(program => program.kill()))
    await helper.close()
    await fleet.end()
  }
}

interface Disturbed {
  readonly fleet: Fleet
  readonly workers: readonly Worker[]
  readonly thief: TransactionalProgram
  readonly random: () => number
  readonly seconds: number
  readonly report: (line: string) => void
}

async function disturb({ fleet, workers, thief, random, seconds, report }: Disturbed): Promise<void> {
  const anyOf = () => workers[Math.floor(random() * workers.length)]!
  const disturbances: (() => Promise<string>)[] = [
    () => fleet.killOne(RESTART_AFTER_MS_MAX * random()),
    () => fleet.killOne(RESTART_AFTER_MS_MAX * random()),
    () => fleet.pauseOne(PAUSE_MS_MAX * random()),
    async () => {
      const worker = anyOf()
      const paused = worker.program.pause()
      const ms = Math.round(PAUSE_MS_MAX * random())
      await sleep(ms)
      paused.resume()
      return `${worker.id} slept for ${ms} ms`
    },
    async () => {
      const { id } = anyOf()
      const isTaken = await thief.open(id, TIMEOUT_MS).then(
        () => true,
        () => false,
      )
      return `${id} was ${isTaken ? 'taken over' : 'nearly taken over'}`
    },
  ]
  const endMs = performance.now() + seconds * 1_000
  while (performance.now() < endMs) {
    await sleep(CALM_MS_MAX * random())
    const what = await disturbances[Math.floor(random() * disturbances.length)]!()
    const transactions = workers.reduce((sum, worker) => sum + worker.transactions.length, 0)
    report(`${transactions} transactions; ${what}`)
  }
}

/** Up to where the partitions end. */
async function readAll(
  program: TransactionalProgram,
  topic: string,
  helper: { offsetAt(topic: string, partition: number, at: 'latest'): Promise<number | null> },
): Promise<Polled[]> {
  const ends = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) => helper.offsetAt(topic, partition, 'latest')),
  )
  await program.assign(topic, PARTITIONS)
  const all: Polled[] = []
  const reached = ends.map(() => 0)
  for (
    const untilMs = performance.now() + READ_MS_MAX;
    reached.some((end, partition) => end < (ends[partition] ?? 0));
  ) {
    if (performance.now() > untilMs) throw new Error(`only read up to ${reached} of ${ends}`)
    for (const polled of await program.poll(POLL_MS)) {
      all.push(polled)
      reached[polled.partition] = polled.offset + 1
    }
  }
  return all
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '300' }, seed: { type: 'string' } },
  })
  const outcome = await runWorkload({
    seconds: Number(values.seconds),
    seed: Number(values.seed ?? Date.now() % 1_000_000),
    report: console.log,
  })
  const { anomalies, committed, aborted, unknown, records } = outcome
  for (const { kind, what } of anomalies.slice(0, ANOMALIES_SHOWN_MAX)) console.error(`${kind}: ${what}`)
  console.log(
    `${committed} committed, ${aborted} aborted, ${unknown} of which nobody knows; ${records} records`,
  )
  console.log(anomalies.length === 0 ? 'no anomaly' : `${anomalies.length} anomalies`)
  process.exitCode = anomalies.length === 0 ? 0 : 1
}

if (import.meta.main) await main()
