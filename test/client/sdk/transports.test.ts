import { describe, expect, onTestFinished, test } from 'vitest'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import { Tidemark } from '../../../src/client/sdk/tidemark.ts'
import type { Fetch, Produce } from '../../../src/contract/broker.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { seededRandom } from '../../cli/seeded-random.ts'
import { serveBroker } from '../../contract/http/served-broker.ts'
import { bent, until } from './consuming/group-of-consumers.ts'

const RECORDS = 400
const WAVE = 20
const PARTITIONS = 4

test('over HTTP, with a tenth of all answers lost, everything is there once, and two members share it', async () => {
  const served = await serveBroker()
  onTestFinished(() => served.close())
  const random = seededRandom(5)
  const http = new HttpBroker({ url: served.url })
  let lost = 0
  const lose = <T>(answer: T): T => {
    if (random() >= 0.1) return answer
    lost++
    throw new TidemarkError('NETWORK_EXCEPTION', 'the answer was lost', 'unknown')
  }
  const lossy = bent(http, broker => ({
    produce: async (request: Produce) => lose(await broker.produce(request)),
    heartbeat: async request => lose(await broker.heartbeat(request)),
    commitOffsets: async request => lose(await broker.commitOffsets(request)),
    fetch: async (request: Fetch) => lose(await broker.fetch(request)),
  }))
  const tidemark = new Tidemark({ broker: lossy, retry: { initialRetryTime: 2, maxRetryTime: 20 } })
  await tidemark.admin().createTopics({ topics: [{ topic: 'tides', numPartitions: PARTITIONS }] })

  const got: string[] = []
  for (const name of ['a', 'b']) {
    const consumer = tidemark.consumer({ groupId: 'gauges', heartbeatInterval: 50, maxWaitTimeInMs: 200 })
    onTestFinished(() => consumer.disconnect())
    await consumer.subscribe({ topic: 'tides', fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        got.push(`${name} ${message.value?.toString()}`)
      },
    })
  }
  const producer = tidemark.producer({ batchBytes: 400, lingerMs: 0 })
  // In waves: what is sent while a call is on its way goes out together, and has one answer to lose.
  for (let from = 0; from < RECORDS; from += WAVE) {
    await Promise.all(
      Array.from({ length: WAVE }, (_, index) =>
        producer.send({ topic: 'tides', messages: [{ key: `k${index}`, value: `${from + index}` }] }),
      ),
    )
  }
  const texts = () => new Set(got.map(each => each.slice(2)))
  await until(() => texts().size === RECORDS)
  expect(lost).toBeGreaterThan(3)
  const ends = await tidemark.admin().fetchTopicOffsets('tides')
  expect(ends.reduce((sum, { high }) => sum + Number(high), 0)).toBe(RECORDS)
})

describe('located', () => {
  test('bytes are read where they lie, and from the broker where it has no URLs', async () => {
    const served = await serveBroker()
    onTestFinished(() => served.close())
    const http = new HttpBroker({ url: served.url })
    const calls = { fetch: 0, locate: 0 }
    for (const canLocate of [true, false]) {
      const broker = bent(http, each => ({
        fetch: async request => {
          calls.fetch++
          return each.fetch(request)
        },
        locate: async request => {
          calls.locate++
          if (canLocate) return each.locate(request)
          throw new TidemarkError('INVALID_REQUEST', 'This broker has no URLs.')
        },
      }))
      const tidemark = new Tidemark({ broker })
      await tidemark.admin().createTopics({ topics: [{ topic: 'tides' }] })
      const producer = tidemark.producer()
      await producer.send({ topic: 'tides', messages: Array(500).fill({ value: 'x'.repeat(100) }) })
      const consumer = tidemark.consumer({
        groupId: `located ${canLocate}`,
        located: true,
        maxWaitTimeInMs: 100,
      })
      await consumer.subscribe({ topic: 'tides', fromBeginning: true })
      let records = 0
      for await (const { value } of consumer) {
        expect(value).toHaveLength(100)
        records++
        if (records === 500) break
      }
      if (canLocate) expect(calls.fetch).toBe(0)
      else expect(calls.fetch).toBeGreaterThan(0)
    }
    expect(calls.locate).toBeGreaterThan(1)
  })

  test('they may be read from any record of what was written together', async () => {
    const served = await serveBroker()
    onTestFinished(() => served.close())
    const http = new HttpBroker({ url: served.url })
    await http.createTopic({ topic: 'tides' })
    const batches = Buffer.concat(
      [0, 1, 2, 3].map(number =>
        encodeBatch([{ value: Buffer.alloc(30_000, String(number)) }], { nowMs: 1 }),
      ),
    )
    await http.produce({ topic: 'tides', partition: 0, batches })
    const consumer = new Tidemark({ broker: http }).consumer({ located: true, maxWaitTimeInMs: 100 })
    const outages: unknown[] = []
    consumer.on(consumer.events.OUTAGE, ({ payload }) => outages.push(payload.error))
    consumer.assign([{ topic: 'tides', partition: 0, offset: '2' }])
    const got: string[] = []
    const stopOffsets = [{ topic: 'tides', partition: 0, offset: '4' }]
    for await (const { value } of consumer.records({ stopOffsets })) got.push(String(value![0]! - 48))
    expect(got).toEqual(['2', '3'])
    expect(outages).toEqual([])
  })
})
