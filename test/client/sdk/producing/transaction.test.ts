import { describe, expect, onTestFinished, test } from 'vitest'
import { Kafka, logLevel } from '../../../../src/client/kafkajs/index.ts'
import { Tidemark } from '../../../../src/client/sdk/tidemark.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { TRANSACTION_GATHERED_BYTES_MAX } from '../../../../src/core/limits.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { openInMemory } from '../../../../src/embedded/embedded.ts'
import { recordsIn } from '../../../broker/harness.ts'

type Called = { name: string; given: unknown[] }

/** A broker in memory whose calls are noted, and may fail: before they are made, or after. */
async function open(partitions = 2) {
  const { broker: own, close } = openInMemory()
  onTestFinished(close)
  const calls: Called[] = []
  const around: { fail?: (name: string) => 'before' | 'after' | undefined } = {}
  const broker = new Proxy(own, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...given: unknown[]) => {
        calls.push({ name: String(name), given })
        const when = around.fail?.(String(name))
        const lost = new TidemarkError('REQUEST_TIMED_OUT', 'lost', 'unknown')
        if (when === 'before') throw lost
        const answer: unknown = await value.apply(target, given)
        if (when === 'after') throw lost
        return answer
      }
    },
  })
  await own.createTopic({ topic: 'orders', partitions })
  await own.createTopic({ topic: 'input' })
  const tidemark = new Tidemark({ broker, retry: { initialRetryTime: 1, maxRetryTime: 5 } })
  const values = async (partition: number) => {
    const { chunks } = await own.fetch({
      topic: 'orders',
      partition,
      offset: toOffset(0),
      maxBytes: 16 * 2 ** 20,
    })
    return recordsIn(chunks).map(({ value }) => value)
  }
  const named = () => calls.map(({ name }) => name).filter(name => name !== 'describeTopic')
  return { own, broker, tidemark, calls, named, around, values }
}

function sent(value: string, partition = 0) {
  return { topic: 'orders', messages: [{ value, partition }] }
}

async function errorOf(call: Promise<unknown>): Promise<TidemarkError> {
  const error = await call.then(
    () => undefined,
    thrown => thrown,
  )
  if (error instanceof TidemarkError) return error
  throw new Error('it did not fail as it should')
}

describe('a transaction', () => {
  test('that is small takes one request, and tells where its records are once it is committed', async () => {
    const { tidemark, named, own, values } = await open()
    const producer = tidemark.producer({ transactionalId: 'billing' })
    for (const number of [0, 1]) {
      const transaction = await producer.transaction()
      expect(await transaction.send(sent(`a${number}`))).toMatchObject([{ partition: 0, baseOffset: '-1' }])
      await transaction.sendBatch({ topicMessages: [sent(`b${number}`, 1), sent(`c${number}`)] })
      await transaction.sendOffsets({
        consumerGroupId: 'readers',
        topics: [{ topic: 'input', partitions: [{ partition: 0, offset: String(5 + number) }] }],
      })
      expect(await values(0)).toEqual(number === 0 ? [] : ['a0', 'c0'])
      expect(await transaction.commit()).toEqual([
        { topic: 'orders', partition: 0, baseOffset: String(2 * number), records: 2 },
        { topic: 'orders', partition: 1, baseOffset: String(number), records: 1 },
      ])
      expect(transaction.isActive()).toBe(false)
    }
    expect(named()).toEqual(['initProducer', 'endTransaction', 'endTransaction'])
    expect(await values(0)).toEqual(['a0', 'c0', 'a1', 'c1'])
    expect(await own.fetchOffsets({ groupId: 'readers' })).toMatchObject([{ topic: 'input', offset: 6 }])
  })

  test('that is aborted leaves nothing, whether anything was shipped or not', async () => {
    const { tidemark, named, values } = await open()
    const producer = tidemark.producer({ transactionalId: 'billing' })
    const small = await producer.transaction()
    await small.send(sent('dropped'))
    await small.abort()
    expect(named()).toEqual(['initProducer'])
    const large = await producer.transaction()
    const half = 'x'.repeat(TRANSACTION_GATHERED_BYTES_MAX / 2)
    for (let count = 0; count < 3; count += 1) await large.send(sent(half))
    await large.abort()
    expect(named()).toContain('stage')
    const last = await producer.transaction()
    await last.send(sent('kept'))
    await last.commit()
    expect(await values(0)).toEqual(['kept'])
  })

  test('that is large goes in several requests, and is read as a whole', async () => {
    const { tidemark, named, values } = await open()
    const transaction = await tidemark.producer({ transactionalId: 'billing' }).transaction()
    const half = 'x'.repeat(TRANSACTION_GATHERED_BYTES_MAX / 2)
    await Promise.all(Array.from({ length: 7 }, () => transaction.send(sent(half))))
    expect(await values(0)).toEqual([])
    await transaction.commit()
    expect(await values(0)).toHaveLength(7)
    expect(named().filter(name => name === 'stage').length).toBeGreaterThan(0)
  })

  test.each(['before', 'after'] as const)('is committed once though answers are lost %s', async when => {
    const { tidemark, around, values } = await open()
    const producer = tidemark.producer({ transactionalId: 'billing' })
    const failed = new Set<string>()
    around.fail = name => {
      if (name === 'describeTopic' || failed.has(name)) return undefined
      failed.add(name)
      return when
    }
    const transaction = await producer.transaction()
    await transaction.send(sent('once'))
    await transaction.commit()
    expect([...failed]).toEqual(['initProducer', 'endTransaction'])
    expect(await values(0)).toEqual(['once'])
  })

  test('of which nobody knows whether it was committed is not followed by another before somebody has looked', async () => {
    const { broker, around, values } = await open()
    const tidemark = new Tidemark({ broker, retry: { initialRetryTime: 1, maxRetryTime: 5 } })
    const options = { lingerMs: 0, deliveryTimeoutMs: 200, requestTimeout: 100 }
    const producer = tidemark.producer({ transactionalId: 'billing', ...options })
    const lost = await producer.transaction()
    await lost.send(sent('once'))
    around.fail = name => (name === 'endTransaction' ? 'after' : undefined)
    expect(await errorOf(lost.commit())).toMatchObject({ written: 'unknown' })
    around.fail = () => undefined
    expect((await errorOf(producer.transaction())).kafkaName).toBe('INVALID_TXN_STATE')
    await producer.connect()
    const next = await producer.transaction()
    await next.send(sent('after that'))
    await next.commit()
    expect(await values(0)).toEqual(['once', 'after that'])
  })

  test('that is refused in part after something was shipped keeps no later one from being committed', async () => {
    const { tidemark, own } = await open()
    await own.createTopic({ topic: 'latest', partitions: 1, configs: { 'cleanup.policy': 'compact' } })
    const producer = tidemark.producer({ transactionalId: 'billing' })
    const commitOf = async (key: string | null, padding = 0) => {
      const transaction = await producer.transaction()
      for (let left = padding; left > 0; left -= 600_000) await transaction.send(sent('x'.repeat(600_000)))
      await transaction.send({ topic: 'latest', messages: [{ key, value: 'a' }] })
      return await transaction.commit()
    }
    await commitOf('dover')
    expect(await errorOf(commitOf(null, 1_200_000))).toMatchObject({ kafkaName: 'INVALID_RECORD' })
    expect(await commitOf('brest')).toMatchObject([{ topic: 'latest', baseOffset: '1', records: 1 }])
  })

  test('with nothing in it costs nothing, and there is one at a time', async () => {
    const { tidemark, named } = await open()
    const producer = tidemark.producer({ transactionalId: 'billing' })
    const empty = await producer.transaction()
    expect((await errorOf(producer.transaction())).kafkaName).toBe('INVALID_TXN_STATE')
    expect(await empty.commit()).toEqual([])
    expect((await errorOf(empty.send(sent('late')))).kafkaName).toBe('INVALID_TXN_STATE')
    await (await producer.transaction()).abort()
    expect(named()).toEqual(['initProducer'])
  })

  test('whose producer was replaced is not committed, and the next one says so too', async () => {
    const { tidemark, values } = await open()
    const old = tidemark.producer({ transactionalId: 'billing' })
    const left = await old.transaction()
    await left.send(sent('left'))
    const next = await tidemark.producer({ transactionalId: 'billing' }).transaction()
    await next.send(sent('next'))
    await next.commit()
    expect((await errorOf(left.commit())).kafkaName).toMatch(/PRODUCER_FENCED|INVALID_PRODUCER_EPOCH/)
    expect((await errorOf(old.transaction())).kafkaName).toBe('PRODUCER_FENCED')
    expect(await values(0)).toEqual(['next'])
  })

  test('commits what a member has read under its ownership', async () => {
    const { tidemark, own, values } = await open()
    await tidemark.producer().send({ topic: 'input', messages: [{ value: 'one' }, { value: 'two' }] })
    const consumer = tidemark.consumer({ groupId: 'readers', heartbeatInterval: 50 })
    const producer = tidemark.producer({ transactionalId: 'billing' })
    await consumer.subscribe({ topic: 'input', fromBeginning: true })
    const done = new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ topic, partition, message }) => {
            const transaction = await producer.transaction()
            await transaction.send(sent(`${message.value} carried`))
            const offset = String(Number(message.offset) + 1)
            const topics = [{ topic, partitions: [{ partition, offset }] }]
            await transaction.sendOffsets({ consumer, topics })
            await transaction.commit()
            if (offset === '2') resolve()
          },
        })
        .catch(reject)
    })
    await done
    expect(await values(0)).toEqual(['one carried', 'two carried'])
    expect(await own.fetchOffsets({ groupId: 'readers' })).toMatchObject([{ topic: 'input', offset: 2 }])
    await consumer.disconnect()
    const late = await producer.transaction()
    const topics = [{ topic: 'input', partitions: [{ partition: 0, offset: '1' }] }]
    await expect(late.sendOffsets({ consumer, topics })).rejects.toThrow(TidemarkError)
    await late.abort()
  })

  test('in the shape of KafkaJS', async () => {
    const { broker, values } = await open()
    const kafka = new Kafka({ broker, logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ transactionalId: 'billing', transactionTimeout: 30_000 })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send(sent('one'))
    await transaction.sendOffsets({
      consumerGroupId: 'readers',
      topics: [{ topic: 'input', partitions: [{ partition: 0, offset: '3' }] }],
    })
    expect(transaction.isActive()).toBe(true)
    await transaction.commit()
    expect(await values(0)).toEqual(['one'])
    await producer.disconnect()
  })
})
