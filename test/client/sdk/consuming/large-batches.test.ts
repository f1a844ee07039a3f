import { describe, expect, test } from 'vitest'
import type { ConsumerRun } from '../../../../src/client/sdk/consuming/consumer-options.ts'
import { DELIVERY_BYTES_MAX, DELIVERY_RECORDS_MAX } from '../../../../src/core/limits.ts'
import { encodeBatch } from '../../../../src/core/record/index.ts'
import { type AnyBroker, openTides, until } from './group-of-consumers.ts'

const RECORDS = 45_000
const at = (offset: number) => ({ topic: 'tides', partition: 0, offset: String(offset) })
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

/** What a record has: enough for ten times what is in memory at once. */
function sizeOf(offset: number): number {
  return offset % 9_000 === 10 ? 6_000_000 : 100
}

/** One batch of a few kilobytes, and one with a single record behind it. */
async function writeLarge(broker: AnyBroker): Promise<void> {
  const records = range(0, RECORDS).map(offset => ({ value: new Uint8Array(sizeOf(offset)) }))
  await broker.produce({
    topic: 'tides',
    partition: 0,
    batches: encodeBatch(records, { nowMs: 1, compression: 'zstd' }),
  })
  await broker.produce({
    topic: 'tides',
    partition: 0,
    batches: encodeBatch([{ value: new Uint8Array(sizeOf(RECORDS)) }], { nowMs: 1 }),
  })
}

/** Each way of delivering, as the offsets that it delivers, and the calls in which it does. */
const WAYS: [string, (got: number[], calls: number[][]) => ConsumerRun][] = [
  [
    'eachMessage',
    got => ({
      eachMessage: async ({ message }) => {
        expect(message.value).toHaveLength(sizeOf(Number(message.offset)))
        got.push(Number(message.offset))
      },
    }),
  ],
  [
    'eachBatch',
    (got, calls) => ({
      eachBatch: async ({ batch }) => {
        const offsets = batch.messages.map(({ offset }) => Number(offset))
        expect([batch.firstOffset(), batch.lastOffset()]).toEqual([
          String(offsets[0]),
          String(offsets.at(-1)),
        ])
        expect(batch.offsetLag()).toBe(String(RECORDS - offsets.at(-1)!))
        got.push(...offsets)
        calls.push(offsets)
      },
    }),
  ],
  [
    'eachRecords',
    (got, calls) => ({
      eachRecords: async ({ records }) => {
        const offsets = records.map(({ offset }): number => offset)
        got.push(...offsets)
        calls.push(offsets)
      },
    }),
  ],
]

describe.each(WAYS)('a batch that holds a thousand times its size, to %s', (_, runOf) => {
  test('is delivered whole and once, a portion at a time, from wherever it is begun', async () => {
    const { broker, tidemark } = await openTides(1)
    await writeLarge(broker)
    for (const [from, to] of [
      [0, RECORDS + 1],
      [20_000, 30_001],
      [RECORDS - 1, RECORDS + 1],
    ] as const) {
      const consumer = tidemark.consumer({ maxWaitTimeInMs: 50 })
      consumer.assign([at(from)])
      const got: number[] = []
      const calls: number[][] = []
      await consumer.run({ stopOffsets: [at(to)], ...runOf(got, calls) })
      expect(await consumer.finished()).toBe(true)
      expect(got).toEqual(range(from, to))
      for (const offsets of calls) {
        expect(offsets.length).toBeLessThanOrEqual(DELIVERY_RECORDS_MAX)
        const before = offsets.slice(0, -1).reduce((sum, offset) => sum + sizeOf(offset), 0)
        expect(before).toBeLessThan(2 * DELIVERY_BYTES_MAX)
      }
    }
  })

  test('lets timers and others go on meanwhile', async () => {
    const { broker, tidemark } = await openTides(1)
    await writeLarge(broker)
    const consumer = tidemark.consumer({ maxWaitTimeInMs: 50 })
    consumer.assign([at(0)])
    let turns = 0
    const counted = setInterval(() => turns++, 1)
    const got: number[] = []
    await consumer.run({ recordsMax: 40_000, ...runOf(got, []) })
    await consumer.finished()
    clearInterval(counted)
    expect(got).toEqual(range(0, 40_000))
    expect(turns).toBeGreaterThan(5)
  })
})

test('what was consumed of it is committed, and who comes next goes on there', async () => {
  const { broker, consumer } = await openTides(1)
  await writeLarge(broker)
  const got: number[] = []
  for (const recordsMax of [12_345, 20_000, RECORDS + 1 - 32_345]) {
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      recordsMax,
      eachMessage: async ({ message }) => void got.push(Number(message.offset)),
    })
    expect(await reader.finished()).toBe(true)
    await reader.disconnect()
  }
  expect(got).toEqual(range(0, RECORDS + 1))
  const committed = await broker.fetchOffsets({ groupId: 'gauges' })
  expect(committed.map(({ offset }) => offset)).toEqual([RECORDS + 1])
})

test('what a handler of batches does not resolve comes again, and nothing else', async () => {
  const { broker, tidemark } = await openTides(1)
  await writeLarge(broker)
  const consumer = tidemark.consumer({ maxWaitTimeInMs: 50 })
  consumer.assign([at(0)])
  const resolved: number[] = []
  await consumer.run({
    stopOffsets: [at(RECORDS + 1)],
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset }) => {
      for (const { offset } of batch.messages.slice(0, 7_000)) {
        resolveOffset(offset)
        resolved.push(Number(offset))
      }
    },
  })
  expect(await consumer.finished()).toBe(true)
  expect(resolved).toEqual(range(0, RECORDS + 1))
})

test('a seek in the middle of it leads elsewhere', async () => {
  const { broker, tidemark } = await openTides(1)
  await writeLarge(broker)
  const consumer = tidemark.consumer({ maxWaitTimeInMs: 50 })
  consumer.assign([at(0)])
  const got: number[] = []
  await consumer.run({
    eachMessage: async ({ message }) => {
      const offset = Number(message.offset)
      got.push(offset)
      if (offset === 15_000) consumer.seek(at(40_000))
    },
  })
  await until(() => got.at(-1) === RECORDS)
  expect(got).toEqual([...range(0, 15_001), ...range(40_000, RECORDS + 1)])
  await consumer.disconnect()
})
