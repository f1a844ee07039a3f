import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { pause } from '../../../../src/client/pause.ts'
import type { Message } from '../../../../src/client/sdk/messages.ts'
import { Producer } from '../../../../src/client/sdk/producing/producer.ts'
import type { ProducerOptions } from '../../../../src/client/sdk/producing/producer-options.ts'
import type { Broker, Produce, Produced } from '../../../../src/contract/broker.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { decodeBatches, type LogRecord } from '../../../../src/core/record/index.ts'
import { partitionForKey } from '../../../../src/core/topic/partitioner.ts'
import { openInMemory } from '../../../../src/embedded/embedded.ts'
import { seededRandom } from '../../../cli/seeded-random.ts'
import { stopClock, timed } from '../wound-clock.ts'

const FAST_RETRY = { initialRetryTime: 1, maxRetryTime: 5 }

async function tides({
  partitions = 1,
  configs = {},
}: {
  partitions?: number
  configs?: Record<string, string>
} = {}) {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  await broker.createTopic({ topic: 'tides', partitions, configs })
  return broker
}

/** A broker whose produce calls a test can bend. */
function bent<B extends Broker>(
  broker: B,
  produce: (request: Produce, next: (request: Produce) => Promise<Produced>) => Promise<Produced>,
): B {
  return new Proxy(broker, {
    get(target, name) {
      if (name === 'produce') return (request: Produce) => produce(request, each => target.produce(each))
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function recordsOf(broker: Broker, partition = 0): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (let offset = toOffset(0); ; ) {
    const fetched = await broker.fetch({ topic: 'tides', partition, offset })
    records.push(...fetched.chunks.flatMap(decodeBatches))
    if (fetched.nextOffset === offset) return records
    offset = fetched.nextOffset
  }
}

const textsOf = async (broker: Broker, partition = 0) =>
  (await recordsOf(broker, partition)).map(({ value }) => Buffer.from(value ?? []).toString())

async function producerOf(broker: Broker, options: ProducerOptions = {}) {
  const producer = new Producer(broker, { retry: FAST_RETRY, ...options })
  await producer.connect()
  return producer
}

test('a message arrives as it was sent', async () => {
  const broker = await tides()
  const producer = await producerOf(broker)
  const sent = await producer.send({
    topic: 'tides',
    messages: [
      {
        key: 'dover',
        value: 'ebb',
        headers: { unit: 'm', by: ['a', Buffer.from('b'), null], none: null, empty: '', left: undefined },
        timestamp: '1700000000000',
      },
      { key: Buffer.from([0, 255]), value: null },
    ],
  })
  expect(sent).toEqual([
    {
      topicName: 'tides',
      partition: 0,
      errorCode: 0,
      baseOffset: '0',
      logAppendTime: '-1',
      logStartOffset: '0',
    },
  ])
  const [first, second] = await recordsOf(broker)
  expect(Buffer.from(first?.key ?? []).toString()).toBe('dover')
  expect(first?.timestampMs).toBe(1_700_000_000_000)
  expect(first?.headers.map(({ key, value }) => [key, value && Buffer.from(value).toString()])).toEqual([
    ['unit', 'm'],
    ['by', 'a'],
    ['by', 'b'],
    ['by', null],
    ['none', null],
    ['empty', ''],
  ])
  expect([...(second?.key ?? [])]).toEqual([0, 255])
  expect(second?.value).toBeNull()
})

test('sends at the same time share batches, and each hears its own offset', async () => {
  const broker = await tides()
  let calls = 0
  const producer = await producerOf(
    bent(broker, (request, next) => {
      calls++
      return next(request)
    }),
  )
  const sent = await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      producer.send({ topic: 'tides', messages: [{ value: `${index}` }] }),
    ),
  )
  expect(sent.map(([metadata]) => metadata?.baseOffset)).toEqual(
    Array.from({ length: 500 }, (_, index) => `${index}`),
  )
  expect(await textsOf(broker)).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`))
  expect(calls).toBeLessThan(5)
})

test('keys go where every Kafka client puts them; without a key, a batch stays together', async () => {
  const broker = await tides({ partitions: 5 })
  const producer = await producerOf(broker)
  const messages = Array.from({ length: 200 }, (_, index) => ({ key: `k${index}`, value: 'v' }))
  const sent = await producer.send({ topic: 'tides', messages })
  expect(sent.map(({ partition }) => partition).toSorted()).toEqual([0, 1, 2, 3, 4])
  for (let partition = 0; partition < 5; partition++) {
    for (const { key } of await recordsOf(broker, partition)) expect(partitionForKey(key!, 5)).toBe(partition)
  }
  expect(await producer.send({ topic: 'tides', messages: Array(50).fill({ value: 'x' }) })).toHaveLength(1)
  const used = new Set<number>()
  for (let round = 0; round < 40; round++) {
    for (const { partition } of await producer.send({ topic: 'tides', messages: [{ value: 'x' }] }))
      used.add(partition)
  }
  expect(used.size).toBe(5)
})

test('order is kept within a partition, whatever is retried', async () => {
  const broker = await tides()
  const random = seededRandom(7)
  const producer = await producerOf(
    bent(broker, async (request, next) => {
      await sleep(random() * 3)
      if (random() < 0.3) {
        // The bytes are the broker's until it answers.
        request.batches.fill(0)
        throw new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'later')
      }
      const produced = await next(request)
      if (random() < 0.3) throw new TidemarkError('NETWORK_EXCEPTION', 'the answer was lost', 'unknown')
      return produced
    }),
    { lingerMs: 0, batchBytes: 400 },
  )
  const sent = Array.from({ length: 300 }, (_, index) =>
    producer.send({ topic: 'tides', messages: [{ key: 'k', value: `${index}` }] }),
  )
  await Promise.all(sent)
  expect(await textsOf(broker)).toEqual(Array.from({ length: 300 }, (_, index) => `${index}`))
})

test('a tenth of all answers lost, and no record is there twice', async () => {
  const broker = await tides({ partitions: 3 })
  const random = seededRandom(11)
  let lost = 0
  const lossy = bent(broker, async (request, next) => {
    const produced = await next(request)
    if (random() >= 0.1) return produced
    lost++
    throw new TidemarkError('NETWORK_EXCEPTION', 'the answer was lost', 'unknown')
  })
  const producers = await Promise.all(
    Array.from({ length: 20 }, () => producerOf(lossy, { lingerMs: 0, batchBytes: 1_000 })),
  )
  await Promise.all(
    producers.map(async (producer, number) => {
      for (let round = 0; round < 20; round++) {
        await Promise.all(
          Array.from({ length: 10 }, (_, index) =>
            producer.send({
              topic: 'tides',
              messages: [{ key: `${number}`, value: `${number}-${round}-${index}` }],
            }),
          ),
        )
      }
    }),
  )
  const texts = (await Promise.all([0, 1, 2].map(partition => textsOf(broker, partition)))).flat()
  expect(lost).toBeGreaterThan(20)
  expect(texts).toHaveLength(4_000)
  expect(new Set(texts).size).toBe(4_000)
})

describe('what becomes of records that fail', () => {
  test('a refused batch leaves no gap behind', async () => {
    const broker = await tides()
    let refusals = 1
    const producer = await producerOf(
      bent(broker, async (request, next) => {
        if (refusals-- > 0) throw new TidemarkError('INVALID_RECORD', 'not this one')
        return next(request)
      }),
    )
    await expect(producer.send({ topic: 'tides', messages: [{ value: 'a' }] })).rejects.toMatchObject({
      kafkaName: 'INVALID_RECORD',
      written: 'no',
    })
    await producer.send({ topic: 'tides', messages: [{ value: 'b' }] })
    expect(await textsOf(broker)).toEqual(['b'])
  })

  test('at the deadline the error says that it is unknown, and what follows is taken', async () => {
    const broker = await tides({ partitions: 2 })
    let isLossy = false
    const producer = await producerOf(
      bent(broker, async (request, next) => {
        const produced = await next(request)
        if (isLossy) throw new TidemarkError('NETWORK_EXCEPTION', 'the answer was lost', 'unknown')
        return produced
      }),
      { deliveryTimeoutMs: 400, requestTimeout: 300 },
    )
    const send = (value: string, partition: number) =>
      producer.send({ topic: 'tides', messages: [{ value, partition }] })
    // What is loaded with the first one takes time of the real world.
    await send('first', 1)
    stopClock()
    onTestFinished(() => void vi.useRealTimers())
    isLossy = true
    expect(await timed(send('a', 0))).toMatchObject({ error: { written: 'unknown' } })
    isLossy = false
    expect(await timed(send('b', 0))).toMatchObject({ value: [{ baseOffset: '1' }] })
    vi.useRealTimers()
    expect(await textsOf(broker)).toEqual(['a', 'b'])
  })

  test('a broker that lost count takes the batch from a new producer', async () => {
    const broker = await tides()
    let refusals = 0
    const producer = await producerOf(
      bent(broker, async (request, next) => {
        if (refusals-- > 0) throw new TidemarkError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'a gap')
        return next(request)
      }),
    )
    await producer.send({ topic: 'tides', messages: [{ value: 'a' }] })
    refusals = 1
    await producer.send({ topic: 'tides', messages: [{ value: 'b' }] })
    await producer.send({ topic: 'tides', messages: [{ value: 'c' }] })
    expect(await textsOf(broker)).toEqual(['a', 'b', 'c'])
  })

  test('one topic that does not exist: the rest of the call may be in the log', async () => {
    const broker = await tides()
    const producer = await producerOf(broker)
    const topicMessages = [
      { topic: 'tides', messages: [{ value: 'a' }] },
      { topic: 'ebbs', messages: [{ value: 'b' }] },
    ]
    await expect(producer.sendBatch({ topicMessages })).rejects.toMatchObject({
      kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
      written: 'unknown',
    })
    await expect(producer.send({ topic: 'ebbs', messages: [{ value: 'b' }] })).rejects.toMatchObject({
      written: 'no',
    })
  })

  test('a topic is made where that is asked for', async () => {
    const broker = await tides()
    const producer = await producerOf(broker, { allowAutoTopicCreation: true })
    await producer.send({ topic: 'ebbs', messages: [{ value: 'b' }] })
    expect((await broker.listTopics()).map(({ topic }) => topic)).toEqual(['ebbs', 'tides'])
  })

  test('a record that is too large says so, and the others go', async () => {
    const broker = await tides({ configs: { 'max.message.bytes': '2000' } })
    const producer = await producerOf(broker)
    const tooLarge = producer.send({ topic: 'tides', messages: [{ value: 'x'.repeat(3_000) }] })
    const other = producer.send({ topic: 'tides', messages: [{ value: 'b' }] })
    await expect(tooLarge).rejects.toMatchObject({ kafkaName: 'MESSAGE_TOO_LARGE', written: 'no' })
    await other
    // Compressed it is small enough.
    await producer.send({ topic: 'tides', compression: 'gzip', messages: [{ value: 'x'.repeat(3_000) }] })
    expect((await textsOf(broker)).map(text => text.length)).toEqual([1, 3_000])
  })

  test('with acks 0 only the events tell', async () => {
    const broker = await tides()
    const producer = await producerOf(
      bent(broker, async () => {
        throw new TidemarkError('INVALID_RECORD', 'not this one')
      }),
    )
    const failures: unknown[] = []
    producer.on(producer.events.DELIVERY_FAILED, ({ payload }) => failures.push(payload))
    expect(await producer.send({ topic: 'tides', acks: 0, messages: [{ value: 'a' }] })).toEqual([])
    await producer.disconnect()
    expect(failures).toMatchObject([
      { topic: 'tides', partition: 0, records: 1, error: { kafkaName: 'INVALID_RECORD' } },
    ])
  })

  describe('with acks 0 the event tells of every failure, wherever it arises:', () => {
    const nobody = new Proxy({} as Broker, {
      get: () => async () => {
        throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
      },
    })
    const failing: [string, (broker: Broker) => Broker, ProducerOptions, Message[], object[]][] = [
      [
        'a topic that does not exist',
        broker => broker,
        {},
        [{ value: 'a' }, { value: 'b', partition: 1 }],
        [{ topic: 'ebbs', partition: null, records: 2, error: { kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' } }],
      ],
      [
        'a broker that is not there',
        () => nobody,
        { deliveryTimeoutMs: 50, requestTimeout: 45 },
        [{ value: 'a', partition: 0 }],
        [{ topic: 'ebbs', partition: 0, records: 1, error: { kafkaName: 'NETWORK_EXCEPTION' } }],
      ],
      [
        'a topic that cannot be made',
        broker =>
          new Proxy(broker, {
            get: (target, name) =>
              name === 'createTopic'
                ? async () => {
                    throw new TidemarkError('POLICY_VIOLATION', 'No more topics.')
                  }
                : Reflect.get(target, name).bind(target),
          }),
        { allowAutoTopicCreation: true },
        [{ value: 'a' }],
        [{ topic: 'ebbs', partition: null, records: 1, error: { kafkaName: 'POLICY_VIOLATION' } }],
      ],
      [
        'a partition that does not exist: what was before it is sent',
        broker => broker,
        { allowAutoTopicCreation: true },
        [{ value: 'a' }, { value: 'b', partition: 7 }, { value: 'c', partition: 7 }],
        [{ topic: 'ebbs', partition: 7, records: 2, error: { kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' } }],
      ],
      [
        'a partitioner that throws',
        broker => broker,
        {
          allowAutoTopicCreation: true,
          createPartitioner: () => () => {
            throw new Error('a bug')
          },
        },
        [{ value: 'a' }],
        [{ topic: 'ebbs', partition: null, records: 1, error: { message: 'a bug' } }],
      ],
      [
        'no room',
        broker =>
          bent(broker, async (request, next) => {
            await pause(200)
            return next(request)
          }),
        { allowAutoTopicCreation: true, pendingBytesMax: 1, deliveryTimeoutMs: 50, requestTimeout: 45 },
        [
          { value: 'a', partition: 0 },
          { value: 'b', partition: 0 },
        ],
        // The one that fills the room, and the one that waits for it: their time is up together.
        Array.from({ length: 2 }, () => ({
          ...{ topic: 'ebbs', partition: 0, records: 1 },
          error: { kafkaName: 'REQUEST_TIMED_OUT' },
        })),
      ],
    ]
    test.each(failing)('%s', async (_, bend, options, messages, expected) => {
      const producer = await producerOf(bend(await tides()), options)
      const failures: unknown[] = []
      producer.on(producer.events.DELIVERY_FAILED, ({ payload }) => failures.push(payload))
      // Where a time is to pass, no other one does: what happens meanwhile would be late on a busy machine.
      if (options.deliveryTimeoutMs !== undefined) stopClock()
      onTestFinished(() => void vi.useRealTimers())
      const send = producer
        .send({ topic: 'ebbs', acks: 0, messages })
        .then(sent => producer.disconnect().then(() => sent))
      if (options.deliveryTimeoutMs === undefined) expect(await send).toEqual([])
      else expect(await timed(send)).toMatchObject({ value: [] })
      expect(failures).toMatchObject(expected)
      expect(failures).toHaveLength(expected.length)
    })
  })

  test('a writer that nobody asks for the outcome tells by the event, too', async () => {
    const broker = await tides()
    const producer = await producerOf(
      bent(broker, async () => {
        throw new TidemarkError('INVALID_RECORD', 'not this one')
      }),
    )
    const failures: unknown[] = []
    producer.on(producer.events.DELIVERY_FAILED, ({ payload }) => failures.push(payload))
    const writer = await producer.writer({ topic: 'tides' })
    writer.write({ value: Buffer.from('a') }, undefined)
    await writer.flush()
    expect(failures).toMatchObject([{ topic: 'tides', partition: 0, records: 1 }])
  })
})

test('trouble that passes is told once, and again when it is over', async () => {
  const broker = await tides({ partitions: 2 })
  let failures = 4
  const failing = () => {
    if (failures-- > 0) throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
  }
  const producer = await producerOf(
    new Proxy(broker, {
      get: (target, name) => async (request: never) => {
        failing()
        return Reflect.get(target, name).call(target, request)
      },
    }),
  )
  const told: unknown[] = []
  producer.on(producer.events.OUTAGE, ({ payload: { error, ...payload } }) =>
    told.push([error.kafkaName, payload]),
  )
  producer.on(producer.events.OUTAGE_OVER, ({ payload: { duration, ...payload } }) => {
    expect(duration).toBeGreaterThan(0)
    told.push(['over', payload])
  })
  const send = () =>
    producer.send({ topic: 'tides', messages: [0, 1].map(partition => ({ partition, value: 'a' })) })
  await send()
  const describing = { during: 'describe', topic: 'tides' }
  expect(told).toEqual([
    ['NETWORK_EXCEPTION', describing],
    ['over', describing],
  ])
  failures = 6
  await send()
  expect(told.slice(2)).toEqual([
    ['NETWORK_EXCEPTION', expect.objectContaining({ during: 'produce', topic: 'tides' })],
    ['over', expect.objectContaining({ during: 'produce', topic: 'tides' })],
  ])
})

test('memory is bounded: a send waits until there is room', async () => {
  const broker = await tides()
  let open: (() => void) | undefined
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  const producer = await producerOf(
    bent(broker, async (request, next) => {
      await gate
      return next(request)
    }),
    { pendingBytesMax: 10_000, batchBytes: 2_000 },
  )
  const settled: number[] = []
  const sends = Array.from({ length: 40 }, (_, index) =>
    producer
      .send({ topic: 'tides', acks: index === 39 ? -1 : 0, messages: [{ value: 'x'.repeat(1_000) }] })
      .then(() => settled.push(index)),
  )
  await expect.poll(() => settled.length).toBeGreaterThan(5)
  await sleep(30)
  expect(settled.length).toBeLessThan(11)
  open?.()
  await Promise.all(sends)
  expect(await textsOf(broker)).toHaveLength(40)
})

test('disconnect sends what lingers, and then nothing is taken', async () => {
  const broker = await tides()
  const producer = await producerOf(broker, { lingerMs: 60_000 })
  const sent = producer.send({ topic: 'tides', messages: [{ value: 'a' }] })
  await producer.disconnect()
  await sent
  expect(await textsOf(broker)).toEqual(['a'])
  await expect(producer.send({ topic: 'tides', messages: [{ value: 'b' }] })).rejects.toMatchObject({
    kafkaName: 'INVALID_REQUEST',
  })
})

test.each(['gzip', 'snappy', 'lz4', 'zstd', 1, 4] as const)('compressed with %s', async compression => {
  const broker = await tides()
  const producer = await producerOf(broker)
  await producer.send({ topic: 'tides', compression, messages: Array(100).fill({ value: 'flow' }) })
  expect(await textsOf(broker)).toEqual(Array(100).fill('flow'))
})
