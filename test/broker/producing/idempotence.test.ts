import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import {
  ENTRY_PRODUCERS_MAX,
  ENTRY_RUNS_MAX,
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_EXPIRATION_MS,
  PRODUCER_SILENT_MS_MAX,
  PRODUCERS_KEPT_MAX,
  PRODUCERS_PARALLEL_MAX,
} from '../../../src/core/limits.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { Harness, joined, NOW_MS, readAll } from '../harness.ts'

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
      await harness.run(
        flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000),
      )
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
    await harness.run(flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000))
    expect(await errorOf(sequenced(0, ['0']))).toMatchObject({
      kafkaName: 'DUPLICATE_SEQUENCE_NUMBER',
      written: 'yes',
    })
    expect(await sent(sequenced(9, ['9']))).toMatchObject({ baseOffset: 9 })
    expect(await valuesOf()).toHaveLength(10)
  })

  describe.each(['in the tail', 'flushed', 'out of the head'])('with those after it %s', place => {
    const move = async () => {
      const partition = await harness.partitionId('tides')
      if (place === 'out of the head') await harness.pass(PRODUCER_SILENT_MS_MAX + 1)
      // Another writes, so that it is seen who has been silent.
      if (place === 'out of the head') await sent(sequenced(0, ['other'], { producerId: 8n }), harness.open())
      if (place === 'in the tail') return
      await harness.run(
        flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000),
      )
    }

    test('is not said to be written where it was overtaken on the way to a new log', async () => {
      const later = place === 'in the tail' ? PRODUCER_ENTRIES_KEPT + 1 : PRODUCER_ENTRIES_KEPT - 1
      for (let number = 0; number < later; number += 1) await sent(sequenced(5 + number, ['f']))
      await move()
      for (const through of [broker, harness.open()]) {
        const error = await harness.errorOf(send(sequenced(0, ['a', 'b', 'c', 'd', 'e']), through))
        expect(error).toMatchObject({ kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER', written: 'unknown' })
      }
      // Behind those, and behind the other one's.
      const baseOffset = place === 'out of the head' ? later + 1 : later
      expect(await sent(sequenced(5 + later, ['g']))).toMatchObject({ baseOffset, records: 1 })
      expect((await errorOf(sequenced(0, ['a']))).kafkaName).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    })

    test('is not said to be written where only its beginning is', async () => {
      await sent(sequenced(0, ['a', 'b']))
      await move()
      for (const through of [broker, harness.open()]) {
        const error = await harness.errorOf(send(sequenced(0, ['a', 'b', 'c']), through))
        expect(error).toMatchObject({ kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER', written: 'unknown' })
      }
    })
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

describe('a producer that has been silent', () => {
  const flushAll = async () => {
    const partition = await harness.partitionId('tides')
    await harness.run(flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000))
  }
  const head = async () => (await harness.plain.index.readHead(await harness.partitionId('tides')))!

  /** Time passes, and others write. */
  async function beSilent(durationMs: number): Promise<void> {
    await harness.pass(durationMs)
    const records = [{ value: Buffer.from('other'), timestampMs: NOW_MS }]
    await sent(new Uint8Array(encodeBatch(records)), harness.open())
  }
  /** Time passes, others write, and what they wrote leaves the tail. */
  async function moveOn(durationMs: number): Promise<void> {
    await beSilent(durationMs)
    await flushAll()
    expect((await head()).producers.has(7n)).toBe(false)
    harness.calls.length = 0
  }
  const MINUTES_15 = 15 * 60_000
  /** What was asked of the index, in order. */
  const asked = () =>
    harness.calls.map(({ method }) => method).filter(method => !['get', 'put', 'list'].includes(method))

  test('for 15 minutes and repeats its last batch has it in the log once', async () => {
    const warm = harness.open()
    await sent(sequenced(0, ['a', 'b']), warm)
    expect(await sent(sequenced(2, ['c']), warm)).toMatchObject({ baseOffset: 2 })
    await moveOn(MINUTES_15)
    for (const through of [warm, harness.open()]) {
      expect(await sent(sequenced(2, ['c']), through)).toMatchObject({ baseOffset: 2, records: 1 })
      expect(await sent(sequenced(0, ['a', 'b']), through)).toMatchObject({ baseOffset: 0, records: 2 })
    }
    expect(await valuesOf()).toEqual(['a', 'b', 'c', 'other'])
    expect((await harness.verify()).findings).toEqual([])
  })

  test('goes on where it was, and from nowhere else', async () => {
    await sent(sequenced(0, ['a', 'b']))
    await moveOn(MINUTES_15)
    expect(await errorOf(sequenced(3, ['x']))).toMatchObject({
      kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      written: 'no',
    })
    expect(await sent(sequenced(2, ['c']))).toMatchObject({ baseOffset: 3 })
    expect(await valuesOf()).toEqual(['a', 'b', 'other', 'c'])
  })

  test('and whose place another has taken stays fenced', async () => {
    await sent(sequenced(0, ['a']))
    await sent(sequenced(0, ['b'], { epoch: 1 }))
    await moveOn(MINUTES_15)
    expect(await errorOf(sequenced(1, ['x']))).toMatchObject({ kafkaName: 'INVALID_PRODUCER_EPOCH' })
    expect(await sent(sequenced(0, ['c'], { epoch: 2 }))).toMatchObject({ baseOffset: 3 })
  })

  test('has its last batches recognized, however often it goes and comes back', async () => {
    const offsets: number[] = []
    for (let sequence = 0; sequence < 2 * PRODUCER_ENTRIES_KEPT; sequence += 1) {
      const { baseOffset } = await sent(sequenced(sequence, [`${sequence}`]))
      offsets.push(baseOffset)
      // Some in the tail, some flushed, some in its item.
      if (sequence % 3 === 2) await moveOn(MINUTES_15)
      else if (sequence % 3 === 1) await flushAll()
      const kept = offsets.slice(-PRODUCER_ENTRIES_KEPT)
      for (const [index, known] of kept.entries()) {
        const repeated = offsets.length - kept.length + index
        expect(await sent(sequenced(repeated, [`${repeated}`]))).toMatchObject({ baseOffset: known })
      }
      const older = offsets.length - kept.length - 1
      if (older < 0) continue
      const [outcome] = await harness.run(Promise.allSettled([send(sequenced(older, [`${older}`]))]))
      if (outcome.status === 'fulfilled') expect(outcome.value.baseOffset).toBe(offsets[older])
      else expect(outcome.reason).toMatchObject({ kafkaName: 'DUPLICATE_SEQUENCE_NUMBER', written: 'yes' })
    }
    expect((await valuesOf()).filter(value => value !== 'other')).toHaveLength(offsets.length)
  })

  test('for longer than clocks can be wrong about a day is forgotten, as in Kafka, whether the store has dropped its item or not', async () => {
    await sent(sequenced(0, ['a']))
    await moveOn(MINUTES_15)
    await harness.pass(PRODUCER_EXPIRATION_MS)
    const partition = await harness.partitionId('tides')
    expect(await harness.plain.index.readProducer(partition, 7n)).toMatchObject({ runs: [{ sequence: 0 }] })
    expect(await sent(sequenced(9, ['j']))).toMatchObject({ baseOffset: 2 })
  })

  test('costs one look more, and one that does not follow is not even tried', async () => {
    const warm = harness.open()
    await sent(sequenced(0, ['a'], { producerId: 8n }), warm)
    harness.calls.length = 0
    await sent(sequenced(0, ['a']), warm)
    expect(asked()).toEqual(['readProducer', 'append'])
    harness.calls.length = 0
    await sent(sequenced(1, ['b']), warm)
    expect(asked()).toEqual(['append'])
    await moveOn(MINUTES_15)
    // This broker saw it in the head the last time, another finds it missing there.
    await sent(sequenced(2, ['c']), warm)
    expect(asked()).toEqual(['append', 'readProducer', 'append'])
    await moveOn(MINUTES_15)
    const fresh = harness.open()
    await sent(sequenced(3, ['d']), fresh)
    expect(asked()).toEqual(['readHead', 'readProducer', 'append'])
    await moveOn(MINUTES_15)
    await sent(sequenced(3, ['d']), harness.open())
    expect(asked()).not.toContain('append')
  })

  test('is judged by what a head of now says, where what a broker has seen is out of date', async () => {
    const warm = harness.open()
    await sent(sequenced(0, ['a']), warm)
    await moveOn(MINUTES_15)
    await sent(sequenced(0, ['x'], { producerId: 8n }), warm)
    // Another broker takes what comes next; to this one a batch would seem to be missing.
    await sent(sequenced(1, ['b']), harness.open())
    harness.calls.length = 0
    expect(await sent(sequenced(2, ['c']), warm)).toMatchObject({ baseOffset: 4 })
    expect(asked()).toEqual(['readProducer', 'readHead', 'append'])
  })

  test('keeps nobody from being recognized with whom it shares a commit', async () => {
    await sent(sequenced(0, ['a']))
    await sent(sequenced(0, ['b'], { producerId: 8n }))
    await moveOn(MINUTES_15)
    const results = await harness.run(
      Promise.all([
        send(sequenced(0, ['a'])),
        send(sequenced(1, ['c'], { producerId: 8n })),
        send(sequenced(0, ['d'], { producerId: 9n })),
        send(sequenced(1, ['e'])),
      ]),
    )
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual([0, 3, 4, 5])
    expect(await valuesOf()).toEqual(['a', 'b', 'other', 'c', 'd', 'e'])
  })

  test('has its item before it leaves the head', async () => {
    await sent(sequenced(0, ['a']))
    const steps: string[] = []
    harness.around = async (method, _, call) => {
      if (method === 'trimTail' || method === 'putProducer') steps.push(method)
      const result = await call()
      if (method === 'putProducer') {
        await harness.clock.sleep(500)
        steps.push('put')
      }
      return result
    }
    await moveOn(MINUTES_15)
    expect(steps).toEqual(['putProducer', 'put', 'trimTail'])
  })

  test('stays in the head where its item cannot be put, and with it the tail', async () => {
    await sent(sequenced(0, ['a']))
    await beSilent(MINUTES_15)
    const { tail } = await head()
    harness.around = async (method, _, call) => {
      if (method === 'putProducer') throw new OutcomeUnknown('no answer')
      return await call()
    }
    await flushAll()
    expect([(await head()).tail, (await head()).producers.has(7n)]).toEqual([tail, true])
    harness.around = (_, __, call) => call()
    await flushAll()
    expect(await head()).toMatchObject({ tail: [], producers: new Map() })
    expect(await sent(sequenced(0, ['a']))).toMatchObject({ baseOffset: 0 })
  })

  test('leaves with others side by side, some at a time', async () => {
    const count = PRODUCERS_KEPT_MAX + PRODUCERS_PARALLEL_MAX + 8
    for (let producerId = 0n; producerId < count; producerId += 1n) {
      await sent(sequenced(0, ['a'], { producerId }))
    }
    let running = 0
    let most = 0
    harness.around = async (method, _, call) => {
      if (method !== 'putProducer') return await call()
      running += 1
      most = Math.max(most, running)
      await harness.clock.sleep(10)
      running -= 1
      return await call()
    }
    await flushAll()
    expect((await head()).producers.size).toBe(PRODUCERS_KEPT_MAX)
    expect(most).toBe(PRODUCERS_PARALLEL_MAX)
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
    const producers = Array.from({ length: PRODUCERS_KEPT_MAX + 20 }, (_, number) => BigInt(number))
    const partition = await harness.partitionId('tides')
    const flushAll = () =>
      flush(harness.ports, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000)
    for (const producerId of producers) {
      await harness.run(sendNext(producerId))
      if (producerId % 8n === 7n && producerId < PRODUCERS_KEPT_MAX) await harness.run(flushAll())
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
