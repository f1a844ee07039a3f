import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import {
  FLUSH_DEFAULT_MS,
  FLUSH_SCAN_INTERVAL_MS,
  TAIL_ENTRIES_HARD_MAX,
  TAIL_ENTRIES_KEPT,
  TAIL_ENTRIES_SHARED_MAX,
  TAIL_ENTRIES_SOFT_MAX,
  TAIL_INLINE_HARD_BYTES_MAX,
  TAIL_INLINE_SOFT_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { countInlineBytes } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { NoRoom, NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { everyEntry, objectEntry } from '../../conformance/samples.ts'
import { batchOf, Harness, numbered, readAll } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 3 }))
})

const produce = (value: string, partition = 0, padding = 0, through = broker) =>
  harness.run(through.produce({ topic: 'tides', partition, batches: batchOf([value], { padding }) }))
const valuesOf = async (partition = 0) =>
  (await harness.run(readAll(broker, { topic: 'tides', partition }))).map(({ value }) => value)

async function headOf(partition = 0): Promise<Head> {
  return (await harness.plain.index.readHead(await harness.partitionId('tides', partition)))!
}
const inlineBytesOf = async (partition = 0) => countInlineBytes((await headOf(partition)).tail)

async function expectWhole(values: readonly string[], partition = 0): Promise<void> {
  expect(await valuesOf(partition)).toEqual(values)
  expect((await harness.verify()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
  const found = await everyEntry(harness.plain.index, await harness.partitionId('tides', partition))
  expect([...found.values()]).toEqual(values.map((_, offset) => offset))
}

describe('the background flush', () => {
  test('moves inline records into an object when they reach their age, and not before', async () => {
    broker.start()
    await produce('a')
    await harness.pass(FLUSH_DEFAULT_MS - 100)
    expect(await inlineBytesOf()).toBe(batchOf(['a']).length)
    expect(harness.count('put')).toBe(2) // the topic
    await harness.pass(200)
    expect(await inlineBytesOf()).toBe(0)
    expect(harness.count('put')).toBe(3)
    await expectWhole(['a'])
    expect(await produce('b')).toMatchObject({ baseOffset: 1 })
  })

  test("goes by the topic's own flush.ms", async () => {
    broker.start()
    await harness.run(broker.createTopic({ topic: 'quick', configs: { 'flush.ms': '200' } }))
    await harness.run(broker.produce({ topic: 'quick', partition: 0, batches: batchOf(['a']) }))
    await produce('a')
    await harness.pass(400)
    const quick = await harness.plain.index.readHead(await harness.partitionId('quick'))
    expect(quick).toMatchObject({ tailOffset: 1, tail: [] })
    expect(await inlineBytesOf()).toBe(batchOf(['a']).length)
  })

  test('puts the records of many partitions into one object', async () => {
    broker.start()
    for (const partition of [0, 1, 2]) await produce(`${partition}`, partition)
    const puts = harness.count('put')
    await harness.pass(FLUSH_DEFAULT_MS + 1_000)
    // Those due in the same moment share one; produced one after the other, these are due nearly so.
    expect(harness.count('put') - puts).toBeLessThanOrEqual(3)
    for (const partition of [0, 1, 2]) {
      expect(await inlineBytesOf(partition)).toBe(0)
      await expectWhole([`${partition}`], partition)
    }
  })

  test('keeps the tail short however many entries come', async () => {
    broker.start()
    for (let number = 0; number < 100; number += 1) {
      await produce(`${number}`, 0, 5_000)
      await harness.pass(1)
    }
    expect((await headOf()).tail.length).toBeLessThanOrEqual(TAIL_ENTRIES_SOFT_MAX + 1)
    await expectWhole(Array.from({ length: 100 }, (_, number) => `${number}`))
  })

  test('keeps the inline bytes few however many come', async () => {
    broker.start()
    for (let number = 0; number < 50; number += 1) {
      await produce(`${number}`, 0, 900)
      await harness.pass(1)
    }
    expect(await inlineBytesOf()).toBeLessThanOrEqual(TAIL_INLINE_SOFT_BYTES_MAX + 1_100)
    await expectWhole(Array.from({ length: 50 }, (_, number) => `${number}`))
  })

  test('leaves a log of objects alone, and rests where there is nothing to do', async () => {
    broker.start()
    for (let number = 0; number < 5; number += 1) await produce(`${number}`, 0, 5_000)
    await harness.pass(100)
    harness.calls.length = 0
    await harness.pass(FLUSH_SCAN_INTERVAL_MS - 1_000)
    expect(harness.calls).toEqual([])
  })

  test('finds what a broker that is gone has left', async () => {
    await produce('left behind')
    const next = harness.open()
    next.start()
    await harness.pass(FLUSH_DEFAULT_MS + 1_000)
    expect(await inlineBytesOf()).toBe(0)
    await expectWhole(['left behind'])
    // And what appears later, without this broker taking part.
    await produce('left behind, too', 1)
    await harness.pass(FLUSH_SCAN_INTERVAL_MS + FLUSH_DEFAULT_MS + 1_000)
    expect(await inlineBytesOf(1)).toBe(0)
    await expectWhole(['left behind, too'], 1)
  })

  test('gets over a store in trouble, and loses nothing', async () => {
    broker.start()
    let faults = 0
    harness.around = async (method, _, call) => {
      const isFlush = method === 'putBlock' || method === 'trimTail' || (method === 'put' && faults >= 0)
      if (!isFlush || faults >= 40) return await call()
      faults += 1
      if (faults % 3 === 0) throw new NotApplied('throttled')
      if (faults % 3 === 1) throw new OutcomeUnknown('before')
      await call()
      throw new OutcomeUnknown('after')
    }
    const values: string[] = []
    for (let number = 0; number < 40; number += 1) {
      values.push(`${number}`)
      await produce(`${number}`)
      await harness.pass(300)
    }
    await harness.pass(60_000)
    expect(faults).toBe(40)
    expect(await inlineBytesOf()).toBe(0)
    // Trouble that lasts is reported, and nothing else.
    for (const error of harness.errors) expect(error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' })
    await expectWhole(values)
  })

  test('reports what is no passing trouble, and goes on', async () => {
    broker.start()
    let isBroken = true
    harness.around = async (method, _, call) => {
      if (method === 'putBlock' && isBroken) throw new RangeError('a defect')
      return await call()
    }
    await produce('a')
    await harness.pass(FLUSH_DEFAULT_MS + 3_000)
    expect(harness.errors).toEqual([new RangeError('a defect')])
    isBroken = false
    await harness.pass(10_000)
    expect(await inlineBytesOf()).toBe(0)
  })

  test('of a damaged partition keeps no other from being flushed, while it runs and at its end', async () => {
    const damaged = await harness.partitionId('tides', 1)
    harness.around = async (method, args, call) => {
      const isDamaged = (args[0] as { partition?: number } | undefined)?.partition === damaged.partition
      if (method === 'readHead' && isDamaged) throw new RangeError('a head of version 77 is not known')
      return await call()
    }
    broker.start()
    await produce('0', 0)
    await produce('2', 2)
    await harness.pass(FLUSH_DEFAULT_MS + FLUSH_SCAN_INTERVAL_MS + 1_000)
    expect([await inlineBytesOf(0), await inlineBytesOf(2)]).toEqual([0, 0])
    const tries = harness.errors.length
    expect(harness.errors).toEqual(Array(tries).fill(new RangeError('a head of version 77 is not known')))
    expect([tries > 0, tries < 50]).toEqual([true, true])
    await produce('0', 0)
    await produce('2', 2)
    await harness.run(broker.close())
    expect([await inlineBytesOf(0), await inlineBytesOf(2)]).toEqual([0, 0])
  })

  test('lets a deleted topic go', async () => {
    broker.start()
    await produce('a')
    await harness.run(broker.deleteTopic('tides'))
    await harness.pass(FLUSH_DEFAULT_MS + FLUSH_SCAN_INTERVAL_MS)
    expect(harness.errors).toEqual([])
    expect((await harness.verify()).findings.filter(({ place }) => !place.startsWith('segments/'))).toEqual(
      [],
    )
  })
})

describe('closing', () => {
  test("moves every inline byte of the store into objects, other brokers' too", async () => {
    const other = harness.open()
    for (const partition of [0, 1, 2])
      await produce(`${partition}`, partition, 0, partition === 1 ? other : broker)
    await harness.run(broker.close())
    broker = harness.open()
    for (const partition of [0, 1, 2]) {
      expect(await inlineBytesOf(partition)).toBe(0)
      await expectWhole([`${partition}`], partition)
    }
  })

  test('goes on where another left a block that holds less', async () => {
    for (let number = 0; number < 3; number += 1) await produce(`${number}`)
    // Puts a block of what there is, and dies before the tail is cut.
    harness.around = async (method, _, call) => {
      if (method === 'trimTail') throw new Error('crashed')
      return await call()
    }
    const partition = await harness.partitionId('tides')
    await harness.run(
      flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000).catch(() => {}),
    )
    harness.around = (_, __, call) => call()
    for (let number = 3; number < 6; number += 1) await produce(`${number}`)
    await harness.run(broker.close())
    broker = harness.open()
    expect(await headOf()).toMatchObject({ tailOffset: 6, tail: [] })
    await expectWhole(['0', '1', '2', '3', '4', '5'])
  })

  test('gets over a store in trouble', async () => {
    await produce('a')
    let faults = 0
    harness.around = async (method, _, call) => {
      if (method === 'putBlock' && faults++ < 5) throw new NotApplied('throttled')
      return await call()
    }
    await harness.run(broker.close())
    expect(await inlineBytesOf()).toBe(0)
  })
})

describe('the hard limit', () => {
  test('makes producers flush themselves where nobody flushes in the background', async () => {
    const values: string[] = []
    for (let number = 0; number < 3 * TAIL_ENTRIES_HARD_MAX; number += 1) {
      values.push(`${number}`)
      await produce(`${number}`, 0, number % 2 ? 5_000 : 10)
      expect((await headOf()).tail.length).toBeLessThanOrEqual(TAIL_ENTRIES_HARD_MAX)
    }
    await expectWhole(values)
  })

  test('holds for inline bytes too, and for several brokers', async () => {
    const brokers = [broker, harness.open(), harness.open()]
    const values: string[] = []
    let most = 0
    for (let number = 0; number < 120; number += 1) {
      values.push(`${number}`)
      await produce(`${number}`, 0, 1_500, brokers[number % 3]!)
      most = Math.max(most, await inlineBytesOf())
    }
    // Each broker goes by the head that its own last append told of.
    expect(most).toBeLessThan(TAIL_INLINE_HARD_BYTES_MAX + brokers.length * 1_700)
    await expectWhole(values)
  })
})

describe('a head that others have filled until it takes nothing more', () => {
  test('is flushed by a producer that knew nothing of it, once it has failed', async () => {
    await produce('a')
    const partition = await harness.partitionId('tides')
    const { index } = harness.plain
    for (let number = 0; number <= TAIL_ENTRIES_HARD_MAX; number += 1) {
      await index.append(partition, objectEntry(1), toOffset(1 + number))
    }
    harness.around = async (method, _, call) => {
      if (method === 'append' && (await headOf()).tail.length > TAIL_ENTRIES_HARD_MAX) {
        throw new NotApplied('the item would become too large')
      }
      return await call()
    }
    const refused = broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['b']) })
    expect(await harness.errorOf(refused)).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'no' })
    expect(await produce('b')).toMatchObject({ baseOffset: TAIL_ENTRIES_HARD_MAX + 2 })
  })

  test('is flushed at once by a producer that did not know how full it is', async () => {
    await produce('a')
    const partition = await harness.partitionId('tides')
    const { index } = harness.plain
    for (let number = 0; number <= TAIL_ENTRIES_HARD_MAX; number += 1) {
      await index.append(partition, objectEntry(1), toOffset(1 + number))
    }
    harness.around = async (method, _, call) => {
      if (method === 'append' && (await headOf()).tail.length > TAIL_ENTRIES_HARD_MAX) {
        throw new NoRoom('the item would become too large')
      }
      return await call()
    }
    const beforeMs = harness.clock.nowMs()
    expect(await produce('b')).toMatchObject({ baseOffset: TAIL_ENTRIES_HARD_MAX + 2 })
    expect(harness.clock.nowMs() - beforeMs).toBeLessThan(100)
  })
})

describe('producers where flushing is left to others', () => {
  const elsewhere = (count: number) =>
    Array.from({ length: count }, () => harness.open({ flushes: 'elsewhere' }))

  test('cut a long tail one at a time, and none of them in vain', async () => {
    const brokers = elsewhere(8)
    const values: string[] = []
    for (let number = 0; number < 4 * TAIL_ENTRIES_SHARED_MAX; number += 1) {
      values.push(`${number}`)
      await produce(`${number}`, 0, 5_000, brokers[number % brokers.length])
      expect((await headOf()).tail.length).toBeLessThanOrEqual(TAIL_ENTRIES_SHARED_MAX)
    }
    await expectWhole(values)
    const cuts = Math.floor(
      (values.length - TAIL_ENTRIES_KEPT) / (TAIL_ENTRIES_SHARED_MAX + 1 - TAIL_ENTRIES_KEPT),
    )
    expect(harness.count('putBlock')).toBe(cuts)
    expect(harness.count('trimTail')).toBe(cuts)
  })

  test('cut it once where many append at the same time', async () => {
    const brokers = elsewhere(16)
    harness.around = async (_, __, call) => {
      await harness.clock.sleep(harness.entropy.integer(1, 10))
      return await call()
    }
    const values = numbered(0, 640)
    const writers = brokers.map(async (each, index) => {
      for (let number = index; number < values.length; number += brokers.length) {
        const batches = batchOf([values[number]!], { padding: 5_000 })
        await each.produce({ topic: 'tides', partition: 0, batches })
      }
    })
    await harness.run(Promise.all(writers))
    harness.around = (_, __, call) => call()
    const read = await harness.run(readAll(broker, { topic: 'tides', partition: 0 }))
    expect(read.map(({ value }) => value).sort()).toEqual(values.toSorted())
    const updates = harness.count('append') + harness.count('putBlock') + harness.count('trimTail')
    expect(updates / values.length).toBeLessThan(1.3)
  })

  test('are answered although the flush failed, which is reported; the next step tries again', async () => {
    const [only] = elsewhere(1)
    let failures = 0
    harness.around = async (method, _, call) => {
      if (method === 'putBlock' && failures === 0) {
        failures += 1
        throw new Error('broken')
      }
      return await call()
    }
    const values = numbered(0, TAIL_ENTRIES_SHARED_MAX + 1)
    for (const value of values) await produce(value, 0, 5_000, only)
    expect(harness.errors).toHaveLength(1)
    expect((await headOf()).tail).toHaveLength(TAIL_ENTRIES_SHARED_MAX + 1)
    for (const value of numbered(values.length, TAIL_ENTRIES_KEPT)) await produce(value, 0, 5_000, only)
    expect((await headOf()).tail).toHaveLength(TAIL_ENTRIES_KEPT)
  })

  test('leave inline bytes alone, and so does their broker when it closes', async () => {
    const [only] = elsewhere(1)
    only!.start()
    await produce('a', 0, 0, only)
    await harness.pass(60_000)
    await harness.run(only!.close())
    expect(await inlineBytesOf()).toBe(batchOf(['a']).length)
  })
})

describe('flushes at the same time', () => {
  test('of many brokers take each record once', async () => {
    const brokers = Array.from({ length: 6 }, () => harness.open())
    const values: string[] = []
    for (let round = 0; round < 5; round += 1) {
      for (let number = 0; number < 10; number += 1) {
        values.push(`${round}.${number}`)
        await produce(`${round}.${number}`)
      }
      const partition = await harness.partitionId('tides')
      harness.around = async (_, __, call) => {
        await harness.clock.sleep(harness.entropy.integer(0, 20))
        return await call()
      }
      await harness.run(
        Promise.all(
          brokers.map(() =>
            flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000),
          ),
        ),
      )
      harness.around = (_, __, call) => call()
    }
    expect(await inlineBytesOf()).toBe(0)
    await expectWhole(values)
  })

  test('and a flush that slept through the deletion of its block does no harm', async () => {
    const partition = await harness.partitionId('tides')
    const values = Array.from({ length: 30 }, (_, number) => `${number}`)
    for (const value of values.slice(0, 10)) await produce(value)
    // A flush that has seen ten records sleeps before its block.
    let isSlow = true
    harness.around = async (method, _, call) => {
      if (method === 'putBlock' && isSlow) {
        isSlow = false
        await harness.clock.sleep(10_000)
      }
      return await call()
    }
    const slow = flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000)
    await harness.pass(10)
    for (const value of values.slice(10, 12)) await produce(value)
    await harness.run(flush(harness.plain, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000))
    for (const value of values.slice(12)) await produce(value)
    await harness.run(flush(harness.plain, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000))
    await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: 15 as never }))
    await harness.run(slow)
    const read = await harness.run(readAll(broker, { topic: 'tides', partition: 0 }, 15))
    expect(read.map(({ value }) => value)).toEqual(values.slice(15))
    expect((await harness.verify()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })
})
