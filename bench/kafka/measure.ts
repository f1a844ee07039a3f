import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { type BenchBroker, BROKERS, type BrokerName } from './brokers.ts'
import { type Latency, latency, RECORD_BYTES } from './clients.ts'
import { bytesOnDisk, cpuSeconds, peakMegabytes } from './process-figures.ts'
import { FLUSHED_ROWS, FLUSHED_SHARE, ROWS, type Row } from './rows.ts'

const LATENCY_RECORDS_PER_SECOND = 10_000

/** What one broker did in one round. */
export interface Figures {
  readonly broker: BrokerName
  readonly startMs: number
  readonly peakMegabytes: number
  readonly rows: readonly RowFigures[]
  readonly latency: Latency | undefined
}
export interface RowFigures {
  readonly name: string
  readonly records: number
  readonly recordsPerSecond: number
  /** Of the broker's process. */
  readonly cpuSecondsPerMillion: number
  /** What the store grew by for each record, its value's bytes among them; a row that only reads has none. */
  readonly bytesOnDiskPerRecord: number | undefined
}

interface Measured {
  readonly name: BrokerName
  readonly stores: string
  readonly file: string
  readonly records: number
  readonly latencySeconds: number
  readonly only: string | undefined
  readonly progress: (text: string) => void
}

/** Starts a broker, lets each client do its work, and stops it. */
export async function measure(settings: Measured): Promise<Figures> {
  const { name, stores, latencySeconds, only, progress } = settings
  const broker = await BROKERS[name](stores)
  const isFlushed = name.includes('flush')
  const all = isFlushed ? ROWS.filter(row => FLUSHED_ROWS.includes(row.name)) : ROWS
  const made = new Set<string>()
  const rows: RowFigures[] = []
  try {
    for (const row of all.filter(row => only === undefined || row.name.includes(only))) {
      if (!made.has(row.topic)) await broker.createTopic(row.topic, row.partitions)
      made.add(row.topic)
      const records = Math.ceil(settings.records * (row.share ?? 1) * (isFlushed ? FLUSHED_SHARE : 1))
      const figures = await measureRow(broker, row, records, settings.file)
      if (figures !== undefined) rows.push(figures)
      progress(`  ${row.name}: ${figures === undefined ? '–' : Math.round(figures.recordsPerSecond)}`)
    }
    let measured: Latency | undefined
    if (only === undefined && !isFlushed) {
      await broker.createTopic('latency', 1)
      measured = await latency(broker, 'latency', LATENCY_RECORDS_PER_SECOND, latencySeconds)
      progress(`  latency: ${JSON.stringify(measured)}`)
    }
    const peak = peakMegabytes(broker.pid)
    return { broker: name, startMs: broker.startMs, peakMegabytes: peak, rows, latency: measured }
  } finally {
    await broker.stop()
  }
}

async function measureRow(
  broker: BenchBroker,
  row: Row,
  records: number,
  whole: string,
): Promise<RowFigures | undefined> {
  const { client, topic, batch } = row
  const file = row.share === undefined ? whole : await firstLines(whole, records)
  const reads = row.name.includes('consume')
  const cpuBefore = cpuSeconds(broker.pid)
  const bytesBefore = reads ? 0 : bytesOnDisk(broker.folder)
  const recordsPerSecond = await client({ broker, topic, records, batch, file })
  if (recordsPerSecond === undefined) return undefined
  const cpu = cpuSeconds(broker.pid) - cpuBefore
  return {
    name: row.name,
    records,
    recordsPerSecond,
    cpuSecondsPerMillion: (cpu / records) * 1e6,
    bytesOnDiskPerRecord: reads ? undefined : (bytesOnDisk(broker.folder) - bytesBefore) / records,
  }
}

/** kcat takes a file whole. */
async function firstLines(whole: string, count: number): Promise<string> {
  const path = `${whole}.${count}`
  await pipeline(createReadStream(whole, { end: lengthOf(count) - 1 }), createWriteStream(path))
  return path
}

function lengthOf(lines: number): number {
  return lines * (RECORD_BYTES + 1)
}
