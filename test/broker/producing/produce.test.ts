import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { Produced } from '../../../src/contract/broker.ts'
import {
  BATCH_BYTES_DEFAULT_MAX,
  INLINE_BYTES_MAX,
  PRODUCE_BYTES_MAX,
  PRODUCE_DEADLINE_MS,
  PRODUCE_IN_FLIGHT_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { decodeBatches, encodeBatch, readBatchHeader } from '../../../src/core/record/index.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { gapped } from '../../core/record/forge.ts'
import { batchOf, Harness, joined, NOW_MS, numbered, readAll } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 4 }))
  harness.calls.length = 0
})

const produce = (batches: Uint8Array, partition = 0, topic = 'tides'): Promise<Produced> =>
  broker.produce({ topic, partition, batches })

const valuesOf = async (partition = 0, topic = 'tides') =>
  (await harness.run(readAll(broker, { topic, partition }))).map(({ value }) => value)

describe('records that were produced can be fetched, byte for byte,', () => {
  test('when they travel inline', async () => {
    expect(await harness.run(produce(batchOf(['a', 'b'])))).toEqual({
      baseOffset: 0,
      records: 2,
      startOffset: 0,
      logAppendTimeMs: null,
    })
    expect(await harness.run(produce(batchOf(['c'])))).toMatchObject({ baseOffset: 2, records: 1 })
    expect(await harness.run(readAll(broker, { topic: 'tides', partition: 0 }))).toEqual([
      { offset: 0, value: 'a' },
      { offset: 1, value: 'b' },
      { offset: 2, value: 'c' },
    ])
    expect(harness.count('put')).toBe(0)
  })

  test('when they lie in an object', async () => {
    const values = numbered(0, 100)
    expect(await harness.run(produce(batchOf(values, { padding: 100 })))).toMatchObject({ records: 100 })
    expect(harness.count('put')).toBe(1)
    expect(await valuesOf()).toEqual(values)
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'with %s as their compression',
    async compression => {
      const values = numbered(0, 50)
      const batch = batchOf(values, { padding: 300, compression })
      const sent = Uint8Array.from(batch)
      await harness.run(produce(batch))
      const { chunks } = await harness.run(broker.fetch({ topic: 'tides', partition: 0, offset: 0 as never }))
      const received = joined(chunks)
      // Only the base offset and the leader epoch may differ, which lie outside the CRC.
      expect(Buffer.from(received.subarray(16)).equals(sent.subarray(16))).toBe(true)
      expect(await valuesOf()).toEqual(values)
    },
  )

  test('with keys, headers, timestamps, and null where null was', async () => {
    const records = [
      { key: null, value: null, headers: [], timestampMs: NOW_MS },
      {
        key: Buffer.from('key'),
        value: Buffer.alloc(0),
        headers: [
          { key: 'trace', value: Buffer.from('1') },
          { key: 'trace', value: null },
        ],
        timestampMs: 5,
      },
    ]
    await harness.run(produce(new Uint8Array(encodeBatch(records))))
    const { chunks } = await harness.run(broker.fetch({ topic: 'tides', partition: 0, offset: 0 as never }))
    const plain = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString()
    expect(
      decodeBatches(chunks[0]!).map(({ key, value, headers, timestampMs }) => ({
        key: plain(key),
        value: plain(value),
        headers: headers.map(header => [header.key, plain(header.value)]),
        timestampMs,
      })),
    ).toEqual([
      { key: null, value: null, headers: [], timestampMs: NOW_MS },
      {
        key: 'key',
        value: '',
        headers: [
          ['trace', '1'],
          ['trace', null],
        ],
        timestampMs: 5,
      },
    ])
  })
})

describe('a produce call', () => {
  test('with several batches puts them next to one another', async () => {
    const batches = joined([batchOf(['a', 'b']), batchOf(['c']), batchOf(['d', 'e', 'f'])])
    expect(await harness.run(produce(batches))).toMatchObject({ baseOffset: 0, records: 6 })
    expect(await valuesOf()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('with a bad batch among good ones writes none of them', async () => {
    const bad = batchOf(['b'])
    bad[30]! ^= 1
    const error = await harness.errorOf(produce(joined([batchOf(['a']), bad])))
    expect(error).toMatchObject({ kafkaName: 'CORRUPT_MESSAGE', written: 'no' })
    expect(await valuesOf()).toEqual([])
  })

  test('without a batch, or with half of one, is refused', async () => {
    const cut = batchOf(['a']).slice(0, -1)
    for (const batches of [new Uint8Array(0), new Uint8Array(5), cut, joined([batchOf(['a']), cut])]) {
      expect(await harness.errorOf(produce(batches))).toMatchObject({ kafkaName: 'CORRUPT_MESSAGE' })
    }
    expect(await valuesOf()).toEqual([])
  })

  test('to a topic or a partition that is not there is refused', async () => {
    const unknown = { kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true, written: 'no' }
    expect(await harness.errorOf(produce(batchOf(['a']), 0, 'ebb'))).toMatchObject(unknown)
    for (const partition of [4, -1, 0.5, Number.NaN]) {
      expect(await harness.errorOf(produce(batchOf(['a']), partition))).toMatchObject(unknown)
    }
  })

  test('above the limit of a call is refused', async () => {
    const error = await harness.errorOf(produce(new Uint8Array(PRODUCE_BYTES_MAX + 1)))
    expect(error.kafkaName).toBe('RECORD_LIST_TOO_LARGE')
  })

  test('with a batch above max.message.bytes is refused, and one that just fits is taken', async () => {
    const small = batchOf(['x'])
    await harness.run(
      broker.createTopic({ topic: 'small', configs: { 'max.message.bytes': String(small.length) } }),
    )
    expect(await harness.run(produce(small, 0, 'small'))).toMatchObject({ baseOffset: 0 })
    const error = await harness.errorOf(produce(batchOf(['xx']), 0, 'small'))
    expect(error).toMatchObject({ kafkaName: 'MESSAGE_TOO_LARGE', retriable: false, written: 'no' })
    // The limit is a batch's: several that are small may come together.
    expect(await harness.run(produce(joined([batchOf(['y']), batchOf(['z'])]), 0, 'small'))).toMatchObject({
      records: 2,
    })
    const large = batchOf(['x'], { padding: BATCH_BYTES_DEFAULT_MAX })
    expect((await harness.errorOf(produce(large))).kafkaName).toBe('MESSAGE_TOO_LARGE')
  })

  test.each([
    ['whose records have gaps', gapped([0, 2].map(delta => ({ delta, timestampMs: NOW_MS })))],
    ['that ends in a gap', gapped([{ delta: 0, timestampMs: NOW_MS }], { lastOffsetDelta: 1 })],
    ['without records', gapped([], { lastOffsetDelta: 4 })],
  ])('with a batch %s is refused, wherever it stands', async (_, batch) => {
    for (const batches of [batch, joined([batchOf(['a']), batch])]) {
      expect(await harness.errorOf(produce(batches))).toMatchObject({
        kafkaName: 'INVALID_RECORD',
        message: expect.stringContaining('without gaps'),
      })
    }
    expect(await valuesOf()).toEqual([])
  })

  test.each([
    ['control', 1 << 5],
    ['transactional', 1 << 4],
  ])('with a %s batch is refused', async (_, bit) => {
    const { stampLogAppendTime } = await import('../../../src/core/record/index.ts')
    const batch = batchOf(['a'])
    batch[22]! |= bit
    // Renews the CRC, which is all that matters here.
    stampLogAppendTime(batch, 0, NOW_MS)
    expect(await harness.errorOf(produce(batch))).toMatchObject({
      kafkaName: 'INVALID_RECORD',
      written: 'no',
    })
    expect(await valuesOf()).toEqual([])
  })

  test("with timestamps too far in the future is refused, up to the topic's own limit", async () => {
    const hourMs = 3_600_000
    const early = batchOf(['a'], { timestampMs: NOW_MS + hourMs - 1_000 })
    expect(await harness.run(produce(early))).toMatchObject({ baseOffset: 0, records: 1 })
    const late = batchOf(['b'], { timestampMs: NOW_MS + hourMs + 10_000 })
    expect(await harness.errorOf(produce(late))).toMatchObject({ kafkaName: 'INVALID_TIMESTAMP' })
    await harness.run(
      broker.alterTopic({ topic: 'tides', set: { 'message.timestamp.after.max.ms': '9007199254740991' } }),
    )
    expect(await harness.run(produce(late))).toMatchObject({ baseOffset: 1, records: 1 })
  })

  test('with a timestamp that the index cannot hold is refused alone, whatever the topic allows', async () => {
    await harness.run(
      broker.alterTopic({ topic: 'tides', set: { 'message.timestamp.after.max.ms': '9007199254740991' } }),
    )
    const bad = produce(batchOf(['bad'], { timestampMs: Number.MAX_SAFE_INTEGER })).catch(error => error)
    const good = produce(batchOf(['good'])).catch(error => error)
    const outcomes = await harness.run(Promise.all([bad, good]))
    expect(outcomes).toMatchObject([{ kafkaName: 'INVALID_TIMESTAMP' }, { baseOffset: 0 }])
  })
})

describe('a topic with LogAppendTime', () => {
  test('stamps the records with the time of their arrival', async () => {
    await harness.run(
      broker.createTopic({ topic: 'stamped', configs: { 'message.timestamp.type': 'LogAppendTime' } }),
    )
    await harness.pass(1_234)
    const nowMs = harness.clock.nowMs()
    const batches = joined([
      batchOf(['a', 'b'], { timestampMs: 5 }),
      batchOf(['c'], { timestampMs: NOW_MS * 2, compression: 'gzip' }),
    ])
    const produced = await harness.run(produce(batches, 0, 'stamped'))
    expect(produced).toMatchObject({ baseOffset: 0, records: 3, logAppendTimeMs: nowMs })
    const { chunks } = await harness.run(broker.fetch({ topic: 'stamped', partition: 0, offset: 0 as never }))
    const records = chunks.flatMap(chunk => decodeBatches(chunk))
    expect(records.map(({ timestampMs }) => timestampMs)).toEqual([nowMs, nowMs, nowMs])
    expect(readBatchHeader(chunks[0]!).timestampType).toBe('LogAppendTime')
    expect(
      await harness.run(broker.offsetFor({ topic: 'stamped', partition: 0, at: { timestampMs: nowMs } })),
    ).toEqual({ offset: 0, timestampMs: nowMs })
  })
})

describe('group commit', () => {
  test('puts the batches of many partitions that arrive together into one object', async () => {
    const calls = Array.from({ length: 40 }, (_, number) =>
      produce(batchOf([`${number}`], { padding: 2_000 }), number % 4),
    )
    const produced = await harness.run(Promise.all(calls))
    expect(harness.count('put')).toBe(1)
    expect(harness.count('append')).toBe(4)
    expect(produced.map(({ baseOffset }) => baseOffset)).toEqual(
      Array.from({ length: 40 }, (_, number) => Math.floor(number / 4)),
    )
    for (const partition of [0, 1, 2, 3]) {
      expect(await valuesOf(partition)).toEqual(
        Array.from({ length: 10 }, (_, round) => String(round * 4 + partition)),
      )
    }
  })

  test('needs no object at all where the sum is small', async () => {
    const small = Array.from({ length: 20 }, (_, number) => produce(batchOf([`${number}`]), number % 4))
    await harness.run(Promise.all(small))
    expect(harness.count('put')).toBe(0)
    expect(harness.count('append')).toBe(4)
  })

  test('decides between inline and object by the sum and not by the single call', async () => {
    const bytes = batchOf(['x'], { padding: 500 }).length
    const count = Math.ceil(INLINE_BYTES_MAX / bytes)
    await harness.run(
      Promise.all(Array.from({ length: count }, () => produce(batchOf(['x'], { padding: 500 })))),
    )
    expect(harness.count('put')).toBe(1)
    expect(harness.count('append')).toBe(1)
  })

  test('gathers for as long as it lingers', async () => {
    const lingering = harness.open({ lingerMs: 50 })
    const send = (value: string) =>
      lingering.produce({ topic: 'tides', partition: 0, batches: batchOf([value]) })
    await harness.run(lingering.describeTopic('tides'))
    const first = send('a')
    await harness.pass(20)
    const second = send('b')
    await harness.pass(20)
    expect(harness.count('append')).toBe(0)
    await harness.run(Promise.all([first, second]))
    expect(harness.count('append')).toBe(1)
    expect(await valuesOf()).toEqual(['a', 'b'])
  })

  test('keeps the order of the calls of one partition, however many and large', async () => {
    const sizes = [10, 3_000, 50, 100_000, 1, 900_000, 20, 500_000]
    const calls = Array.from({ length: 200 }, (_, number) =>
      produce(batchOf([`${number}`], { padding: sizes[number % sizes.length]! })),
    )
    const produced = await harness.run(Promise.all(calls.slice(0)))
    expect(produced.map(({ baseOffset }) => baseOffset)).toEqual(
      Array.from({ length: 200 }, (_, number) => number),
    )
    expect(await valuesOf()).toEqual(Array.from({ length: 200 }, (_, number) => String(number)))
  })

  test('keeps the order although a later upload is faster', async () => {
    let puts = 0
    harness.around = async (method, _, call) => {
      if (method === 'put') await harness.clock.sleep([500, 10, 300, 1][puts++ % 4]!)
      return await call()
    }
    const produced: Promise<Produced>[] = []
    for (let number = 0; number < 12; number += 1) {
      produced.push(produce(batchOf([`${number}`], { padding: 10_000 })))
      await harness.pass(5)
    }
    await harness.run(Promise.all(produced))
    expect(puts).toBeGreaterThan(3)
    expect(await valuesOf()).toEqual(Array.from({ length: 12 }, (_, number) => String(number)))
  })

  test('keeps the order although topic look-ups overtake one another', async () => {
    let gets = 0
    harness.around = async (method, _, call) => {
      if (method === 'get') await harness.clock.sleep([300, 5][gets++ % 2]!)
      return await call()
    }
    // What was known of the topic has become too old.
    await harness.pass(10_000)
    const calls: Promise<Produced>[] = []
    for (let number = 0; number < 6; number += 1) {
      calls.push(produce(batchOf([`${number}`])))
      await harness.pass(50)
    }
    await harness.run(Promise.all(calls))
    harness.around = (_, __, call) => call()
    expect(await valuesOf()).toEqual(['0', '1', '2', '3', '4', '5'])
  })

  test('keeps the order of the others although an upload between them fails', async () => {
    let appends = 0
    harness.around = async (method, args, call) => {
      const chunks = method === 'put' ? (args[1] as Uint8Array[]) : []
      if (chunks.some(chunk => Buffer.from(chunk).includes('poison')))
        throw new Error('no space left on device')
      if (method === 'append') await harness.clock.sleep([5_000, 10][appends++ % 2]!)
      return await call()
    }
    const settled: Promise<unknown>[] = []
    for (const value of ['first', 'poison', 'last']) {
      settled.push(produce(batchOf([value], { padding: 10_000 })).catch(error => error))
      await harness.pass(100)
    }
    const [, failed] = await harness.run(Promise.all(settled))
    expect(failed).toBeInstanceOf(Error)
    harness.around = (_, __, call) => call()
    expect(await valuesOf()).toEqual(['first', 'last'])
  })

  test('splits what is more than one commit, and loses nothing', async () => {
    const calls = Array.from({ length: 12 }, (_, number) =>
      produce(
        joined([0, 1, 2].map(part => batchOf([`${number}.${part}`], { padding: 1_000_000 }))),
        number % 2,
      ),
    )
    await harness.run(Promise.all(calls))
    expect(harness.count('put')).toBeGreaterThan(3)
    expect(await valuesOf(0)).toEqual([0, 2, 4, 6, 8, 10].flatMap(n => [`${n}.0`, `${n}.1`, `${n}.2`]))
    expect(await valuesOf(1)).toEqual([1, 3, 5, 7, 9, 11].flatMap(n => [`${n}.0`, `${n}.1`, `${n}.2`]))
    expect((await harness.verify()).findings).toEqual([])
  })
})

describe('a store in trouble', () => {
  test('is tried again until it works, and every record is there once', async () => {
    let failures = 0
    harness.around = async (method, _, call) => {
      const isWrite = method === 'append' || method === 'put'
      if (!isWrite || failures >= 30) return await call()
      failures += 1
      if (failures % 3 === 0) throw new NotApplied('throttled')
      if (failures % 3 === 1) throw new OutcomeUnknown('timed out before it began')
      await call()
      throw new OutcomeUnknown('timed out after it was done')
    }
    const calls = Array.from({ length: 30 }, (_, number) =>
      produce(batchOf([`${number}`], { padding: number % 2 ? 6_000 : 1 }), number % 2),
    )
    const produced = await harness.run(Promise.all(calls))
    expect(failures).toBeGreaterThan(2)
    for (const partition of [0, 1]) {
      const records = await harness.run(readAll(broker, { topic: 'tides', partition }))
      expect(records.map(({ value }) => value)).toEqual(
        Array.from({ length: 15 }, (_, round) => String(round * 2 + partition)),
      )
      for (const { offset, value } of records) expect(produced[Number(value)]!.baseOffset).toBe(offset)
    }
  })

  test('that does not answer in time leaves it open whether the records are there', async () => {
    harness.around = async (method, _, call) => {
      if (method === 'append') throw new OutcomeUnknown('timed out')
      return await call()
    }
    expect(await harness.errorOf(produce(batchOf(['a'])))).toMatchObject({
      kafkaName: 'REQUEST_TIMED_OUT',
      written: 'unknown',
      retriable: true,
    })
  })

  test('that refuses all the time has written nothing', async () => {
    harness.around = async (method, _, call) => {
      if (method === 'append' || method === 'put') throw new NotApplied('throttled')
      return await call()
    }
    for (const padding of [0, 10_000]) {
      expect(await harness.errorOf(produce(batchOf(['a'], { padding })))).toMatchObject({
        kafkaName: 'REQUEST_TIMED_OUT',
        written: 'no',
      })
    }
    harness.around = (_, __, call) => call()
    expect(await valuesOf()).toEqual([])
    expect(await harness.run(produce(batchOf(['b'])))).toMatchObject({ baseOffset: 0 })
  })
})

test('a call is answered by its deadline, however many wait before it', async () => {
  harness.around = async (method, _, call) => {
    if (method === 'put') throw new NotApplied('the object store is down')
    return await call()
  }
  const calls = Array.from({ length: 15 }, () =>
    produce(joined(Array.from({ length: 4 }, () => batchOf(['a'], { padding: 1_000_000 })))),
  )
  const results = await harness.run(Promise.allSettled(calls))
  for (const result of results) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { kafkaName: 'REQUEST_TIMED_OUT', written: 'no' },
    })
  }
  expect(harness.clock.nowMs()).toBeLessThanOrEqual(NOW_MS + PRODUCE_DEADLINE_MS)
})

describe('the limit of what is in flight', () => {
  test('is told to producers, who can come back when there is room', async () => {
    let release: () => void = () => {}
    const blocked = new Promise<void>(resolve => {
      release = resolve
    })
    harness.around = async (method, _, call) => {
      if (method === 'put') await blocked
      return await call()
    }
    const batches = () => joined([0, 1, 2].map(part => batchOf([`${part}`], { padding: 1_000_000 })))
    const bytes = batches().length
    const fits = Math.floor(PRODUCE_IN_FLIGHT_BYTES_MAX / bytes)
    const taken = Array.from({ length: fits }, () => produce(batches()))
    const refused = await harness.errorOf(produce(batches()))
    expect(refused).toMatchObject({ kafkaName: 'THROTTLING_QUOTA_EXCEEDED', retriable: true, written: 'no' })
    release()
    await harness.run(Promise.all(taken))
    expect(await harness.run(produce(batches()))).toMatchObject({ baseOffset: fits * 3 })
  })
})

describe('a broker that closes', () => {
  test('settles what it has taken and takes no more', async () => {
    const taken = Array.from({ length: 5 }, (_, number) => produce(batchOf([`${number}`])))
    const closing = broker.close()
    expect((await harness.errorOf(produce(batchOf(['late'])))).kafkaName).toBe('BROKER_NOT_AVAILABLE')
    await harness.run(closing)
    expect((await Promise.all(taken)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2, 3, 4])
    broker = harness.open()
    expect(await valuesOf()).toEqual(['0', '1', '2', '3', '4'])
  })
})
