/** What a step of the wall clock costs whoever writes, reads or waits. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import { flush } from '../../src/broker/settling/flush.ts'
import {
  FETCH_POLL_INTERVAL_MS,
  FLUSH_SCAN_INTERVAL_MS,
  PRODUCER_CLOCK_STEP_MS_MAX,
  PRODUCER_SILENT_MS_MAX,
  TOPIC_CACHE_MS,
} from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { batchOf, Harness, NOW_MS, readAll } from './harness.ts'

const HOUR_MS = 3_600_000
const STEPS_MS = [50_000, HOUR_MS, 25 * HOUR_MS].flatMap(stepMs => [-stepMs, stepMs])
const TIDES = { topic: 'tides', partition: 0 }

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
})

const sequenced = (sequence: number, value: string, producerId = 7n) =>
  new Uint8Array(
    encodeBatch([{ value: Buffer.from(value), timestampMs: NOW_MS - 2 * 25 * HOUR_MS }], {
      producerId,
      producerEpoch: 0,
      baseSequence: sequence,
    }),
  )
const send = (batches: Uint8Array, through = broker) => harness.run(through.produce({ ...TIDES, batches }))
const values = async () => (await harness.run(readAll(broker, TIDES))).map(({ value }) => value)

async function flushAll(): Promise<void> {
  const partition = await harness.partitionId('tides')
  const deadlineMs = harness.clock.monotonicMs() + 60_000
  await harness.run(flush(harness.ports, [{ partition, age: 'all' }], deadlineMs))
}

describe.each(STEPS_MS)('a step of %d ms', stepMs => {
  test('has idle polls answered when their time is over, and the others when something comes', async () => {
    const poll = (offset: number) =>
      broker.fetch({ ...TIDES, offset: toOffset(offset), minBytes: 1, maxWaitMs: 5_000 })
    const beganMs = harness.clock.monotonicMs()
    const idle = poll(0)
    harness.clock.sleep(1_000).then(() => harness.clock.stepWall(stepMs))
    expect((await harness.run(idle)).chunks).toEqual([])
    const tookMs = harness.clock.monotonicMs() - beganMs
    expect(tookMs).toBeGreaterThanOrEqual(5_000)
    expect(tookMs).toBeLessThanOrEqual(5_000 + FETCH_POLL_INTERVAL_MS)
    const waiting = poll(0)
    harness.clock.stepWall(-stepMs)
    await harness.pass(100)
    await harness.run(harness.open().produce({ ...TIDES, batches: batchOf(['a']) }))
    expect((await harness.run(waiting)).endOffset).toBe(1)
  })

  test('has a config that another process alters noticed in time', async () => {
    const other = harness.open()
    await send(batchOf(['x'.repeat(2_000)]))
    harness.clock.stepWall(stepMs)
    await harness.run(other.alterTopic({ topic: 'tides', set: { 'max.message.bytes': '1000' } }))
    await harness.pass(TOPIC_CACHE_MS)
    const refused = await harness.errorOf(broker.produce({ ...TIDES, batches: batchOf(['x'.repeat(2_000)]) }))
    expect(refused).toMatchObject({ kafkaName: 'MESSAGE_TOO_LARGE', written: 'no' })
  })

  test('ends no call before or behind its time', async () => {
    harness.around = (_, __, call) => {
      harness.clock.stepWall(stepMs)
      return call()
    }
    for (let count = 0; count < 20; count += 1) await send(batchOf([`${count}`]))
    harness.around = (_, __, call) => call()
    expect(await values()).toHaveLength(20)
  })

  test('leaves inline records no longer in the tail than a look through all heads takes', async () => {
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'flush.ms': '5000' } }))
    const flushing = harness.open({ flushes: 'in-background' })
    flushing.start()
    await send(batchOf(['a']), flushing)
    harness.clock.stepWall(stepMs)
    await send(batchOf(['b']), flushing)
    await harness.pass(FLUSH_SCAN_INTERVAL_MS + 10_000)
    const head = await harness.plain.index.readHead(await harness.partitionId('tides'))
    expect(head?.tail.filter(({ place }) => place.kind === 'inline')).toEqual([])
    await harness.run(flushing.close())
    expect(await values()).toEqual(['a', 'b'])
  })

  test.each(['in the head', 'flushed', 'out of the head'])(
    'leaves a producer recognized that is %s, by whoever serves it',
    async place => {
      await send(sequenced(0, 'a'))
      await send(sequenced(1, 'b'))
      if (place !== 'in the head') await flushAll()
      if (place === 'out of the head') await harness.pass(PRODUCER_SILENT_MS_MAX + 1)
      harness.clock.stepWall(stepMs)
      // Another producer, so that a flush has something to take the silent one out with.
      await send(sequenced(0, 'other', 8n))
      await flushAll()
      await send(sequenced(1, 'more', 8n))
      for (const through of [broker, harness.open()]) {
        expect(await send(sequenced(0, 'a'), through)).toMatchObject({ baseOffset: 0 })
        expect(await send(sequenced(1, 'b'), through)).toMatchObject({ baseOffset: 1 })
      }
      expect(await send(sequenced(2, 'c'))).toMatchObject({ baseOffset: 4 })
      expect(await values()).toEqual(['a', 'b', 'other', 'more', 'c'])
    },
  )
})

test('a record is not from the future because this process has had its clock set back', async () => {
  harness.clock.stepWall(-25 * HOUR_MS)
  await send(batchOf(['a']))
  const error = await harness.errorOf(harness.open().produce({ ...TIDES, batches: batchOf(['b']) }))
  expect(error).toMatchObject({ kafkaName: 'INVALID_TIMESTAMP', written: 'no' })
  harness.clock.stepWall(-25 * HOUR_MS)
  await send(batchOf(['c'], { timestampMs: NOW_MS + HOUR_MS }))
  const future = broker.produce({ ...TIDES, batches: batchOf(['d'], { timestampMs: NOW_MS + 2 * HOUR_MS }) })
  expect((await harness.errorOf(future)).kafkaName).toBe('INVALID_TIMESTAMP')
  expect(await values()).toEqual(['a', 'c'])
})

test('a producer is recognized within a day also where clocks were set ahead by all that they may', async () => {
  await send(sequenced(0, 'a'))
  harness.clock.stepWall(PRODUCER_CLOCK_STEP_MS_MAX)
  await send(sequenced(0, 'other', 8n))
  await flushAll()
  await harness.pass(24 * HOUR_MS - 1)
  await send(sequenced(1, 'more', 8n))
  await flushAll()
  const partition = await harness.partitionId('tides')
  expect(await harness.plain.index.readProducer(partition, 7n)).toMatchObject({ runs: [{ sequence: 0 }] })
  expect(await send(sequenced(0, 'a'), harness.open())).toMatchObject({ baseOffset: 0 })
  expect(await values()).toEqual(['a', 'other', 'more'])
})
