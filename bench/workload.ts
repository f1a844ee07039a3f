import { join } from 'node:path'
import { createHistogram } from 'node:perf_hooks'
import { toOffset } from '../src/core/numbers.ts'
import { decodeBatches } from '../src/core/record/index.ts'
import type { Counts } from './counted-ports.ts'
import {
  type BenchStore,
  bytesOnDisk,
  openBenchStore,
  PARTITION,
  produceRecords,
  TOPIC,
  VALUE_BYTES,
} from './store.ts'

/** What the Kafka paper's consumer fetched at a time. */
const FETCH_BYTES = 200 * 1024

export interface WorkloadSettings {
  readonly directory: string
  readonly records: number
  readonly recordsPerBatch: number
  readonly callsInFlight: number
}

/** One row of the table. */
export interface Measurement {
  readonly name: string
  readonly records: number
  readonly seconds: number
  readonly recordsPerSecond: number
  /** Of the values alone. */
  readonly megabytesPerSecond: number
  /** Of one produce or fetch call. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the process, up to the end of this row. */
  readonly peakMegabytes: number
  /** Bytes on disk beyond the values; only where something was stored. */
  readonly bytesBeyondPayload: number | null
  readonly perMillionRecords: PerMillion
}

interface PerMillion {
  readonly objectPuts: number
  readonly objectGets: number
  readonly indexWrites: number
  readonly indexReads: number
  readonly dollars: number
}

/** Produces, then fetches everything twice: as verified batches, and decoded. */
export async function runWorkload(settings: WorkloadSettings): Promise<Measurement[]> {
  const { directory, records, recordsPerBatch, callsInFlight } = settings
  const path = join(directory, `batch-${recordsPerBatch}-${callsInFlight}`)
  const store = await openBenchStore(path)
  await store.broker.createTopic({ topic: TOPIC })
  const name = `produce, batch ${recordsPerBatch}, ${callsInFlight} in flight`
  const produced = await measure(name, store, async onCall => {
    await produceRecords(store.broker, records, recordsPerBatch, callsInFlight, onCall)
    return Math.ceil(records / recordsPerBatch) * recordsPerBatch
  })
  const fetched = await measure('fetch, verified batches', store, onCall => fetchAll(store, false, onCall))
  const decoded = await measure('fetch, decoded', store, onCall => fetchAll(store, true, onCall))
  await store.close()
  const bytesBeyondPayload = (await bytesOnDisk(path)) / produced.records - VALUE_BYTES
  return [{ ...produced, bytesBeyondPayload }, fetched, decoded]
}

async function fetchAll(
  store: BenchStore,
  decode: boolean,
  onCall: (milliseconds: number) => void,
): Promise<number> {
  let offset = toOffset(0)
  for (;;) {
    const startedMs = performance.now()
    const { chunks, nextOffset, endOffset } = await store.broker.fetch({
      topic: TOPIC,
      partition: PARTITION,
      offset,
      maxBytes: FETCH_BYTES,
    })
    onCall(performance.now() - startedMs)
    if (decode) {
      const decoded = chunks.reduce((sum, chunk) => sum + decodeBatches(chunk).length, 0)
      if (decoded < nextOffset - offset) throw new Error(`records are missing at offset ${offset}`)
    }
    if (nextOffset === offset) throw new Error(`the log ends at ${endOffset}, but nothing comes at ${offset}`)
    offset = nextOffset
    if (offset === endOffset) return offset
  }
}

async function measure(
  name: string,
  store: BenchStore,
  work: (onCall: (milliseconds: number) => void) => Promise<number>,
): Promise<Measurement> {
  const microseconds = createHistogram()
  const before = store.counts.copy()
  const startedMs = performance.now()
  const records = await work(milliseconds =>
    microseconds.record(Math.max(1, Math.round(milliseconds * 1000))),
  )
  const seconds = (performance.now() - startedMs) / 1000
  return {
    name,
    records,
    seconds,
    recordsPerSecond: records / seconds,
    megabytesPerSecond: (records * VALUE_BYTES) / seconds / 1e6,
    p50Ms: microseconds.percentile(50) / 1000,
    p99Ms: microseconds.percentile(99) / 1000,
    // maxRSS is in KiB.
    peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1e6,
    bytesBeyondPayload: null,
    perMillionRecords: perMillion(store.counts.since(before), records),
  }
}

function perMillion(counts: Counts, records: number): PerMillion {
  const share = 1e6 / records
  return {
    objectPuts: counts.objectPuts * share,
    objectGets: counts.objectGets * share,
    indexWrites: counts.indexWrites * share,
    indexReads: counts.indexReads * share,
    dollars: counts.dollars() * share,
  }
}
