import { beforeEach, describe, expect, test } from 'vitest'
import { flush } from '../../src/broker/flush.ts'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import { ENTRY_PRODUCERS_MAX, ENTRY_RUNS_MAX, PRODUCERS_ACTIVE_MAX } from '../../src/core/limits.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { OutcomeUnknown } from '../../src/ports/outcome.ts'
import { Harness, joined, NOW_MS, readAll } from './harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  harness.calls.length = 0
})

interface Sending {
  readonly producerId?: bigint
  readonly epoch?: number
  readonly padding?: number
}

function sequenced(sequence: number, values: readonly string[], sending: Sending = {}): Uint8Array {
  const { producerId = 7n, epoch = 0, padding = 0 } = sending
  const records = values.map(value => ({
    key: Buffer.alloc(padding, value),
    value: Buffer.from(value),
    timestampMs: NOW_MS,
  }))
  return new Uint8Array(encodeBatch(records, { producerId, producerEpoch: epoch, baseSequence: sequence }))
}

/** Not awaited to the end: several of them share a commit. */
const send = (batches: Uint8Array, through = broker) =>
  through.produce({ topic: 'tides', partition: 0, batches })
const sent = (batches: Uint8Array, through = broker) => harness.run(send(batches, through))
const errorOf = (batches: Uint8Array) => harness.errorOf(send(batches))
const valuesOf = async () =>
  (await harness.run(readAll(broker, { topic: 'tides', partition: 0 }))).map(({ value }) => value)

describe('a batch of an idempotent producer', () => {
  test('that is sent again is answered as the first time, and stands in the log once', async () => {
    expect(await sent(sequenced(0, ['a', 'b']))).toMatchObject({ baseOffset: 0, records: 2 })
    expect(await sent(sequenced(2, ['c']))).toMatchObject({ baseOffset: 2 })
    const others = harness.open()
    for (const through of [broker, others]) {
      expect(await sent(sequenced(0, ['a', 'b']), through)).toMatchObject({ baseOffset: 0, records: 2 })
      expect(await sent(sequenced(2, ['c']), through)).toMatchObject({ baseOffset: 2, records: 1 })
    }
    expect(await valuesOf()).toEqual(['a', 'b', 'c'])
  })

  test.each([0, 6_000])(
    'is recognized after a flush and in another process, with %i bytes more',
    async padding => {
      await sent(sequenced(0, ['a'], { padding }))
      const partition = await harness.partitionId('tides')
      await harness.run(flush(harness.ports, [{ partition, age: 'all' }], harness.clock.nowMs() + 60_000))
      expect(await sent(sequenced(0, ['a'], { padding }), harness.open())).toMatchObject({ baseOffset: 0 })
      expect(await valuesOf()).toEqual(['a'])
    },
  )

  test('whose answer was lost, with a process that died, is there once', async () => {
    harness.around = async (method, _, call) => {
      await call()
      if (method === 'append') throw new OutcomeUnknown('the answer was lost')
      return await new Promise(() => {})
    }
    const dying = harness.open()
    void send(sequenced(0, ['a']), dying).catch(() => {})
    await harness.pass(1_000)
    harness.around = (_, __, call) => call()
    await sent(sequenced(0, ['a']))
    expect(await valuesOf()).toEqual(['a'])
  })

  test('that leaves a gap is refused, and nothing is written', async () => {
    await sent(sequenced(0, ['a']))
    const error = await errorOf(sequenced(2, ['c']))
    expect(error).toMatchObject({
      kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      written: 'no',
      retriable: false,
    })
    expect(error.message).toMatch(/goes on with 1\b/)
    expect(await sent(sequenced(1, ['b']))).toMatchObject({ baseOffset: 1 })
    expect(await sent(sequenced(2, ['c']))).toMatchObject({ baseOffset: 2 })
    expect(await valuesOf()).toEqual(['a', 'b', 'c'])
  })

  test('of an older epoch is refused', async () => {
    await sent(sequenced(0, ['a']))
    await sent(sequenced(0, ['b'], { epoch: 1 }))
    expect(await errorOf(sequenced(1, ['c']))).toMatchObject({
      kafkaName: 'INVALID_PRODUCER_EPOCH',
      written: 'no',
    })
    expect(await valuesOf()).toEqual(['a', 'b'])
  })

  test('that was overtaken by many is known to be written', async () => {
    for (let sequence = 0; sequence < 10; sequence += 1) await sent(sequenced(sequence, [`${sequence}`]))
    const partition = await harness.partitionId('tides')
    await harness.run(flush(harness.ports, [{ partition, age: 'all' }], harness.clock.nowMs() + 60_000))
    expect(await errorOf(sequenced(0, ['0']))).toMatchObject({
      kafkaName: 'DUPLICATE_SEQUENCE_NUMBER',
      written: 'yes',
    })
    expect(await sent(sequenced(9, ['9']))).toMatchObject({ baseOffset: 9 })
    expect(await valuesOf()).toHaveLength(10)
  })

  test('must say epoch and sequence, and one call must hold one run', async () => {
    expect(await errorOf(sequenced(-1, ['a']))).toMatchObject({ kafkaName: 'INVALID_RECORD', written: 'no' })
    expect(await errorOf(sequenced(0, ['a'], { epoch: -1 }))).toMatchObject({ kafkaName: 'INVALID_RECORD' })
    for (const second of [
      sequenced(2, ['b']),
      sequenced(1, ['b'], { producerId: 8n }),
      sequenced(1, ['b'], { epoch: 1 }),
      sequenced(-1, ['b'], { producerId: -1n, epoch: -1 }),
    ]) {
      expect(await errorOf(joined([sequenced(0, ['a']), second]))).toMatchObject({
        kafkaName: 'INVALID_RECORD',
      })
    }
    expect(await valuesOf()).toEqual([])
    const several = joined([sequenced(0, ['a']), sequenced(1, ['b', 'c'])])
    expect(await sent(Uint8Array.from(several))).toMatchObject({ baseOffset: 0, records: 3 })
    expect(await sent(several)).toMatchObject({ baseOffset: 0, records: 3 })
    expect(await sent(sequenced(3, ['d']))).toMatchObject({ baseOffset: 3 })
  })
})

describe('more producers than a head remembers', () => {
  test('cannot keep a tail from being cut by going on again and again', async () => {
    const next = new Map<bigint, number>()
    const sendNext = async (producerId: bigint) => {
      const sequence = next.get(producerId) ?? 0
      next.set(producerId, sequence + 1)
      const batches = sequenced(sequence, ['a'], { producerId })
      await send(batches, harness.open())
    }
    const producers = Array.from({ length: PRODUCERS_ACTIVE_MAX + 20 }, (_, number) => BigInt(number))
    const partition = await harness.partitionId('tides')
    const flushAll = () => flush(harness.ports, [{ partition, age: 'all' }], harness.clock.nowMs() + 60_000)
    for (const producerId of producers) {
      await harness.run(sendNext(producerId))
      if (producerId % 8n === 7n && producerId < PRODUCERS_ACTIVE_MAX) await harness.run(flushAll())
    }
    // Before each cut, the one that has been silent for longest goes on.
    let cuts = 0
    harness.around = async (method, _, call) => {
      if (method === 'trimTail') {
        const head = (await harness.plain.index.readHead(partition))!
        const active = new Set(head.tail.flatMap(entry => entry.producers.map(each => each.producerId)))
        const longest = [...head.flushedProducers.keys()].find(producerId => !active.has(producerId))!
        cuts += 1
        const around = harness.around
        harness.around = (_method, _args, other) => other()
        await sendNext(longest)
        harness.around = around
      }
      return await call()
    }
    const before = (await harness.plain.index.readHead(partition))!
    await harness.run(flushAll())
    harness.around = (_, __, call) => call()
    const after = (await harness.plain.index.readHead(partition))!
    expect(cuts).toBeGreaterThan(1)
    expect(after.tailOffset).toBe(before.nextOffset)
  })
})

describe('calls that share a commit', () => {
  const plain = (value: string, padding = 0) =>
    sequenced(-1, [value], { producerId: -1n, epoch: -1, padding })
  const settled = (sendings: readonly Uint8Array[]) =>
    harness.run(Promise.allSettled(sendings.map(batches => send(batches))))

  test.each([0, 3_000])('are told apart where one of them is wrong, with %i bytes each', async padding => {
    await sent(sequenced(0, ['a'], { padding }))
    harness.calls.length = 0
    const results = await settled([
      plain('p', padding),
      sequenced(1, ['b'], { padding }),
      sequenced(0, ['a'], { padding }),
      sequenced(5, ['x'], { padding }),
      sequenced(0, ['c'], { padding, producerId: 8n }),
      plain('q', padding),
    ])
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(
      results.map(result => (result.status === 'fulfilled' ? result.value.baseOffset : undefined)),
    ).toEqual([1, 2, 0, undefined, 3, 4])
    expect(await valuesOf()).toEqual(['a', 'p', 'b', 'c', 'q'])
    expect((await harness.verify()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
    if (padding > 0) expect(harness.count('put')).toBe(1)
  })

  test('go on in one update while they follow one another', async () => {
    const results = await settled(['a', 'b', 'c'].map((value, index) => sequenced(index, [value])))
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(harness.count('append')).toBe(1)
    expect(await sent(sequenced(1, ['b']))).toMatchObject({ baseOffset: 1 })
    expect(await valuesOf()).toEqual(['a', 'b', 'c'])
  })

  test('twice the same at the same time are one', async () => {
    const results = await settled([sequenced(0, ['a']), sequenced(0, ['a'])])
    expect(results).toMatchObject([{ value: { baseOffset: 0 } }, { value: { baseOffset: 0 } }])
    expect(await valuesOf()).toEqual(['a'])
  })

  test('of more producers than an entry takes need more entries', async () => {
    const count = 2 * ENTRY_PRODUCERS_MAX + 1
    const results = await settled(
      Array.from({ length: count }, (_, index) => sequenced(0, [`${index}`], { producerId: BigInt(index) })),
    )
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(harness.count('append')).toBe(3)
    expect(await valuesOf()).toHaveLength(count)
  })

  test('of one producer with more in flight than an entry lists need more entries', async () => {
    const results = await settled(
      Array.from({ length: 2 * ENTRY_RUNS_MAX + 1 }, (_, index) => sequenced(index, [`${index}`])),
    )
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(harness.count('append')).toBe(3)
    expect(await valuesOf()).toEqual(results.map((_, index) => `${index}`))
  })

  test('are not taken apart while an earlier try may land yet: nobody knows', async () => {
    await sent(sequenced(0, ['a']))
    let appends = 0
    harness.around = async (method, _, call) => {
      if (method !== 'append') return await call()
      appends += 1
      if (appends === 1) throw new OutcomeUnknown('no answer')
      return await call()
    }
    const results = await settled([plain('p'), sequenced(5, ['x'])])
    expect(results).toMatchObject([
      { reason: { kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' } },
      { reason: { kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' } },
    ])
    expect(await valuesOf()).toEqual(['a'])
  })
})
