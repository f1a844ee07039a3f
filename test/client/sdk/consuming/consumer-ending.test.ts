/** What a consumer must not lose, at its end and where it is told of its topic late. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Tidemark } from '../../../../src/client/index.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { openInMemory } from '../../../../src/embedded/embedded.ts'

type Bend = (call: string, request: { partition?: number }) => Promise<void> | void

/** A topic `tides` of two partitions with ten records each, over a broker whose calls are bent. */
async function openTides(bend: Bend) {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  await broker.createTopic({ topic: 'tides', partitions: 2 })
  const bent = new Proxy(broker, {
    get(target, name) {
      const call: unknown = Reflect.get(target, name)
      if (typeof call !== 'function') return call
      return async (...given: unknown[]) => {
        await bend(String(name), given[0] as { partition?: number })
        return call.apply(target, given)
      }
    },
  })
  const producer = new Tidemark({ broker }).producer()
  const messages = Array.from({ length: 20 }, (_, index) => ({ value: `${index}`, partition: index % 2 }))
  await producer.send({ topic: 'tides', messages })
  await producer.disconnect()
  const committed = async () => {
    const offsets = await broker.fetchOffsets({ groupId: 'g' })
    return offsets.map(({ partition, offset }) => [partition, offset]).sort()
  }
  return { broker, tidemark: new Tidemark({ broker: bent }), committed }
}

test('a seek that nobody has made yet is committed at the end, with all else', async () => {
  // As any broker does that is not in this process, it takes its time.
  const { tidemark, committed } = await openTides(() => sleep(5))
  const consumer = tidemark.consumer({ groupId: 'g' })
  await consumer.subscribe({ topics: ['tides'], fromBeginning: true })
  let consumed = 0
  await consumer.run({
    autoCommitInterval: 60_000,
    eachMessage: async () => {
      consumed += 1
    },
  })
  await expect.poll(() => consumed).toBe(20)
  consumer.seek({ topic: 'tides', partition: 1, offset: '-2' })
  await consumer.stop()
  expect(await committed()).toEqual([
    [0, 10],
    [1, 0],
  ])
})

test('a seek whose end cannot be found holds up the commit of no other partition', async () => {
  let isAway = false
  const { tidemark, committed } = await openTides((call, { partition }) => {
    if (isAway && call === 'offsetFor' && partition === 1) {
      throw new TidemarkError('REQUEST_TIMED_OUT', 'The broker did not answer.', 'no')
    }
  })
  const consumer = tidemark.consumer({ groupId: 'g' })
  await consumer.subscribe({ topics: ['tides'], fromBeginning: true })
  let consumed = 0
  await consumer.run({
    autoCommitInterval: 50,
    eachMessage: async ({ partition }) => {
      consumed += 1
      if (consumed === 20) {
        isAway = true
        consumer.pause([{ topic: 'tides', partitions: [1] }])
        consumer.seek({ topic: 'tides', partition: 1, offset: '-1' })
      }
      expect([0, 1]).toContain(partition)
    },
  })
  await expect.poll(async () => (await committed()).find(([partition]) => partition === 0)).toEqual([0, 10])
  isAway = false
  await consumer.disconnect()
})

test('a consumer that is stopped while it begins anew after a crash stays stopped', async () => {
  const { tidemark } = await openTides(call => (call === 'leaveGroup' ? sleep(100) : undefined))
  const consumer = tidemark.consumer({ groupId: 'g', retry: { restartOnFailure: async () => true } })
  await consumer.subscribe({ topics: ['tides'], fromBeginning: true })
  const crashed = new Promise(resolve => consumer.on(consumer.events.CRASH, resolve))
  let stops = 0
  consumer.on(consumer.events.STOP, () => {
    stops += 1
  })
  await consumer.run({
    eachMessage: async () => {
      throw new TidemarkError('INVALID_RECORD', 'It cannot be used.', 'no', { retriable: false })
    },
  })
  await crashed
  await consumer.stop()
  expect(stops).toBe(1)
  await sleep(50)
  expect(consumer.assignment()).toEqual([])
})

test.each([true, false])(
  'whoever is asked about a restart and fails has said no (retriable: %s)',
  async retriable => {
    const { tidemark } = await openTides(() => {})
    const restartOnFailure = async () => {
      throw new Error('it does not know')
    }
    const retry = { restartOnFailure, retries: 0, initialRetryTime: 1 }
    const consumer = tidemark.consumer({ groupId: 'g', retry })
    await consumer.subscribe({ topics: ['tides'], fromBeginning: true })
    const crashed = new Promise<{ payload: { error: Error; restart: boolean } }>(resolve =>
      consumer.on(consumer.events.CRASH, resolve as never),
    )
    await consumer.run({
      eachMessage: async () => {
        throw Object.assign(new Error('no room for it'), { retriable })
      },
    })
    const { payload } = await crashed
    expect([payload.error.message, payload.restart]).toEqual(['no room for it', false])
    await consumer.stop()
  },
)

test('a topic that is made anew is not read as the old one, although the first look at it failed', async () => {
  let looks = 0
  const { broker, tidemark } = await openTides(call => {
    if (call !== 'describeTopic') return
    looks += 1
    if (looks === 1) throw new TidemarkError('REQUEST_TIMED_OUT', 'The broker did not answer.', 'no')
  })
  const consumer = tidemark.consumer({ maxWaitTimeInMs: 50 })
  consumer.assign([{ topic: 'tides', partition: 0, offset: '0' }])
  const values: string[] = []
  await consumer.run({
    eachMessage: async ({ message }) => {
      values.push(String(message.value))
    },
  })
  await expect.poll(() => values.length).toBe(10)
  await expect.poll(() => looks).toBe(2)
  // A fetch that waits does not name the topic yet.
  await sleep(300)
  const ended = consumer.finished().then(
    () => undefined,
    (error: TidemarkError) => error.kafkaName,
  )
  await broker.deleteTopic('tides')
  await broker.createTopic({ topic: 'tides' })
  const producer = new Tidemark({ broker }).producer()
  await producer.send({ topic: 'tides', messages: Array.from({ length: 12 }, () => ({ value: 'new' })) })
  await producer.disconnect()
  expect(await ended).toMatch(/^UNKNOWN_TOPIC_(?:ID|OR_PARTITION)$/)
  expect(values).not.toContain('new')
})
