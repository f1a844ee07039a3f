import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { HttpBroker } from '../../../../src/client/http-broker.ts'
import { Tidemark } from '../../../../src/client/sdk/tidemark.ts'
import type { FetchedMany, FetchMany } from '../../../../src/contract/broker.ts'
import { FETCH_PARTITIONS_MAX } from '../../../../src/core/limits.ts'
import { serveBroker } from '../../../contract/http/served-broker.ts'
import { type AnyBroker, numbers, openTides, until, writeNumbers } from './group-of-consumers.ts'

const PARTITIONS = 50

/** What a consumer asks for, and how many of its requests are under way at the same time. */
class Requests {
  readonly asked: FetchMany[] = []
  readonly answers: FetchedMany[] = []
  underWay = 0
  most = 0
  singles = 0

  watch(broker: AnyBroker): AnyBroker {
    const ask = async (request: FetchMany, call: never) => {
      this.asked.push(request)
      this.underWay += 1
      this.most = Math.max(this.most, this.underWay)
      try {
        const answer = await broker.fetchMany(request, call)
        this.answers.push(answer)
        return answer
      } finally {
        this.underWay -= 1
      }
    }
    const single = () => {
      this.singles += 1
      throw new Error('one partition was asked for alone')
    }
    return new Proxy(broker, {
      get(target, name) {
        if (name === 'fetchMany') return ask
        if (name === 'fetch') return single
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  }
}

test('a consumer of fifty partitions has one request under way, and gets all that comes', async () => {
  const requests = new Requests()
  const { tidemark, consumer } = await openTides(PARTITIONS, broker => requests.watch(broker))
  const reader = consumer({ maxWaitTimeInMs: 20_000 })
  const got: string[] = []
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({
    partitionsConsumedConcurrently: 5,
    eachMessage: async ({ message }) => void got.push(String(message.value)),
  })
  for (let index = 0; index < 5; index++) {
    await writeNumbers(tidemark, PARTITIONS, 20, index * 20)
    await sleep(20)
  }
  await until(() => got.length === PARTITIONS * 100)
  expect(got.toSorted()).toEqual(numbers(PARTITIONS, 100).toSorted())
  expect([requests.most, requests.singles]).toEqual([1, 0])
  // While nothing comes, it waits for all of them, and that is all.
  await until(() => requests.asked.at(-1)?.partitions.length === PARTITIONS)
  const before = requests.asked.length
  await sleep(300)
  expect([requests.underWay, requests.asked.length]).toEqual([1, before])
})

test('the same over HTTP', async () => {
  const served = await serveBroker()
  onTestFinished(() => served.close())
  const requests = new Requests()
  const tidemark = new Tidemark({ broker: requests.watch(new HttpBroker({ url: served.url })) })
  await tidemark.admin().createTopics({ topics: [{ topic: 'tides', numPartitions: PARTITIONS }] })
  const reader = tidemark.consumer({ groupId: 'gauges', maxWaitTimeInMs: 20_000 })
  onTestFinished(() => reader.disconnect())
  const got: string[] = []
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async ({ message }) => void got.push(String(message.value)) })
  await writeNumbers(tidemark, PARTITIONS, 10)
  await until(() => got.length === PARTITIONS * 10)
  expect(got.toSorted()).toEqual(numbers(PARTITIONS, 10).toSorted())
  expect([requests.most, requests.singles]).toEqual([1, 0])
})

test('of more partitions than a request takes, all have their turn although nothing comes of the first ones', async () => {
  const { tidemark, consumer } = await openTides(FETCH_PARTITIONS_MAX + 200)
  const last = FETCH_PARTITIONS_MAX + 199
  const reader = consumer()
  const got: string[] = []
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async ({ message }) => void got.push(String(message.value)) })
  await until(() => reader.assignment().length === last + 1)
  const producer = tidemark.producer()
  onTestFinished(() => producer.disconnect())
  for (const value of ['a', 'b']) {
    await producer.send({ topic: 'tides', messages: [{ partition: last, value }] })
    await until(() => got.includes(value))
  }
})

test('no partition is passed over while another is served twice', async () => {
  const requests = new Requests()
  const { tidemark, consumer } = await openTides(10, broker => requests.watch(broker))
  for (let index = 0; index < 40; index++) await writeNumbers(tidemark, 10, 5, index * 5)
  const reader = consumer({ groupId: 'fair', maxBytes: 20_000, maxBytesPerPartition: 2_000 })
  let left = 10 * 200
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async () => void left-- })
  await until(() => left === 0)
  const passedOver = new Map<number, number>()
  for (const { partitions } of requests.answers) {
    for (const answer of partitions) {
      if ('error' in answer) throw answer.error
      const isPassedOver = answer.chunks.length === 0 && answer.nextOffset < answer.endOffset
      const times = isPassedOver ? (passedOver.get(answer.partition) ?? 0) + 1 : 0
      passedOver.set(answer.partition, times)
      expect(times).toBeLessThan(10)
    }
  }
})

test('a partition that has run dry ends no request that brings what is known to be there', async () => {
  const answered: boolean[] = []
  const slow = (broker: AnyBroker): AnyBroker => {
    const ask = async (request: FetchMany, call: never) => {
      const answer = await broker.fetchMany(request, call)
      // So long that what was delivered meanwhile is all there was.
      await sleep(5)
      answered.push(request.signal?.aborted !== true)
      return answer
    }
    return new Proxy(broker, {
      get(target, name) {
        const member: unknown = name === 'fetchMany' ? ask : Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  }
  const { tidemark, consumer } = await openTides(6, slow)
  for (let index = 0; index < 10; index++) await writeNumbers(tidemark, 6, 20, index * 20)
  const reader = consumer({ maxRecords: 10, maxBytesPerPartition: 300, maxWaitTimeInMs: 20_000 })
  let left = 6 * 200
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({
    eachMessage: async () => {
      left -= 1
      if (left % 10 === 0) await sleep(1)
    },
  })
  await until(() => left === 0)
  // Before the first answers, nobody knows what there is.
  expect(answered.slice(2, 10)).toEqual(Array(8).fill(true))
})

test('what has as much as it shall have is left out, and the others are asked for', async () => {
  const requests = new Requests()
  const { tidemark, consumer } = await openTides(3, broker => requests.watch(broker))
  await writeNumbers(tidemark, 3, 50)
  const reader = consumer({ maxRecords: 30, maxWaitTimeInMs: 20_000 })
  const got: string[] = []
  let goOn = () => {}
  const stuck = new Promise<void>(resolve => {
    goOn = resolve
  })
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({
    partitionsConsumedConcurrently: 3,
    eachMessage: async ({ partition, message }) => {
      if (partition === 1) await stuck
      got.push(String(message.value))
    },
  })
  await until(() => got.length === 100)
  for (let index = 50; index < 60; index++) {
    await writeNumbers(tidemark, 3, 1, index)
    await until(() => got.length === 100 + 2 * (index - 49))
  }
  // Its handler holds up nobody, and nothing more is fetched for it.
  const last = requests.asked.at(-1)!.partitions.map(({ partition }) => partition)
  expect(last.toSorted()).toEqual([0, 2])
  goOn()
  await until(() => got.length === 180)
  expect(requests.most).toBe(1)
})

test('a partition that is sent elsewhere, is resumed or comes later does not wait for what the others wait for', async () => {
  const requests = new Requests()
  const { tidemark, consumer } = await openTides(2, broker => requests.watch(broker))
  await writeNumbers(tidemark, 2, 3)
  const reader = consumer({ maxWaitTimeInMs: 30_000, groupId: undefined as never, metadataMaxAge: 20 })
  reader.assign(
    [0, 1].map(partition => ({ topic: 'tides', partition, offset: '3' })),
    { follow: true },
  )
  const got: string[] = []
  await reader.run({ eachMessage: async ({ message }) => void got.push(String(message.value)) })
  await until(() => requests.underWay === 1)
  reader.seek({ topic: 'tides', partition: 0, offset: '1' })
  await until(() => got.length === 2)
  expect(got).toEqual(['0-1', '0-2'])
  reader.pause([{ topic: 'tides', partitions: [1] }])
  await until(() => requests.underWay === 1)
  await writeNumbers(tidemark, 2, 1, 3)
  await until(() => got.includes('0-3'))
  reader.resume([{ topic: 'tides', partitions: [1] }])
  await until(() => got.includes('1-3'))
  await tidemark.admin().createPartitions({ topicPartitions: [{ topic: 'tides', count: 3 }] })
  await writeNumbers(tidemark, 3, 1, 4)
  await until(() => got.includes('2-4'))
  expect(requests.most).toBe(1)
})

test('a request is let go with the consumer', async () => {
  const requests = new Requests()
  const { consumer } = await openTides(5, broker => requests.watch(broker))
  const reader = consumer({ maxWaitTimeInMs: 30_000 })
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async () => {} })
  await until(() => requests.underWay === 1)
  await reader.disconnect()
  await until(() => requests.underWay === 0)
})
