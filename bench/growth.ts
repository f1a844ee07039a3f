import { join } from 'node:path'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { toOffset } from '../src/core/numbers.ts'
import { Counts } from './counted-ports.ts'
import { type BenchStore, batchMaker, openBenchStore, PARTITION, produceRecords, TOPIC } from './store.ts'

const ROUNDS = 400
const RECORDS_PER_BATCH = 50
const FETCH_BYTES = 200 * 1024
const CALLS_IN_FLIGHT = 100

/** What one append and one fetch cost in a log of this length. */
export interface GrowthRow {
  readonly records: number
  readonly appendP50Ms: number
  readonly fetchP50Ms: number
  readonly appendIndexOperations: number
  readonly fetchIndexOperations: number
  readonly fetchObjectGets: number
  readonly lookUpIndexReads: number
}

interface GrowingLog {
  readonly records: number
  readonly store: BenchStore
  readonly appendMicroseconds: RecordableHistogram
  readonly fetchMicroseconds: RecordableHistogram
  appendCounts: Counts
  fetchCounts: Counts
  lookUpCounts: Counts
}

/**
 * Appends to, fetches from and looks up times in logs of different lengths. The rounds take turns, so that
 * whatever else the machine does meets all of them alike.
 */
export async function runGrowth(directory: string, lengths: readonly number[]): Promise<GrowthRow[]> {
  const logs: GrowingLog[] = []
  for (const records of lengths) {
    const store = await openBenchStore(join(directory, `growth-${records}`))
    await store.broker.createTopic({ topic: TOPIC })
    await produceRecords(store.broker, records, RECORDS_PER_BATCH, CALLS_IN_FLIGHT)
    logs.push({
      records,
      store,
      appendMicroseconds: createHistogram(),
      fetchMicroseconds: createHistogram(),
      appendCounts: new Counts(),
      fetchCounts: new Counts(),
      lookUpCounts: new Counts(),
    })
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const log of logs) await runRound(log, round)
  }
  for (const { store } of logs) await store.close()
  return logs.map(log => ({
    records: log.records,
    appendP50Ms: log.appendMicroseconds.percentile(50) / 1000,
    fetchP50Ms: log.fetchMicroseconds.percentile(50) / 1000,
    appendIndexOperations: (log.appendCounts.indexReads + log.appendCounts.indexWrites) / ROUNDS,
    fetchIndexOperations: (log.fetchCounts.indexReads + log.fetchCounts.indexWrites) / ROUNDS,
    fetchObjectGets: log.fetchCounts.objectGets / ROUNDS,
    lookUpIndexReads: log.lookUpCounts.indexReads / ROUNDS,
  }))
}

async function runRound(log: GrowingLog, round: number): Promise<void> {
  const { broker, counts } = log.store
  const batches = batchMaker(RECORDS_PER_BATCH)()
  let before = counts.copy()
  await timed(log.appendMicroseconds, () => broker.produce({ topic: TOPIC, partition: PARTITION, batches }))
  log.appendCounts = sum(log.appendCounts, counts.since(before))
  // Places all over the log, the same share of it in each.
  const offset = toOffset(Math.floor(log.records * ((round * 0.618) % 1)))
  before = counts.copy()
  const fetch = { topic: TOPIC, partition: PARTITION, offset, maxBytes: FETCH_BYTES }
  await timed(log.fetchMicroseconds, () => broker.fetch(fetch))
  log.fetchCounts = sum(log.fetchCounts, counts.since(before))
  before = counts.copy()
  await broker.offsetFor({ topic: TOPIC, partition: PARTITION, at: { timestampMs: Date.now() - 5_000 } })
  log.lookUpCounts = sum(log.lookUpCounts, counts.since(before))
}

async function timed(microseconds: RecordableHistogram, work: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now()
  await work()
  microseconds.record(Math.max(1, Math.round((performance.now() - startedMs) * 1000)))
}

function sum(left: Counts, right: Counts): Counts {
  return left.since(new Counts().since(right))
}
