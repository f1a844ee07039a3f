/**
 * `node bench/outbox.ts`: embedded outboxes under a steady load, on a directory: so many partitions with so many transactions a second
 * each. Tells how old items are when they are in their log, at the beginning and at the end: a lag that does not grow is sustained.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Tidemark } from '../src/client/sdk/tidemark.ts'
import { toOffset } from '../src/core/numbers.ts'
import { decodeBatches } from '../src/core/record/index.ts'
import { openEmbedded } from '../src/embedded/embedded.ts'
import { runOutboxes } from '../src/embedded/outbox/run-outboxes.ts'

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '10' },
    rate: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '20' },
  },
})
const partitions = Number(values.partitions)
const rate = Number(values.rate)
const seconds = Number(values.seconds)
const directory = await mkdtemp(join(tmpdir(), 'tidemark-outbox-bench-'))
const embedded = await openEmbedded({ directory })
const { broker } = embedded
try {
  const configs = { 'message.timestamp.type': 'LogAppendTime' }
  await broker.createTopic({ topic: 'orders', partitions, configs })
  const tidemark = new Tidemark({ broker })
  const outboxes = runOutboxes(embedded)
  const startedMs = Date.now()
  const commitMs: number[] = []
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const box = await tidemark.outbox({ table: 't', topics: ['orders'] })
      for (let number = 0; number < rate * seconds; number += 1) {
        const dueMs = startedMs + (number * 1_000) / rate
        if (dueMs > Date.now()) await sleep(dueMs - Date.now())
        const sinceMs = performance.now()
        const value = `${Date.now()} ${'x'.repeat(200)}`
        await outboxes.commit(box.item({ topic: 'orders', messages: [{ value, partition }] }))
        commitMs.push(performance.now() - sinceMs)
      }
    }),
  )
  const tookMs = Date.now() - startedMs
  await outboxes.settled()
  const settledMs = Date.now() - startedMs - tookMs
  const lags: { readonly atMs: number; readonly lagMs: number }[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let offset = 0; ; ) {
      const { chunks } = await broker.fetch({ topic: 'orders', partition, offset: toOffset(offset) })
      const records = chunks.flatMap(chunk => decodeBatches(chunk))
      if (records.length === 0) break
      for (const { value, timestampMs } of records) {
        const madeMs = Number(Buffer.from(value!).toString().split(' ')[0])
        lags.push({ atMs: madeMs - startedMs, lagMs: timestampMs - madeMs })
      }
      offset = Number(records.at(-1)!.offset) + 1
    }
  }
  const of = (numbers: readonly number[]) => {
    const sorted = numbers.toSorted((one, other) => one - other)
    const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN)
    return { p50Ms: at(0.5), p99Ms: at(0.99), longestMs: at(1) }
  }
  const within = (from: number, to: number) =>
    of(lags.filter(({ atMs }) => atMs >= from && atMs < to).map(({ lagMs }) => lagMs))
  console.log(`${partitions} partitions x ${rate} transactions/s for ${seconds} s`)
  console.log('  transactions', lags.length, 'a second', Math.round((lags.length * 1_000) / tookMs))
  console.log('  a commit takes', of(commitMs))
  console.log('  in its log, first quarter', within(0, tookMs / 4))
  console.log('  in its log, last quarter', within((tookMs * 3) / 4, tookMs + 1))
  console.log('  all moved after the last commit', settledMs, 'ms')
} finally {
  await embedded.close()
  await rm(directory, { recursive: true })
}
