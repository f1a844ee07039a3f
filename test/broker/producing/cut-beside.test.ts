import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { PRODUCERS_KEPT_MAX, TAIL_INLINE_PAID_BYTES_MAX } from '../../../src/core/limits.ts'
import type { HeadCost } from '../../../src/core/log/changes/cut.ts'
import { countInlineBytes } from '../../../src/core/log/entry.ts'
import { encodeHead } from '../../../src/core/log/head.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { everyEntry } from '../../conformance/samples.ts'
import { batchOf, numbered, readAll } from '../harness.ts'
import { SettlingHarness } from '../settling/settling-harness.ts'

/** A unit is what two or three entries take here. */
const HEAD_COST: HeadCost = { unitBytes: 256, bytesOf: (_, head) => encodeHead(head).length }

let harness: SettlingHarness
let broker: LogBroker
let partition: PartitionId

beforeEach(async () => {
  harness = new SettlingHarness()
  Object.assign(harness.plain.index, { headCost: HEAD_COST })
  broker = harness.open({ flushes: 'elsewhere' })
  await harness.run(broker.createTopic({ topic: 'tides' }))
  partition = await harness.partitionId('tides')
})

async function produce(values: readonly string[], by = broker): Promise<void> {
  for (const value of values) {
    await harness.run(by.produce({ topic: 'tides', partition: 0, batches: batchOf([value]) }))
  }
}

async function expectWhole(values: readonly string[]): Promise<void> {
  const read = await harness.run(readAll(broker, { topic: 'tides', partition: 0 }))
  expect(read).toEqual(values.map((value, offset) => ({ offset, value })))
  expect((await harness.verify()).findings).toEqual([])
}

const flushAll = async () => {
  const deadlineMs = harness.clock.monotonicMs() + 10_000
  return await harness.run(flush(harness.ports, [{ partition, age: 'all' }], deadlineMs))
}

describe('a lone producer, where each write of a head is paid for', () => {
  test('keeps the tail within a unit, writes no object and cuts with its appends alone', async () => {
    const values = numbered(0, 40)
    for (const value of values) {
      await produce([value])
      const head = await harness.head(partition)
      if (head.tail.length > 1) expect(encodeHead(head).length).toBeLessThanOrEqual(HEAD_COST.unitBytes)
    }
    expect(await harness.objects()).toEqual([])
    expect(harness.count('trimTail')).toBe(0)
    expect(harness.count('putBlock')).toBeGreaterThan(10)
    expect(harness.count('append')).toBe(values.length)
    await expectWhole(values)
  })

  test('leaves blocks that are rolled as they are, beside those that lie in objects', async () => {
    const values = numbered(0, 30)
    await produce(values.slice(0, 9))
    await flushAll()
    await produce(values.slice(9, 20))
    await harness.run(
      broker.produce({ topic: 'tides', partition: 0, batches: batchOf([values[20]!], { padding: 5_000 }) }),
    )
    await produce(values.slice(21))
    await flushAll()
    expect(await harness.maintain({ upkeep: false, isForced: true })).toMatchObject({ failed: [] })
    const { settled, tailOffset } = await harness.head(partition)
    expect(settled.settledOffset).toBe(tailOffset)
    expect((await harness.settledRecords(partition)).map(({ value }) => value)).toEqual(values)
    expect(await harness.plain.index.readBlocks(partition, toOffset(0), 10)).toEqual([])
    await expectWhole(values)
  })

  test('has all of it in objects after a round, however little it is', async () => {
    const settings = settlingSettings({ advanceMs: 1_000, roundMs: 5_000, rollYoungMs: 0 })
    await produce(numbered(0, 9))
    await flushAll()
    await produce(numbered(9, 9))
    for (let round = 0; round < 6; round += 1) {
      await harness.pass(10_000)
      await harness.run(
        broker.produce({
          topic: 'tides',
          partition: 0,
          batches: batchOf([`large ${round}`], { padding: 5_000 }),
        }),
      )
      expect(await harness.maintain({}, settings)).toMatchObject({ failed: [] })
    }
    const { settled } = await harness.head(partition)
    expect(settled.settledOffset).toBeGreaterThan(17)
    await expectWhole([...numbered(0, 18), ...Array.from({ length: 6 }, (_, round) => `large ${round}`)])
  })

  test('appends all the same where its block cannot be put', async () => {
    harness.around = async (method, _, call) => {
      if (method === 'putBlock') throw new Error('broken')
      return await call()
    }
    await produce(numbered(0, 8))
    expect((await harness.head(partition)).tail).toHaveLength(8)
    harness.around = (_, __, call) => call()
    await expectWhole(numbered(0, 8))
  })

  test('whose answer is lost has its record once, cut or not', async () => {
    const values = numbered(0, 20)
    for (const doesLand of [true, false]) {
      harness.around = async (method, args, call) => {
        if (method !== 'append' || args[4] === undefined) return await call()
        harness.around = (_, __, next) => next()
        if (doesLand) await call()
        throw new OutcomeUnknown('timed out')
      }
      await produce(doesLand ? values.slice(0, 10) : values.slice(10))
    }
    await everyEntry(harness.plain.index, partition)
    await expectWhole(values)
  })

  test('whose block was put and whose append came to nothing leaves what a flush goes on with', async () => {
    await produce(numbered(0, 2))
    let isBroken = false
    harness.around = async (method, _, call) => {
      if (isBroken && method === 'append') throw new Error('broken')
      if (method === 'putBlock') isBroken = true
      return await call()
    }
    let made = 2
    for (; !isBroken; made += 1) {
      const produced = broker.produce({ topic: 'tides', partition: 0, batches: batchOf([`record ${made}`]) })
      await harness.run(produced).catch(() => {})
    }
    harness.around = (_, __, call) => call()
    const [left] = await flushAll()
    expect(left).toMatchObject({ status: 'fulfilled', value: { tail: [] } })
    await expectWhole(numbered(0, made - 1))
  })
})

test('idempotent producers that come and go leave the head, though one writer cuts for them all', async () => {
  for (let producer = 0; producer < 10 * PRODUCERS_KEPT_MAX; producer += 1) {
    const record = { value: Buffer.from('tide'), timestampMs: harness.clock.nowMs() }
    const sequence = { producerId: BigInt(producer), producerEpoch: 0, baseSequence: 0 }
    const batches = new Uint8Array(encodeBatch([record], sequence))
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
    await harness.pass(5_000)
    expect((await harness.head(partition)).producers.size).toBeLessThanOrEqual(3 * PRODUCERS_KEPT_MAX)
  }
  expect((await harness.verify()).findings).toEqual([])
})

describe('several producers', () => {
  test('who take turns put no blocks in vain', async () => {
    const others = [broker, harness.open({ flushes: 'elsewhere' }), harness.open({ flushes: 'elsewhere' })]
    const values = numbered(0, 30)
    for (const [index, value] of values.entries()) await produce([value], others[index % others.length])
    expect(harness.count('putBlock')).toBeLessThan(4)
    expect(harness.count('append')).toBeLessThan(values.length + 8)
    await expectWhole(values)
  })

  test('who take turns cut into blocks, without an object and before an append costs much', async () => {
    const others = [broker, harness.open({ flushes: 'elsewhere' }), harness.open({ flushes: 'elsewhere' })]
    const values = numbered(0, 60)
    for (const [index, value] of values.entries()) {
      await produce([value], others[index % others.length])
      const { tail } = await harness.head(partition)
      expect(countInlineBytes(tail)).toBeLessThanOrEqual(TAIL_INLINE_PAID_BYTES_MAX)
    }
    expect(await harness.objects()).toEqual([])
    expect(harness.count('trimTail')).toBeLessThan(5)
    await expectWhole(values)
  })

  test('of whom one is slow lose nothing and double nothing', async () => {
    const others = Array.from({ length: 6 }, () => harness.open({ flushes: 'elsewhere' }))
    harness.around = async (_, __, call) => {
      await harness.clock.sleep(harness.entropy.integer(0, 20))
      return await call()
    }
    const values = numbered(0, 120)
    const writers = others.map(async (each, index) => {
      for (let number = index; number < values.length; number += others.length) {
        await harness.clock.sleep(harness.entropy.integer(0, 200))
        await each.produce({ topic: 'tides', partition: 0, batches: batchOf([values[number]!]) })
      }
    })
    await harness.run(Promise.all(writers))
    harness.around = (_, __, call) => call()
    const read = await harness.run(readAll(broker, { topic: 'tides', partition: 0 }))
    expect(read.map(({ value }) => value).sort()).toEqual(values.toSorted())
    expect((await harness.verify()).findings).toEqual([])
  })
})
