/**
 * The Kafka paper's workload on an embedded broker: records of 200 bytes, produced in batches of 1 and of 50 and
 * fetched 200 KB at a time; every acknowledgement durable. Then what appends and fetches cost as a log grows.
 *
 *   npm run bench -- [--records 10000000] [--directory .bench] [--json .bench/results.json]
 */
import { fork } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import type { GrowthRow } from './growth.ts'
import { PRICES_DATE } from './prices.ts'
import { formatNumber, formatTable } from './table.ts'
import type { Measurement, WorkloadSettings } from './workload.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '10000000' },
    directory: { type: 'string', default: '.bench' },
    json: { type: 'string' },
  },
})
const records = Number(values.records)
if (!Number.isSafeInteger(records) || records < 1) {
  console.error(`--records is a whole number above 0, not "${values.records}"`)
  process.exit(2)
}
const stores = join(values.directory, 'stores')
const jsonPath = values.json ?? join(values.directory, 'results.json')

const workloads = [
  { records: Math.min(records, 2_000), recordsPerBatch: 1, callsInFlight: 1 },
  { records, recordsPerBatch: 1, callsInFlight: 2_000 },
  { records, recordsPerBatch: 50, callsInFlight: 1_000 },
]
const lengths = [...new Set([10_000, 1_000_000, 10_000_000].map(length => Math.min(length, records)))]

const measurements: Measurement[] = []
for (const workload of workloads) {
  const { recordsPerBatch, callsInFlight } = workload
  progress(`batches of ${recordsPerBatch}, ${callsInFlight} calls in flight …`)
  measurements.push(...(await inChild<Measurement[]>({ kind: 'workload', directory: stores, ...workload })))
}
progress(`logs of ${lengths.map(length => formatNumber(length)).join(', ')} records …`)
const growth = await inChild<GrowthRow[]>({ kind: 'growth', directory: stores, lengths })

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`
console.log(`Tidemark embedded, in process, every acknowledgement durable (fsync). ${machine}\n`)
console.log(formatTable(measurements.map(measurementRow)))
console.log(
  `\nPer million records, and the same at AWS list prices of ${PRICES_DATE} (S3 and DynamoDB requests):\n`,
)
console.log(formatTable(measurements.map(costRow)))
console.log('\nOne append of 50 records and one fetch of about 200 KB, by the length of the log:\n')
console.log(formatTable(growth.map(growthRow)))
await mkdir(dirname(jsonPath), { recursive: true })
await writeFile(
  jsonPath,
  `${JSON.stringify({ machine, pricesDate: PRICES_DATE, measurements, growth }, null, 2)}\n`,
)
console.log(`\nAlso in ${jsonPath}`)

type Part =
  | ({ kind: 'workload' } & WorkloadSettings)
  | { kind: 'growth'; directory: string; lengths: readonly number[] }

/** Runs one part in a process of its own, so that peak memory is that part's; its stores go when it is done. */
async function inChild<T>(part: Part): Promise<T> {
  await rm(stores, { recursive: true, force: true })
  const child = fork(join(import.meta.dirname, 'child.ts'), [JSON.stringify(part)])
  try {
    return await new Promise<T>((resolve, reject) => {
      child.once('message', resolve)
      child.once('error', reject)
      child.once('exit', code => reject(new Error(`the part ${part.kind} ended with status ${code}`)))
    })
  } finally {
    child.kill()
    await rm(stores, { recursive: true, force: true })
  }
}

function measurementRow(row: Measurement): Record<string, string> {
  return {
    '': row.name,
    records: formatNumber(row.records),
    'records/s': formatNumber(row.recordsPerSecond),
    'MB/s': formatNumber(row.megabytesPerSecond),
    'p50 ms': formatNumber(row.p50Ms, 2),
    'p99 ms': formatNumber(row.p99Ms, 2),
    'peak MB': formatNumber(row.peakMegabytes),
    'B/record beyond payload': row.bytesBeyondPayload === null ? '' : formatNumber(row.bytesBeyondPayload, 2),
  }
}

function costRow({ name, perMillionRecords: cost }: Measurement): Record<string, string> {
  return {
    '': name,
    'object PUTs': formatNumber(cost.objectPuts),
    'object GETs': formatNumber(cost.objectGets),
    'index writes': formatNumber(cost.indexWrites),
    'index reads': formatNumber(cost.indexReads),
    US$: formatNumber(cost.dollars, 4),
  }
}

function growthRow(row: GrowthRow, _index: number, [first]: readonly GrowthRow[]): Record<string, string> {
  const ratio = (value: number, base: number) => `${formatNumber(value / base, 2)}x`
  return {
    'records in the log': formatNumber(row.records),
    'append p50 ms': formatNumber(row.appendP50Ms, 3),
    'to first': ratio(row.appendP50Ms, first!.appendP50Ms),
    'index operations': formatNumber(row.appendIndexOperations, 2),
    'fetch p50 ms': formatNumber(row.fetchP50Ms, 3),
    'to the first': ratio(row.fetchP50Ms, first!.fetchP50Ms),
    'index operations a fetch': formatNumber(row.fetchIndexOperations, 2),
    'GETs a fetch': formatNumber(row.fetchObjectGets, 2),
    'index reads for a time': formatNumber(row.lookUpIndexReads, 2),
  }
}

function progress(text: string): void {
  if (process.stderr.isTTY) console.error(text)
}
