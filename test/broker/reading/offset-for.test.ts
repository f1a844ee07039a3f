import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { OffsetPlace } from '../../../src/contract/broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { batchOf, Harness, NOW_MS } from '../harness.ts'

let harness: Harness
let broker: LogBroker

async function freshBroker(): Promise<void> {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
}
beforeEach(freshBroker)

const offsetFor = (at: OffsetPlace) => harness.run(broker.offsetFor({ topic: 'tides', partition: 0, at }))
const produce = (batches: Uint8Array) =>
  harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
const flushAll = () => harness.run(harness.open().close())
const deleteBefore = (offset: number) =>
  harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(offset) }))

function timed(timestamps: readonly number[]): Uint8Array {
  return new Uint8Array(
    encodeBatch(timestamps.map(timestampMs => ({ value: Buffer.from('x'), timestampMs }))),
  )
}

test("earliest is the log's start, latest its end", async () => {
  expect(await offsetFor('earliest')).toEqual({ offset: 0, timestampMs: null })
  expect(await offsetFor('latest')).toEqual({ offset: 0, timestampMs: null })
  await produce(batchOf(['a', 'b', 'c']))
  expect(await offsetFor('latest')).toEqual({ offset: 3, timestampMs: null })
  await deleteBefore(2)
  expect(await offsetFor('earliest')).toEqual({ offset: 2, timestampMs: null })
})

test('of an empty log and any time there is no record', async () => {
  expect(await offsetFor({ timestampMs: 0 })).toEqual({ offset: null, timestampMs: null })
})

test('for a topic or a partition that is not there is refused', async () => {
  for (const [topic, partition] of [
    ['ebb', 0],
    ['tides', 1],
  ] as const) {
    const error = await harness.errorOf(broker.offsetFor({ topic, partition, at: 'latest' }))
    expect(error.kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  }
})

test('for a time is the first record, by offset, that is as young or younger', async () => {
  await produce(timed([10, 30, 20]))
  await produce(timed([5, 50]))
  await flushAll()
  await produce(timed([40]))
  expect(await offsetFor({ timestampMs: 0 })).toEqual({ offset: 0, timestampMs: 10 })
  expect(await offsetFor({ timestampMs: 11 })).toEqual({ offset: 1, timestampMs: 30 })
  expect(await offsetFor({ timestampMs: 31 })).toEqual({ offset: 4, timestampMs: 50 })
  expect(await offsetFor({ timestampMs: 51 })).toEqual({ offset: null, timestampMs: null })
})

test('for a time never is a record that was deleted', async () => {
  await produce(timed([100, 10, 20, 30]))
  await deleteBefore(1)
  expect(await offsetFor({ timestampMs: 5 })).toEqual({ offset: 1, timestampMs: 10 })
  expect(await offsetFor({ timestampMs: 25 })).toEqual({ offset: 3, timestampMs: 30 })
  expect(await offsetFor({ timestampMs: 50 })).toEqual({ offset: null, timestampMs: null })
})

describe('of the greatest timestamp', () => {
  test('there is none in an empty log', async () => {
    expect(await offsetFor('max-timestamp')).toEqual({ offset: null, timestampMs: null })
  })

  test('is the first record that has it', async () => {
    await produce(timed([10, 30, 20, 30]))
    await produce(timed([5, 30]))
    await flushAll()
    await produce(timed([20]))
    expect(await offsetFor('max-timestamp')).toEqual({ offset: 1, timestampMs: 30 })
    await deleteBefore(2)
    expect(await offsetFor('max-timestamp')).toEqual({ offset: 3, timestampMs: 30 })
    await deleteBefore(6)
    expect(await offsetFor('max-timestamp')).toEqual({ offset: 6, timestampMs: 20 })
    await deleteBefore(7)
    expect(await offsetFor('max-timestamp')).toEqual({ offset: null, timestampMs: null })
  })

  test('is found inside of a compressed batch', async () => {
    const records = [10, 40, 20].map(timestampMs => ({ value: Buffer.alloc(100), timestampMs }))
    await produce(new Uint8Array(encodeBatch(records, { compression: 'gzip' })))
    expect(await offsetFor('max-timestamp')).toEqual({ offset: 1, timestampMs: 40 })
  })
})

const step = fc.record({
  batches: fc.array(fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 4,
  }),
  drift: fc.nat({ max: 40 }),
  flush: fc.boolean(),
})

test('for any time is what a look at every record finds, over blocks and tail, timestamps in any order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (steps, deletedShare) => {
        await freshBroker()
        const all: number[] = []
        let base = 0
        for (const { batches, drift, flush } of steps) {
          base += drift
          for (const deltas of batches) {
            const timestamps = deltas.map(delta => base + delta)
            all.push(...timestamps)
            await produce(timed(timestamps))
          }
          if (flush) await flushAll()
        }
        const start = Math.floor(deletedShare * all.length * 0.7)
        await deleteBefore(start)
        const times = all.slice(start)
        const greatest = Math.max(...times)
        expect(await offsetFor('max-timestamp')).toEqual(
          times.length === 0
            ? { offset: null, timestampMs: null }
            : { offset: start + times.indexOf(greatest), timestampMs: greatest },
        )
        for (let timestampMs = 0; timestampMs <= base + 201; timestampMs += 13) {
          const found = all.findIndex((time, offset) => offset >= start && time >= timestampMs)
          expect(await offsetFor({ timestampMs })).toEqual(
            found < 0 ? { offset: null, timestampMs: null } : { offset: found, timestampMs: all[found] },
          )
        }
      },
    ),
    { numRuns: 30 },
  )
})

test('for a time in a long log reads a few blocks only', async () => {
  for (let number = 0; number < 100; number += 1) {
    await produce(timed([NOW_MS + number * 10]))
    await flushAll()
  }
  harness.calls.length = 0
  expect(await offsetFor({ timestampMs: NOW_MS + 555 })).toEqual({ offset: 56, timestampMs: NOW_MS + 560 })
  expect(harness.count('readBlocks')).toBeLessThan(15)
})

describe('in a damaged store', () => {
  test('an object that is gone is told and not waited for', async () => {
    await produce(batchOf(['a'], { padding: 10_000 }))
    for await (const { key } of harness.plain.objects.list()) await harness.plain.objects.remove(key)
    const error = await harness.errorOf(
      broker.offsetFor({ topic: 'tides', partition: 0, at: { timestampMs: NOW_MS } }),
    )
    expect(error.kafkaName).toBe('KAFKA_STORAGE_ERROR')
  })

  test('blocks that are gone are told and not waited for', async () => {
    for (let number = 0; number < 6; number += 1) {
      await produce(timed([number * 10]))
      await flushAll()
    }
    const id = await harness.partitionId('tides')
    const { readBlocks } = harness.plain.index
    for (const gone of [[0], [2, 3], [5], [0, 1, 2, 3, 4, 5]]) {
      harness.around = async (method, args, call) => {
        if (method !== 'readBlocks') return await call()
        const [, offset, limit] = args as [unknown, number, number]
        const every = await readBlocks.call(harness.plain.index, id, toOffset(0), 100)
        const left = every.filter(({ baseOffset }) => !gone.includes(baseOffset))
        const first = Math.max(
          0,
          left.findLastIndex(({ baseOffset }) => baseOffset <= offset),
        )
        return left.slice(first, first + limit)
      }
      const answers: unknown[] = []
      for (const timestampMs of [0, 15, 35, 50]) {
        const answer = broker
          .offsetFor({ topic: 'tides', partition: 0, at: { timestampMs } })
          .catch(error => error)
        answers.push(await harness.run(answer))
      }
      expect(answers.some(answer => answer instanceof Error)).toBe(true)
    }
  })
})
