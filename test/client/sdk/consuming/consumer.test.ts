import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Consumer } from '../../../../src/client/sdk/consuming/consumer.ts'
import type {
  ConsumerRun,
  EachMessagePayload,
} from '../../../../src/client/sdk/consuming/consumer-options.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { bent, numbers, openTides, until, writeNumbers } from './group-of-consumers.ts'

const textOf = ({ message }: EachMessagePayload) => message.value?.toString() ?? ''

/** Runs a consumer from the beginning and gathers what it gets. */
async function gather(
  consumer: Consumer,
  got: string[] = [],
  isFromBeginning = true,
  run: Omit<ConsumerRun, 'eachMessage'> = {},
): Promise<string[]> {
  await consumer.subscribe({ topic: 'tides', fromBeginning: isFromBeginning })
  await consumer.run({
    ...run,
    eachMessage: async payload => {
      got.push(textOf(payload))
    },
  })
  return got
}

test('reads everything, each partition in its order', async () => {
  const { tidemark, consumer } = await openTides(3)
  await writeNumbers(tidemark, 3, 500)
  const got = await gather(consumer())
  await until(() => got.length === 1_500)
  expect(got.toSorted()).toEqual(numbers(3, 500))
  for (const partition of [0, 1, 2]) {
    const own = got.filter(text => text.startsWith(`${partition}-`))
    expect(own).toEqual(Array.from({ length: 500 }, (_, index) => `${partition}-${index}`))
  }
})

test('without a commit it begins at the end; what it stopped at is committed', async () => {
  const { broker, tidemark, consumer } = await openTides()
  await writeNumbers(tidemark, 1, 10)
  const first = consumer()
  const got = await gather(first, [], false)
  await until(() => first.assignment().length === 1)
  await sleep(50)
  await writeNumbers(tidemark, 1, 5, 10)
  await until(() => got.length === 5)
  await first.disconnect()
  expect(got[0]).toBe('0-10')
  expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([
    { topic: 'tides', partition: 0, offset: 15 },
  ])
  await writeNumbers(tidemark, 1, 1, 15)
  const second = await gather(consumer(), [], false)
  await until(() => second.length === 1)
  expect(second).toEqual(['0-15'])
})

test('partitions move to who joins and back from who leaves, and nothing is missed', async () => {
  const { tidemark, consumer } = await openTides(4)
  await writeNumbers(tidemark, 4, 50)
  const first = consumer()
  const gotFirst = await gather(first)
  await until(() => gotFirst.length === 200)
  const second = consumer()
  const gotSecond = await gather(second)
  await until(() => first.assignment().length === 2 && second.assignment().length === 2)
  await writeNumbers(tidemark, 4, 50, 50)
  await until(() => gotFirst.length + gotSecond.length >= 400)
  // Nothing twice: what moved had been committed before.
  expect([...gotFirst, ...gotSecond].toSorted()).toEqual(numbers(4, 100))
  expect(gotSecond).toHaveLength(100)
  await first.disconnect()
  await until(() => second.assignment().length === 4)
  await writeNumbers(tidemark, 4, 10, 100)
  await until(() => gotSecond.length === 140)
})

test('a record in hand is finished and committed before its partition moves', async () => {
  const { tidemark, consumer } = await openTides(2)
  await writeNumbers(tidemark, 2, 1)
  const first = consumer()
  let finish = () => {}
  const gate = new Promise<void>(resolve => {
    finish = resolve
  })
  const held: string[] = []
  await first.subscribe({ topics: ['tides'], fromBeginning: true })
  await first.run({
    partitionsConsumedConcurrently: 2,
    eachMessage: async payload => {
      held.push(textOf(payload))
      await gate
    },
  })
  await until(() => held.length === 2)
  const second = consumer()
  const gotSecond = await gather(second)
  await sleep(300)
  expect(second.assignment()).toEqual([])
  finish()
  await until(() => second.assignment().length === 1)
  await writeNumbers(tidemark, 2, 1, 1)
  await until(() => gotSecond.length === 1)
  expect(gotSecond[0]).toMatch(/-1$/)
})

test('a member that was given up delivers nothing more, cannot commit, and joins again', async () => {
  const { broker, tidemark, consumer } = await openTides()
  await writeNumbers(tidemark, 1, 10)
  const zombie = consumer()
  const delivered: string[] = []
  let isStuck = true
  await zombie.subscribe({ topic: 'tides', fromBeginning: true })
  await zombie.run({
    eachMessage: async payload => {
      delivered.push(textOf(payload))
      await until(() => !isStuck)
    },
  })
  await until(() => delivered.length === 1)
  const { memberList } = await broker.describeGroup('gauges')
  const rebalances: unknown[] = []
  zombie.on(zombie.events.REBALANCING, event => rebalances.push(event))
  // As when its session time-out had passed.
  await broker.leaveGroup({ groupId: 'gauges', memberId: memberList[0]!.memberId })
  await until(() => rebalances.length > 0)
  expect(await broker.fetchOffsets({ groupId: 'gauges' })).toEqual([])
  isStuck = false
  // Joined anew, it begins where the last commit was: nowhere.
  await until(() => delivered.length === 11)
  expect(delivered).toEqual(['0-0', ...Array.from({ length: 10 }, (_, index) => `0-${index}`)])
})

test('a member that hears nothing for its session time-out stands still', async () => {
  let isDeaf = false
  const { tidemark, consumer } = await openTides(1, broker =>
    bent(broker, ({ heartbeat }) => ({
      heartbeat: async request => {
        if (isDeaf) throw new TidemarkError('NETWORK_EXCEPTION', 'nothing gets through')
        return heartbeat.call(broker, request)
      },
    })),
  )
  const reader = consumer({ sessionTimeout: 6_000 })
  const got = await gather(reader)
  await until(() => reader.assignment().length === 1)
  isDeaf = true
  await sleep(6_100)
  await writeNumbers(tidemark, 1, 1)
  await sleep(300)
  expect(got).toEqual([])
  isDeaf = false
  await until(() => got.length === 1)
})

test('a member whose machine was suspended stands still until it has asked, whatever the other clock says', async () => {
  let isDeaf = false
  const { tidemark, consumer } = await openTides(1, broker =>
    bent(broker, ({ heartbeat }) => ({
      heartbeat: async request => {
        if (isDeaf) throw new TidemarkError('NETWORK_EXCEPTION', 'nothing gets through')
        return heartbeat.call(broker, request)
      },
    })),
  )
  const reader = consumer()
  const got = await gather(reader)
  await until(() => reader.assignment().length === 1)
  const partitions = reader.assignment()
  isDeaf = true
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
  onTestFinished(() => void vi.useRealTimers())
  await writeNumbers(tidemark, 1, 1)
  await sleep(300)
  expect(got).toEqual([])
  isDeaf = false
  await until(() => got.length === 1)
  // Its own clock was set, and nothing else: it has lost nothing.
  expect(reader.assignment()).toEqual(partitions)
})

test('a static member that comes back gets what it had, and nothing moves', async () => {
  const { broker, tidemark, consumer } = await openTides(4)
  const other = consumer({ groupInstanceId: 'other' })
  await gather(other)
  const first = consumer({ groupInstanceId: 'first' })
  await gather(first)
  await until(() => first.assignment().length === 2 && other.assignment().length === 2)
  const had = first.assignment()
  const kept = other.assignment()
  const { epoch } = await broker.describeGroup('gauges')
  await first.disconnect()
  const again = consumer({ groupInstanceId: 'first' })
  const got = await gather(again)
  await until(() => again.assignment().length === 2)
  expect(again.assignment()).toEqual(had)
  expect(other.assignment()).toEqual(kept)
  expect((await broker.describeGroup('gauges')).epoch).toBe(epoch)
  await writeNumbers(tidemark, 4, 1)
  await until(() => got.length === 2)
})

test('stopped while it joins, it leaves', async () => {
  const { broker, consumer } = await openTides()
  const reader = consumer()
  const gathering = gather(reader)
  const refused = expect(gathering).rejects.toThrow(/stopped/)
  // Once it has been subscribed and asks to join.
  await Promise.resolve()
  await reader.disconnect()
  await refused
  expect((await broker.describeGroup('gauges')).memberList).toEqual([])
})

describe('a handler that fails', () => {
  test('gets the same message again, and the other partitions go on', async () => {
    const { tidemark, consumer } = await openTides(2)
    await writeNumbers(tidemark, 2, 20)
    const reader = consumer({ retry: { initialRetryTime: 30, maxRetryTime: 30, retries: 100 } })
    const got: string[] = []
    let failures = 0
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      eachMessage: async payload => {
        const text = textOf(payload)
        if (text === '0-5' && failures < 3) {
          failures++
          throw new Error('not yet')
        }
        got.push(text)
      },
    })
    await until(() => got.length === 40)
    expect(got.filter(text => text.startsWith('0-'))).toEqual(
      Array.from({ length: 20 }, (_, index) => `0-${index}`),
    )
    expect(got.indexOf('1-19')).toBeLessThan(got.indexOf('0-5'))
    expect(failures).toBe(3)
  })

  test('too often is a crash that is told, and goes on; for ever one that ends the consumer', async () => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 3)
    const reader = consumer({ retry: { initialRetryTime: 1, retries: 2 } })
    const crashes: unknown[] = []
    reader.on(reader.events.CRASH, ({ payload }) => crashes.push(payload.restart))
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      eachMessage: async payload => {
        if (textOf(payload) !== '0-1') return
        if (crashes.length < 2) throw new Error('not yet')
        throw Object.assign(new Error('never'), { retriable: false })
      },
    })
    await until(() => crashes.includes(false))
    expect(crashes).toEqual([true, true, false])
    await until(async () => (await broker.describeGroup('gauges')).memberList.length === 0)
    // What was consumed before the crash is committed.
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 1 }])
  })
})

describe('pause, resume and seek', () => {
  test('a paused partition stands still, the others do not', async () => {
    const { tidemark, consumer } = await openTides(2)
    const reader = consumer()
    reader.pause([{ topic: 'tides', partitions: [0] }])
    expect(reader.paused()).toEqual([{ topic: 'tides', partitions: [0] }])
    const got = await gather(reader)
    await writeNumbers(tidemark, 2, 5)
    await until(() => got.length === 5)
    expect(got.every(text => text.startsWith('1-'))).toBe(true)
    reader.resume([{ topic: 'tides' }])
    expect(reader.paused()).toEqual([])
    await until(() => got.length === 10)
  })

  test('paused inside the handler, what was fetched ahead waits', async () => {
    const { tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 5)
    const reader = consumer()
    const got: string[] = []
    let resume = () => {}
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      eachMessage: async payload => {
        got.push(textOf(payload))
        if (got.length === 2) resume = payload.pause()
      },
    })
    await until(() => got.length === 2)
    await sleep(100)
    expect(got).toEqual(['0-0', '0-1'])
    resume()
    await until(() => got.length === 5)
  })

  test('seek goes on elsewhere, back and forth', async () => {
    const { tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 100)
    const reader = consumer()
    reader.seek({ topic: 'tides', partition: 0, offset: '90' })
    const got = await gather(reader)
    await until(() => got.length === 10)
    expect(got[0]).toBe('0-90')
    reader.seek({ topic: 'tides', partition: 0, offset: '3' })
    await until(() => got.length === 107)
    expect(got[10]).toBe('0-3')
  })

  test("seek knows Kafka's numbers for the two ends, as digits and as numbers", async () => {
    const { tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 5)
    const reader = consumer()
    reader.seek({ topic: 'tides', partition: 0, offset: '-1' })
    const got = await gather(reader)
    await writeNumbers(tidemark, 1, 1, 5)
    await until(() => got.length === 1)
    reader.seek({ topic: 'tides', partition: 0, offset: -2 as unknown as string })
    await until(() => got.length === 7)
    expect(got).toEqual(['0-5', '0-0', '0-1', '0-2', '0-3', '0-4', '0-5'])
    expect(() => reader.seek({ topic: 'tides', partition: 0, offset: '-3' })).toThrow(/-3/)
  })

  test('inside a handler, too: the message under way does not count', async () => {
    const { tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 5)
    const reader = consumer()
    const got: string[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      eachMessage: async payload => {
        got.push(textOf(payload))
        if (got.length === 3) reader.seek({ topic: 'tides', partition: 0, offset: '1' })
      },
    })
    await until(() => got.length >= 7)
    expect(got).toEqual(['0-0', '0-1', '0-2', '0-1', '0-2', '0-3', '0-4'])
  })

  test('records that were deleted meanwhile are skipped', async () => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 100)
    await broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(40) })
    const reader = consumer()
    reader.seek({ topic: 'tides', partition: 0, offset: '3' })
    const got = await gather(reader)
    await until(() => got.length === 60)
    expect(got[0]).toBe('0-40')
  })
})

describe('batches', () => {
  test('a handler gets runs of messages, and what it does not resolve comes again', async () => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 50)
    const reader = consumer()
    const resolved: string[] = []
    let calls = 0
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      eachBatchAutoResolve: false,
      autoCommitThreshold: 1,
      eachBatch: async ({ batch, resolveOffset, isRunning, isStale }) => {
        calls++
        expect(batch.highWatermark).toBe('50')
        for (const message of batch.messages.slice(0, 20)) {
          if (!isRunning() || isStale()) return
          resolved.push(message.value?.toString() ?? '')
          resolveOffset(message.offset)
        }
        if (calls === 2) throw new Error('in the middle')
      },
    })
    await until(() => resolved.length === 50)
    expect(resolved).toEqual(Array.from({ length: 50 }, (_, index) => `0-${index}`))
    await until(async () => (await broker.fetchOffsets({ groupId: 'gauges' }))[0]?.offset === 50)
  })

  test('what is fetched ahead is bounded', async () => {
    const { tidemark, consumer } = await openTides()
    const producer = tidemark.producer({ batchBytes: 500 })
    await producer.send({ topic: 'tides', messages: Array(2_000).fill({ value: 'x'.repeat(100) }) })
    const reader = consumer({ maxRecords: 100, maxBytes: 20_000 })
    const sizes: number[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      eachBatch: async ({ batch }) => {
        sizes.push(batch.messages.length)
        await sleep(1)
      },
    })
    await until(() => sizes.reduce((sum, size) => sum + size, 0) === 2_000)
    expect(Math.max(...sizes)).toBeLessThan(300)
  })
})

describe('commits', () => {
  test('by hand, and the committed offset is where the next one begins', async () => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 10)
    const reader = consumer()
    const got: string[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      autoCommit: false,
      eachMessage: async payload => {
        got.push(textOf(payload))
      },
    })
    await until(() => got.length === 10)
    await reader.commitOffsets([{ topic: 'tides', partition: 0, offset: '4', metadata: 'by hand' }])
    await reader.disconnect()
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([
      { offset: 4, metadata: 'by hand' },
    ])
    await expect(reader.commitOffsets([{ topic: 'tides', partition: 0, offset: '5' }])).rejects.toThrow(/run/)
  })

  test('the last one counts, lower or not', async () => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 10)
    const reader = consumer()
    const got = await gather(reader)
    await until(() => got.length === 10)
    await reader.commitOffsets([{ topic: 'tides', partition: 0, offset: '10' }])
    await reader.commitOffsets([{ topic: 'tides', partition: 0, offset: '3' }])
    // It stands until more is consumed, or the consumer is sent elsewhere.
    await reader.disconnect()
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 3 }])
  })

  test.each([
    ['2', 2],
    ['-2', 0],
    ['-1', 10],
  ])('a seek to %s is not lost where the consumer stops before it got there', async (offset, standing) => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 10)
    const reader = consumer()
    const got = await gather(reader, [], true, { autoCommitInterval: null })
    await until(() => got.length === 10)
    await until(async () => (await broker.fetchOffsets({ groupId: 'gauges' }))[0]?.offset === 10)
    reader.pause([{ topic: 'tides' }])
    reader.seek({ topic: 'tides', partition: 0, offset })
    await reader.disconnect()
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: standing }])
  })

  test('a try of an earlier one that arrives late does not move the group', async () => {
    const late: (() => Promise<unknown>)[] = []
    const { broker, tidemark, consumer } = await openTides(1, broker =>
      bent(broker, ({ commitOffsets }) => ({
        commitOffsets: async request => {
          late.push(() => commitOffsets.call(broker, request))
          if (late.length === 1) throw new TidemarkError('NETWORK_EXCEPTION', 'lost on its way', 'unknown')
          return commitOffsets.call(broker, request)
        },
      })),
    )
    await writeNumbers(tidemark, 1, 10)
    const reader = consumer()
    await gather(reader, [], true, { autoCommit: false })
    for (const offset of ['10', '3', '7']) {
      await reader.commitOffsets([{ topic: 'tides', partition: 0, offset }])
    }
    for (const arrive of late) await arrive()
    expect(late).toHaveLength(4)
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 7 }])
  })

  test("of a partition that is another member's are refused", async () => {
    const { consumer } = await openTides()
    const reader = consumer()
    await gather(reader)
    await expect(reader.commitOffsets([{ topic: 'tides', partition: 3, offset: '5' }])).rejects.toMatchObject(
      {
        kafkaName: 'FENCED_MEMBER_EPOCH',
      },
    )
  })

  test('by time', async () => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 10)
    const reader = consumer()
    const committed: unknown[] = []
    reader.on(reader.events.COMMIT_OFFSETS, ({ payload }) => committed.push(payload.topics))
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ autoCommitInterval: 20, eachMessage: async () => {} })
    await until(async () => (await broker.fetchOffsets({ groupId: 'gauges' }))[0]?.offset === 10)
    expect(committed.at(-1)).toEqual([{ topic: 'tides', partitions: [{ partition: 0, offset: '10' }] }])
  })
})

describe('a loop over a consumer', () => {
  test('takes one record after the other, and the one at which it is left comes again', async () => {
    const { tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 10)
    const take = async (count: number) => {
      const reader = consumer()
      await reader.subscribe({ topic: 'tides', fromBeginning: true })
      const got: string[] = []
      for await (const { value } of reader) {
        got.push(value?.toString() ?? '')
        if (got.length === count) break
      }
      return got
    }
    expect(await take(3)).toEqual(['0-0', '0-1', '0-2'])
    expect(await take(2)).toEqual(['0-2', '0-3'])
  })

  test('ends when the consumer is disconnected inside it', async () => {
    const { tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 10)
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    let records = 0
    for await (const { topic, partition, offset } of reader) {
      records++
      await reader.commitOffsets([{ topic, partition, offset: String(Number(offset) + 1) }])
      if (records === 4) await reader.disconnect()
    }
    expect(records).toBe(4)
  })

  test('throws what ends the consumer', async () => {
    let isFenced = false
    const { consumer } = await openTides(1, broker =>
      bent(broker, ({ heartbeat }) => ({
        heartbeat: async request => {
          if (isFenced) throw new TidemarkError('FENCED_INSTANCE_ID', 'another one is there')
          return heartbeat.call(broker, request)
        },
      })),
    )
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    const loop = (async () => {
      for await (const _ of reader) throw new Error('there is no record')
    })()
    await until(() => reader.assignment().length === 1)
    isFenced = true
    await expect(loop).rejects.toMatchObject({ kafkaName: 'FENCED_INSTANCE_ID' })
  })
})

test('topics by a pattern, those made later too', async () => {
  const { broker, tidemark, consumer } = await openTides()
  await broker.createTopic({ topic: 'other' })
  const reader = consumer()
  const got: string[] = []
  await reader.subscribe({ topics: [/^ti/, /ebb$/], fromBeginning: true })
  await reader.run({
    eachMessage: async ({ topic }) => {
      got.push(topic)
    },
  })
  await broker.createTopic({ topic: 'low-ebb' })
  const producer = tidemark.producer()
  for (const topic of ['tides', 'other', 'low-ebb'])
    await producer.send({ topic, messages: [{ value: 'x' }] })
  await until(() => got.length === 2)
  expect(got.toSorted()).toEqual(['low-ebb', 'tides'])
})

describe('a partition that is newer than the group', () => {
  test.each([
    ['the end', {}],
    ['so many records before the end', { from: { fromEnd: 1 } }],
  ])('begins at its first record where others begin at %s', async (_, start) => {
    const { broker, tidemark, consumer } = await openTides()
    await writeNumbers(tidemark, 1, 3)
    const reader = consumer()
    await reader.subscribe({ topics: ['tides', /^eb/], ...start })
    const got: string[] = []
    await reader.run({
      eachMessage: async payload => void got.push(`${payload.topic} ${textOf(payload)}`),
    })
    await sleep(100)
    got.length = 0
    await broker.alterTopic({ topic: 'tides', partitions: 2 })
    await broker.createTopic({ topic: 'ebb' })
    const producer = tidemark.producer()
    const values = ['a', 'b', 'c']
    await producer.send({ topic: 'tides', messages: values.map(value => ({ value, partition: 1 })) })
    await producer.send({ topic: 'ebb', messages: values.map(value => ({ value })) })
    await until(() => got.length >= 6)
    expect(got.toSorted()).toEqual(['ebb a', 'ebb b', 'ebb c', 'tides a', 'tides b', 'tides c'])
  })

  test('begins where the subscription says, where that does not count from the end', async () => {
    const { broker, tidemark, consumer } = await openTides()
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', from: { offset: 1 } })
    const got: string[] = []
    await reader.run({ eachMessage: async payload => void got.push(textOf(payload)) })
    await broker.alterTopic({ topic: 'tides', partitions: 2 })
    const messages = ['a', 'b', 'c'].map(value => ({ value, partition: 1 }))
    await tidemark.producer().send({ topic: 'tides', messages })
    await until(() => got.length >= 2)
    expect(got).toEqual(['b', 'c'])
  })
})

test('a topic that was made anew is read from its beginning, once and in order', async () => {
  const { broker, tidemark, consumer } = await openTides()
  const reader = consumer()
  const deleted: unknown[] = []
  reader.on(reader.events.PARTITION_DELETED, ({ payload }) => deleted.push(payload))
  await writeNumbers(tidemark, 1, 5)
  const got = await gather(reader, [], true, { autoCommitInterval: 5 })
  await until(async () => (await broker.fetchOffsets({ groupId: 'gauges' }))[0]?.offset === 5)
  await broker.deleteTopic('tides')
  await broker.createTopic({ topic: 'tides' })
  await writeNumbers(tidemark, 1, 8, 10)
  await until(() => got.length >= 13)
  await sleep(200)
  expect(got.slice(5)).toEqual(Array.from({ length: 8 }, (_, index) => `0-${10 + index}`))
  expect(deleted).toEqual([{ topic: 'tides', partition: 0 }])
  expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 8 }])
  await reader.disconnect()
})

test('one partition whose handler takes its time holds up no other', async () => {
  const { tidemark, consumer } = await openTides(3)
  await writeNumbers(tidemark, 3, 300)
  const reader = consumer({ maxRecords: 30 })
  const got: string[] = []
  let release = () => {}
  const gate = new Promise<void>(resolve => {
    release = resolve
  })
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({
    partitionsConsumedConcurrently: 2,
    eachMessage: async payload => {
      if (payload.partition === 0) await gate
      got.push(textOf(payload))
    },
  })
  await until(() => got.length === 600)
  expect(got.some(text => text.startsWith('0-'))).toBe(false)
  release()
  await until(() => got.length === 900)
})

test('what cannot be is refused in words', async () => {
  const { tidemark, consumer } = await openTides()
  expect(() => tidemark.consumer({ groupId: '' })).toThrow(/groupId/)
  await expect(tidemark.producer().transaction()).rejects.toThrow(/transactionalId/)
  const reader = consumer()
  await expect(reader.run({ eachMessage: async () => {} })).rejects.toThrow(/subscribe/)
  await expect(reader.subscribe({ topics: [] })).rejects.toThrow(/topic/)
  await expect(reader.subscribe({ topic: /a/i })).rejects.toThrow(/flags/)
  await reader.subscribe({ topic: 'tides' })
  await expect(reader.run({})).rejects.toThrow(/eachMessage/)
  expect(() => reader.seek({ topic: 'tides', partition: 0, offset: '-5' })).toThrow(/offset/)
  await reader.run({ eachMessage: async () => {} })
  await expect(reader.subscribe({ topic: 'ebbs' })).rejects.toThrow(/running/)
})
