/**
 * What producing does, side by side with an older tree: the same calls, each workload in processes of their own that take turns, the
 * stores on the same disk. Every acknowledgement is durable in both. What the processor does for it counts to the end of the store.
 *
 *   node bench/producing.ts --before ../older [--rounds 5] [--only fifties,apart] [--directory .bench] [--quick]
 */
import { fork } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { formatNumber, formatTable } from './table.ts'

/** One workload, on one tree. */
export interface ProducingRun extends Workload {
  readonly workload: string
  readonly tree: string
  readonly directory: string
}

export interface ProducingFigures {
  readonly perSecond: number
  /** Of the processor, for each record. */
  readonly cpuUs: number
}

interface Workload {
  readonly records: number
  readonly recordsPerBatch: number
  readonly producers: number
  readonly partitions: number
  /** Calls that each producer has under way. */
  readonly callsEach: number
}

const WORKLOADS: Readonly<Record<string, Workload>> = {
  /** Batches of 50, as the Kafka paper has them. */
  fifties: { records: 1_000_000, recordsPerBatch: 50, producers: 1, partitions: 1, callsEach: 1_000 },
  'fifties on 12': {
    records: 1_000_000,
    recordsPerBatch: 50,
    producers: 12,
    partitions: 12,
    callsEach: 80,
  },
  singles: { records: 300_000, recordsPerBatch: 1, producers: 1, partitions: 1, callsEach: 2_000 },
  /** One record at a time, nothing else in flight. */
  alone: { records: 4_000, recordsPerBatch: 1, producers: 1, partitions: 1, callsEach: 1 },
  'alone by 50': { records: 100_000, recordsPerBatch: 50, producers: 1, partitions: 1, callsEach: 1 },
  apart: { records: 20_000, recordsPerBatch: 1, producers: 12, partitions: 12, callsEach: 1 },
  heads: { records: 60_000, recordsPerBatch: 1, producers: 1, partitions: 1, callsEach: 1 },
}

if (import.meta.main) await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      before: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      directory: { type: 'string', default: '.bench' },
      quick: { type: 'boolean', default: false },
    },
  })
  const trees = { before: values.before && resolve(values.before), now: resolve(import.meta.dirname, '..') }
  const stores = join(values.directory, 'producing')
  await mkdir(stores, { recursive: true })
  const names = Object.keys(WORKLOADS).filter(name => !values.only || values.only.split(',').includes(name))
  const rows: Record<string, string>[] = []
  for (const name of names) {
    const workload = WORKLOADS[name]!
    const records = values.quick ? Math.ceil(workload.records / 10) : workload.records
    const figures = { before: [] as ProducingFigures[], now: [] as ProducingFigures[] }
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const order = round % 2 === 0 ? (['before', 'now'] as const) : (['now', 'before'] as const)
      for (const which of order) {
        const tree = trees[which]
        if (!tree) continue
        const directory = join(stores, `${which}-${round}`)
        // A run that was broken off may have left one.
        await rm(directory, { recursive: true, force: true })
        figures[which].push(await inChild({ ...workload, records, workload: name, tree, directory }))
        await rm(directory, { recursive: true, force: true })
      }
    }
    const perSecond = {
      before: medianOf(figures.before, 'perSecond'),
      now: medianOf(figures.now, 'perSecond'),
    }
    rows.push({
      '': name,
      before: formatNumber(perSecond.before),
      now: formatNumber(perSecond.now),
      'now/before': formatNumber(perSecond.now / perSecond.before, 2),
      'rounds, now/before': figures.now
        .map((now, round) =>
          formatNumber(now.perSecond / (figures.before[round]?.perSecond ?? Number.NaN), 2),
        )
        .join(' '),
      'CPU µs, before': formatNumber(medianOf(figures.before, 'cpuUs'), 1),
      'CPU µs, now': formatNumber(medianOf(figures.now, 'cpuUs'), 1),
    })
    console.error(rows.at(-1))
  }
  console.log('Records (heads: appends) a second, and what the processor does for each, medians:\n')
  console.log(formatTable(rows))
}

async function inChild(run: ProducingRun): Promise<ProducingFigures> {
  const child = fork(join(import.meta.dirname, 'producing-child.ts'), [JSON.stringify(run)])
  return await new Promise((resolve, reject) => {
    child.once('message', figure => resolve(figure as ProducingFigures))
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${run.workload} of ${run.tree} ended with status ${code}`)))
  })
}

function medianOf(figures: readonly ProducingFigures[], which: keyof ProducingFigures): number {
  const sorted = figures.map(each => each[which]).toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
