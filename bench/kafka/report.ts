import { formatNumber, formatTable } from '../table.ts'
import type { BrokerName } from './brokers.ts'
import type { Latency } from './clients.ts'
import type { Figures, RowFigures } from './measure.ts'
import { FLUSHED_REACH, FLUSHED_ROWS, ROWS } from './rows.ts'

const KAFKA: BrokerName = 'kafka'
const FLUSHED: BrokerName = 'kafka, flush.messages=1'
const OURS: BrokerName = 'tidemark'
/** Ratios to Kafka at its defaults. */
const REACH = { p99: 1.5, memory: 0.35, start: 0.2 }

/** The tables, of medians over the rounds. */
export function report(
  measured: readonly Figures[],
  { machine, records, rounds }: { machine: string; records: number; rounds: number },
): string {
  const title = `${formatNumber(records)} records of 200 bytes, medians of ${rounds} rounds. ${machine}`
  const head = 'Tidemark with every acknowledgement on disk; Apache Kafka 4.4, one node.'
  return [
    `${head}\n${title}\n\nRecords a second:\n`,
    formatTable(rates(measured)),
    `\nAgainst Kafka with flush.messages=1 (reach ${FLUSHED_REACH}):\n`,
    formatTable(flushedRates(measured)),
    '\nThe broker:\n',
    formatTable(brokerRows(measured)),
  ].join('\n')
}

function of(measured: readonly Figures[], broker: BrokerName, row: string, figure: keyof RowFigures): number {
  const all = measured
    .filter(figures => figures.broker === broker)
    .flatMap(({ rows }) => rows.filter(({ name }) => name === row).map(found => Number(found[figure])))
  return median(all)
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) / 2)] ?? Number.NaN
}

function rates(measured: readonly Figures[]): Record<string, string>[] {
  return ROWS.map(({ name, against = name, reach }) => {
    const [kafka, ours] = [
      of(measured, KAFKA, against, 'recordsPerSecond'),
      of(measured, OURS, name, 'recordsPerSecond'),
    ]
    const cpu = (broker: BrokerName, row: string) =>
      shown(of(measured, broker, row, 'cpuSecondsPerMillion'), 2)
    const bytes = (broker: BrokerName, row: string) =>
      name.includes('consume') ? '' : shown(of(measured, broker, row, 'bytesOnDiskPerRecord'), 0)
    return {
      '': name,
      Kafka: shown(kafka),
      Tidemark: shown(ours),
      ratio: shown(ours / kafka, 2),
      reach: reach === undefined ? '' : `≥ ${reach}`,
      'CPU s/M Kafka': cpu(KAFKA, against),
      'CPU s/M ours': cpu(OURS, name),
      'B/record Kafka': bytes(KAFKA, against),
      'B/record ours': bytes(OURS, name),
    }
  })
}

function flushedRates(measured: readonly Figures[]): Record<string, string>[] {
  return ROWS.filter(({ name }) => FLUSHED_ROWS.includes(name)).map(({ name }) => {
    const kafka = of(measured, FLUSHED, name, 'recordsPerSecond')
    const ours = of(measured, OURS, name, 'recordsPerSecond')
    return { '': name, Kafka: shown(kafka), Tidemark: shown(ours), ratio: shown(ours / kafka, 1) }
  })
}

function brokerRows(measured: readonly Figures[]): Record<string, string>[] {
  const each = (broker: BrokerName, figure: (figures: Figures) => number | undefined) =>
    median(
      measured
        .filter(figures => figures.broker === broker)
        .map(figure)
        .filter(value => value !== undefined),
    )
  const row = (name: string, figure: (figures: Figures) => number | undefined, reach?: number) => {
    const [kafka, ours] = [each(KAFKA, figure), each(OURS, figure)]
    return {
      '': name,
      Kafka: shown(kafka, 1),
      Tidemark: shown(ours, 1),
      ratio: shown(ours / kafka, 2),
      reach: reach === undefined ? '' : `≤ ${reach}`,
    }
  }
  const late = (at: keyof Latency) => (figures: Figures) => figures.latency?.[at]
  return [
    row('end to end at 10,000 records/s, p50 ms', late('p50Ms')),
    row('p99 ms', late('p99Ms'), REACH.p99),
    row('p99.9 ms', late('p999Ms')),
    row('peak memory, MB', ({ peakMegabytes }) => peakMegabytes, REACH.memory),
    row('start until the first acknowledgement, ms', ({ startMs }) => startMs, REACH.start),
  ]
}

function shown(value: number, digits = 0): string {
  return Number.isNaN(value) ? '–' : formatNumber(value, digits)
}
