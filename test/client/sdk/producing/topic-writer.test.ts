import { randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Delivery } from '../../../../src/client/sdk/producing/partition-batches.ts'
import { Producer } from '../../../../src/client/sdk/producing/producer.ts'
import type { ProducerOptions, WriterOptions } from '../../../../src/client/sdk/producing/producer-options.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import type { RecordInput } from '../../../../src/core/record/index.ts'
import { openInMemory } from '../../../../src/embedded/embedded.ts'
import { ScriptedBroker } from '../../../cli/scripted-broker.ts'
import { stopClock, timed } from '../wound-clock.ts'

const RETRY = { initialRetryTime: 1, maxRetryTime: 2 }

/** A writer whose records are called by their numbers, and what it was told. */
async function openWriter(
  broker: ScriptedBroker,
  options: Partial<WriterOptions<number>> = {},
  producerOptions: ProducerOptions = {},
) {
  const deliveries: Delivery<number>[] = []
  const producer = new Producer(broker, { retry: RETRY, ...producerOptions })
  const writer = await producer.writer<number>({
    topic: 'tides',
    onSettled: delivery => deliveries.push(delivery),
    ...options,
  })
  return { writer, deliveries }
}

const record = (text: string): RecordInput => ({ value: Buffer.from(text), timestampMs: 1 })
const refused = new TidemarkError('TOPIC_AUTHORIZATION_FAILED', 'You may not.')

test('it is told once of each record where it is', async () => {
  const broker = new ScriptedBroker(3)
  const { writer, deliveries } = await openWriter(broker, { batchRecords: 7 })
  for (let number = 0; number < 1_000; number++) writer.write(record(`${number}`), number)
  await writer.flush()
  expect(deliveries.reduce((sum, { records }) => sum + records, 0)).toBe(1_000)
  for (const { partition, baseOffset, records, first, last, written } of deliveries) {
    expect(written).toBe('yes')
    const values = broker.values(partition).slice(baseOffset ?? 0, (baseOffset ?? 0) + records)
    expect([values[0], values.at(-1)]).toEqual([`${first}`, `${last}`])
  }
  const sent = broker.produced.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(deliveries.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(sent)
})

test('the batch that a record went into tells, too', async () => {
  const broker = new ScriptedBroker()
  const { writer } = await openWriter(broker, { batchRecords: 2 })
  const batches = [1, 2, 3].map(number => writer.write(record(`${number}`), number))
  expect(batches[0]).toBe(batches[1])
  await writer.flush()
  expect((await batches[2]!.written).baseOffset).toBe(2)
})

test('what gathers behind a call goes out together, and each batch hears its own place', async () => {
  const broker = new ScriptedBroker()
  let letGo = () => {}
  broker.beforeProduce = () => new Promise(resolve => (letGo = resolve))
  const { writer, deliveries } = await openWriter(broker, { batchRecords: 10 })
  const batches = Array.from({ length: 60 }, (_, number) => writer.write(record(`${number}`), number))
  broker.beforeProduce = async () => {}
  letGo()
  await writer.flush()
  expect(deliveries.map(({ first, last }) => [first, last])).toEqual([
    [0, 9],
    [10, 59],
  ])
  const offsets = await Promise.all(
    [...new Set(batches)].map(async batch => (await batch.written).baseOffset),
  )
  expect(offsets).toEqual([0, 10, 20, 30, 40, 50])
})

test('no more calls at the same time than it may, the longest waiting partition first', async () => {
  const broker = new ScriptedBroker(5)
  let running = 0
  let most = 0
  broker.beforeProduce = async () => {
    most = Math.max(most, ++running)
    await new Promise(resolve => setTimeout(resolve, 1))
    running--
  }
  const { writer } = await openWriter(broker, { callsMax: 2, batchRecords: 1 })
  for (let number = 0; number < 50; number++)
    writer.write(record('x'), number, { partition: 4 - (number % 5) })
  await writer.flush()
  expect(most).toBe(2)
  expect(broker.produced.slice(0, 5).map(({ partition }) => partition)).toEqual([4, 3, 2, 1, 0])
})

describe('a failure', () => {
  test('ends it where that is wanted, and each record is accounted for', async () => {
    const broker = new ScriptedBroker(2)
    const retries: string[] = []
    broker.beforeProduce = async ({ partition }) => {
      if (partition === 0) throw refused
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    const { writer, deliveries } = await openWriter(broker, {
      batchRecords: 10,
      stopsAtFailure: true,
      onRetry: ({ kafkaName }) => retries.push(kafkaName),
    })
    for (let number = 0; number < 55; number++)
      writer.write(record(`${number}`), number, { partition: number % 2 })
    await writer.flush()
    expect(writer.hasStopped).toBe(true)
    // The call to partition 1 was on its way, and was waited for; its other batches were not sent.
    const shown = deliveries.map(({ partition, records, written, isAbandoned }) => [
      partition,
      records,
      written,
      isAbandoned,
    ])
    expect(shown).toEqual([
      [0, 10, 'no', false],
      [0, 18, 'no', true],
      [1, 17, 'no', true],
      [1, 10, 'yes', false],
    ])
    expect(deliveries.slice(0, 3).every(({ error }) => error === refused)).toBe(true)
    expect(() => writer.write(record('x'), 55)).toThrow(refused)
    expect(broker.values(1)).toHaveLength(10)
    expect(retries).toEqual([])
  })

  test('leaves the others alone otherwise', async () => {
    const broker = new ScriptedBroker(2)
    broker.beforeProduce = async ({ partition }) => {
      if (partition === 0) throw refused
    }
    const { writer, deliveries } = await openWriter(broker)
    for (let number = 0; number < 20; number++)
      writer.write(record(`${number}`), number, { partition: number % 2 })
    await writer.flush()
    expect(deliveries.map(({ records, written }) => [records, written])).toEqual([
      [10, 'no'],
      [10, 'yes'],
    ])
    expect(writer.hasStopped).toBe(false)
  })

  test('is told as unknown when it is no answer of a broker', async () => {
    const broker = new ScriptedBroker()
    broker.beforeProduce = async () => {
      throw new TypeError('a bug')
    }
    const { writer, deliveries } = await openWriter(broker)
    writer.write(record('x'), 1)
    await writer.flush()
    expect(deliveries).toMatchObject([{ written: 'unknown', error: { message: 'a bug' }, first: 1, last: 1 }])
  })

  test('that another try can mend is told before that', async () => {
    const broker = new ScriptedBroker()
    let failures = 2
    broker.beforeProduce = async () => {
      if (failures-- > 0) throw new TidemarkError('NETWORK_EXCEPTION', 'Cut off.', 'unknown')
    }
    const retries: string[] = []
    const { writer, deliveries } = await openWriter(broker, {
      onRetry: ({ kafkaName }) => retries.push(kafkaName),
    })
    writer.write(record('x'), 1)
    await writer.flush()
    expect(retries).toEqual(['NETWORK_EXCEPTION', 'NETWORK_EXCEPTION'])
    expect(deliveries).toMatchObject([{ written: 'yes', records: 1 }])
  })
})

test('time in which a record only waits for others is no failure', async () => {
  stopClock()
  onTestFinished(() => void vi.useRealTimers())
  const broker = new ScriptedBroker()
  let refusals = 0
  broker.beforeProduce = async () => {
    // Each call takes two thirds of what one may take, and is refused once.
    await new Promise(resolve => setTimeout(resolve, 100))
    if (refusals++ % 2 === 0) throw new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'later')
  }
  const { writer, deliveries } = await openWriter(
    broker,
    { batchRecords: 1 },
    { deliveryTimeoutMs: 300, requestTimeout: 250, pendingBytesMax: 0 },
  )
  for (let number = 0; number < 6; number++) {
    writer.write(record('x'), number)
    writer.write({ ...record('x'), value: Buffer.alloc(1_000_000) }, number)
  }
  const { ms } = await timed(writer.flush())
  // Longer in all than any record may take.
  expect(ms).toBeGreaterThan(2 * 300)
  expect(deliveries.every(({ written }) => written === 'yes')).toBe(true)
})

describe('a record that is too large', () => {
  test('is refused at once, and changes nothing for the others', async () => {
    const broker = new ScriptedBroker()
    broker.maxMessageBytes = 1_000
    const { writer, deliveries } = await openWriter(broker, { stopsAtFailure: true, compression: 'zstd' })
    writer.write(record('before'), 1)
    const tooLarge = { value: randomBytes(1_500), timestampMs: 1 }
    expect(() => writer.write(tooLarge, 2)).toThrow(/takes 1000 \(max\.message\.bytes\)/)
    writer.write(record('after'), 3)
    // Compressed it is small enough.
    writer.write(record('x'.repeat(5_000)), 4)
    await writer.flush()
    expect(broker.values().map(value => value.slice(0, 6))).toEqual(['before', 'after', 'xxxxxx'])
    expect(deliveries.reduce((sum, { records }) => sum + records, 0)).toBe(3)
  })

  test('only by its bound is sent as it is', async () => {
    const broker = new ScriptedBroker()
    broker.maxMessageBytes = 1_000
    const { writer } = await openWriter(broker, { compression: 'gzip' })
    writer.write({ value: randomBytes(925), timestampMs: 1 }, 1)
    await writer.flush()
    expect(broker.produced[0]!.bytes).toBeLessThanOrEqual(1_000)
    expect(broker.produced[0]!.bytes).toBeGreaterThan(980)
  })
})

test('a topic that was made again with fewer partitions is written to', async () => {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  const producer = new Producer(broker, { retry: RETRY, metadataMaxAge: 0 })
  await broker.createTopic({ topic: 'tides', partitions: 20 })
  for (let round = 0; round < 5; round++) await producer.send({ topic: 'tides', messages: [{ value: 'x' }] })
  await broker.deleteTopic('tides')
  await broker.createTopic({ topic: 'tides', partitions: 1 })
  const [sent] = await producer.send({ topic: 'tides', messages: [{ value: 'x' }] })
  expect(sent).toMatchObject({ partition: 0 })
})
