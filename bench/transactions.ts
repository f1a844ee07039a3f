/**
 * What a transaction costs an embedded broker: the same records as transactions, each one request, and as idempotent batches of the same
 * size, in rounds that take turns, the stores on the same disk. Every answer is durable, of a transaction that all of it can be read.
 *
 *   node bench/transactions.ts [--rounds 5] [--producers 8] [--seconds 4] [--directory .bench]
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stampProducer } from '../src/core/record/batch-header.ts'
import { encodeBatch } from '../src/core/record/index.ts'
import { type Embedded, openEmbedded } from '../src/embedded/embedded.ts'
import { formatNumber, formatTable } from './table.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    producers: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '4' },
    directory: { type: 'string', default: '.bench' },
  },
})
const producers = Number(values.producers)
const durationMs = Number(values.seconds) * 1_000
const VALUE = Buffer.alloc(200, 'the tide leaves a line on the sand; ')

type Way = 'idempotent' | 'transactions'
/** Sends one batch after the other from a producer of its own, until the time is over. Tells how many records. */
type Send = (
  broker: Embedded['broker'],
  partition: number,
  records: number,
  untilMs: number,
) => Promise<number>

const WAYS: Record<Way, Send> = {
  async idempotent(broker, partition, records, untilMs) {
    let sent = 0
    for (; performance.now() < untilMs; sent += records) {
      const batches = batchOf(records, { producerId: BigInt(partition + 1), producerEpoch: 0 }, sent)
      await broker.produce({ topic: 'bench', partition, batches })
    }
    return sent
  },
  async transactions(broker, partition, records, untilMs) {
    const transactionalId = `bench-${partition}`
    const { producerId, epoch } = await broker.initProducer({ transactionalId })
    let sent = 0
    for (let number = 1; performance.now() < untilMs; number += 1, sent += records) {
      const bytes = batchOf(records, { producerId, producerEpoch: epoch }, sent, true)
      const batches = [{ topic: 'bench', partition, batches: bytes }]
      await broker.endTransaction({ transactionalId, producerId, epoch, number, commit: true, batches })
    }
    return sent
  },
}

function batchOf(
  records: number,
  producer: { producerId: bigint; producerEpoch: number },
  sent: number,
  isTransactional = false,
): Uint8Array {
  const batch = encodeBatch(
    Array.from({ length: records }, () => ({ value: VALUE })),
    { nowMs: Date.now() },
  )
  stampProducer(batch, 0, { ...producer, baseSequence: sent % 2 ** 31, isTransactional })
  return batch
}

/** Records a second. */
async function measure(way: Way, records: number, round: number): Promise<number> {
  const directory = join(values.directory, `transactions-${way}-${round}`)
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const { broker, close } = await openEmbedded({ directory })
  try {
    await broker.createTopic({ topic: 'bench', partitions: producers })
    const startedMs = performance.now()
    const send = (_: unknown, partition: number) =>
      WAYS[way](broker, partition, records, startedMs + durationMs)
    const sent = await Promise.all(Array.from({ length: producers }, send))
    return (sent.reduce((sum, each) => sum + each) / (performance.now() - startedMs)) * 1_000
  } finally {
    await close()
    await rm(directory, { recursive: true, force: true })
  }
}

function median(figures: readonly number[]): number {
  return figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)]!
}

const rows: Record<string, string>[] = []
for (const records of [100, 1_000]) {
  const figures: Record<Way, number[]> = { idempotent: [], transactions: [] }
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const order: Way[] = round % 2 === 0 ? ['idempotent', 'transactions'] : ['transactions', 'idempotent']
    for (const way of order) figures[way].push(await measure(way, records, round))
  }
  const [plain, transactional] = [median(figures.idempotent), median(figures.transactions)]
  rows.push({
    'records each': formatNumber(records),
    'idempotent records/s': formatNumber(Math.round(plain)),
    'in transactions records/s': formatNumber(Math.round(transactional)),
    'transactions/s': formatNumber(Math.round(transactional / records)),
    ratio: (transactional / plain).toFixed(2),
  })
}
console.log(formatTable(rows))
