import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import type { LogRecord } from '../../../../src/core/record/index.ts'
import { bent, numbers, openTides, until, writeNumbers } from './group-of-consumers.ts'

const textOf = ({ value }: { value: Uint8Array | null }) => Buffer.from(value ?? []).toString()
const at = (partition: number, offset: number) => ({ topic: 'tides', partition, offset: String(offset) })

/** One that assigns partitions to itself. */
async function openReader(partitions = 1, bend?: Parameters<typeof openTides>[1]) {
  const { broker, tidemark } = await openTides(partitions, bend)
  const reader = () => tidemark.consumer({ maxWaitTimeInMs: 50, metadataMaxAge: 20 })
  return { broker, tidemark, reader }
}

describe('partitions assigned by hand', () => {
  test('are read from exactly there to exactly there', async () => {
    const { broker, tidemark, reader } = await openReader(3)
    await writeNumbers(tidemark, 3, 50)
    const consumer = reader()
    consumer.assign([at(0, 10), at(2, 0)])
    const got: string[] = []
    await consumer.run({
      stopOffsets: [at(0, 13), at(2, 2), at(1, 50)],
      eachMessage: async ({ message }) => void got.push(textOf(message)),
    })
    expect(await consumer.finished()).toBe(true)
    expect(got.toSorted()).toEqual(['0-10', '0-11', '0-12', '2-0', '2-1'])
    expect(await broker.listGroups()).toEqual([])
  })

  test('in batches, too, whose rest does not count', async () => {
    const { tidemark, reader } = await openReader()
    await writeNumbers(tidemark, 1, 50)
    const consumer = reader()
    consumer.assign([at(0, 40)])
    const got: string[] = []
    await consumer.run({
      stopOffsets: [at(0, 45)],
      eachBatch: async ({ batch }) => void got.push(...batch.messages.map(textOf)),
    })
    expect(await consumer.finished()).toBe(true)
    expect(got).toEqual(['0-40', '0-41', '0-42', '0-43', '0-44'])
  })

  test('a loop ends where it is told to', async () => {
    const { tidemark, reader } = await openReader()
    await writeNumbers(tidemark, 1, 10)
    const take = async (limits: Parameters<ReturnType<typeof reader>['records']>[0]) => {
      const consumer = reader()
      consumer.assign([at(0, 2)])
      const got: string[] = []
      for await (const record of consumer.records(limits)) got.push(textOf(record))
      return got
    }
    expect(await take({ stopOffsets: [at(0, 5)] })).toEqual(['0-2', '0-3', '0-4'])
    expect(await take({ recordsMax: 2 })).toEqual(['0-2', '0-3'])
    expect(await take({ stopOffsets: [] })).toEqual([])
  })

  test('partitions that come later are read from their beginning, if wanted', async () => {
    const { broker, tidemark, reader } = await openReader()
    await writeNumbers(tidemark, 1, 3)
    const got: Record<'follows' | 'stays', string[]> = { follows: [], stays: [] }
    for (const kind of ['follows', 'stays'] as const) {
      const consumer = reader()
      consumer.assign([at(0, 3)], { follow: kind === 'follows' })
      await consumer.run({ eachMessage: async ({ message }) => void got[kind].push(textOf(message)) })
      await broker.alterTopic({ topic: 'tides', partitions: kind === 'follows' ? 2 : 3 })
      if (kind === 'follows') await writeNumbers(tidemark, 2, 1, 3)
      await until(() => got.follows.length >= 2)
      await sleep(100)
      await consumer.disconnect()
      expect(await consumer.finished()).toBe(false)
    }
    expect(got.follows.toSorted()).toEqual(['0-3', '1-3'])
    expect(got.stays).toEqual(['0-3'])
  })

  test('one that is deleted ends it', async () => {
    const { broker, reader } = await openReader()
    const consumer = reader()
    consumer.on(consumer.events.CRASH, () => {})
    consumer.assign([at(0, 0)])
    await consumer.run({ eachMessage: async () => {} })
    await broker.deleteTopic('tides')
    await expect(consumer.finished()).rejects.toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  test('so does one whose topic was made anew', async () => {
    const { broker, tidemark, reader } = await openReader()
    await writeNumbers(tidemark, 1, 3)
    const consumer = reader()
    consumer.on(consumer.events.CRASH, () => {})
    consumer.assign([at(0, 1)])
    const got: string[] = []
    await consumer.run({ eachMessage: async ({ message }) => void got.push(textOf(message)) })
    await until(() => got.length === 2)
    await broker.deleteTopic('tides')
    await broker.createTopic({ topic: 'tides' })
    await writeNumbers(tidemark, 1, 8, 10)
    await expect(consumer.finished()).rejects.toMatchObject({
      kafkaName: expect.stringMatching(/^UNKNOWN_TOPIC/),
    })
    expect(got).toEqual(['0-1', '0-2'])
  })

  test('deleted records are skipped, and that is told; a place beyond the end is a failure', async () => {
    const { broker, tidemark, reader } = await openReader()
    await writeNumbers(tidemark, 1, 10)
    await broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(6) })
    const consumer = reader()
    const moved: unknown[] = []
    consumer.on(consumer.events.POSITION_MOVED, ({ payload }) => moved.push(payload))
    consumer.assign([at(0, 2)])
    const got: string[] = []
    await consumer.run({
      recordsMax: 1,
      eachMessage: async ({ message }) => void got.push(textOf(message)),
    })
    expect(await consumer.finished()).toBe(true)
    expect(got).toEqual(['0-6'])
    expect(moved).toEqual([{ topic: 'tides', partition: 0, from: '2', offset: '6', isStart: false }])
    const beyond = reader()
    beyond.on(beyond.events.CRASH, () => {})
    beyond.assign([at(0, 11)])
    await beyond.run({ eachMessage: async () => {} })
    await expect(beyond.finished()).rejects.toMatchObject({ kafkaName: 'OFFSET_OUT_OF_RANGE' })
  })

  test('what cannot be is refused in words', async () => {
    const { tidemark, reader } = await openReader()
    const consumer = reader()
    await expect(consumer.finished()).rejects.toThrow(/call run/)
    await expect(consumer.subscribe({ topic: 'tides' })).rejects.toThrow(/groupId/)
    expect(() => consumer.assign([at(0, 0), at(0, 1)])).toThrow(/once/)
    const member = tidemark.consumer({ groupId: 'gauges' })
    await member.subscribe({ topic: 'tides' })
    expect(() => member.assign([at(0, 0)])).toThrow(/either/)
    consumer.assign([at(0, 0)])
    await consumer.run({ eachMessage: async () => {} })
    await expect(consumer.commitOffsets([at(0, 1)])).rejects.toThrow(/group/)
    await consumer.disconnect()
  })
})

describe('a run with limits, in a group', () => {
  test('ends when its share is read, and all of it is committed', async () => {
    const { broker, tidemark, consumer } = await openTides(4)
    await writeNumbers(tidemark, 4, 20)
    const stopOffsets = [0, 1, 2, 3].map(partition => at(partition, 20))
    const got: string[] = []
    const members = [consumer(), consumer()]
    for (const member of members) {
      await member.subscribe({ topic: 'tides', fromBeginning: true })
      await member.run({
        stopOffsets,
        eachMessage: async ({ message }) => void got.push(textOf(message)),
      })
    }
    await writeNumbers(tidemark, 4, 5, 20)
    expect(await Promise.all(members.map(member => member.finished()))).toEqual([true, true])
    expect(got.toSorted()).toEqual(numbers(4, 20))
    const committed = await broker.fetchOffsets({ groupId: 'gauges' })
    expect(committed.map(({ offset }) => offset)).toEqual([20, 20, 20, 20])
    expect((await broker.describeGroup('gauges')).memberList).toEqual([])
  })

  test('so many records are delivered and committed, whoever handles them side by side', async () => {
    const { broker, tidemark, consumer } = await openTides(3)
    await writeNumbers(tidemark, 3, 40)
    const reader = consumer()
    let records = 0
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      recordsMax: 25,
      partitionsConsumedConcurrently: 3,
      eachMessage: async () => {
        await sleep(1)
        records++
      },
    })
    expect(await reader.finished()).toBe(true)
    expect(records).toBe(25)
    const committed = await broker.fetchOffsets({ groupId: 'gauges' })
    expect(committed.reduce((sum, { offset }) => sum + offset, 0)).toBe(25)
  })

  test('what a batch was cut by comes again where another partition fails and leaves room for it', async () => {
    const { tidemark, consumer } = await openTides(2)
    await writeNumbers(tidemark, 2, 10)
    const reader = consumer()
    const handled: string[] = []
    let isCut = false
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      recordsMax: 12,
      partitionsConsumedConcurrently: 2,
      eachBatch: async ({ batch }) => {
        if (batch.messages.length === 10 && handled.length === 0) {
          await until(() => isCut)
          throw new Error('not now')
        }
        handled.push(...batch.messages.map(textOf))
        if (isCut) return
        await writeNumbers(tidemark, 2, 10, 10)
        isCut = true
      },
    })
    expect(await reader.finished()).toBe(true)
    expect(handled).toHaveLength(12)
    for (const partition of [0, 1]) {
      const own = handled.filter(text => text.startsWith(`${partition}-`))
      expect(own).toEqual(own.map((_, index) => `${partition}-${index}`))
    }
  })

  test('what lies between the last record and the end is no record', async () => {
    const { broker, tidemark, consumer } = await openTides(1, broker =>
      bent(broker, ({ fetch }) => ({
        // As of a compacted log, whose last records are gone.
        fetch: async request =>
          request.offset < 5
            ? fetch.call(broker, request)
            : {
                startOffset: toOffset(0),
                endOffset: toOffset(9),
                nextOffset: toOffset(9),
                chunks: [],
              },
      })),
    )
    await writeNumbers(tidemark, 1, 5)
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ stopOffsets: [at(0, 8)], eachBatch: async () => {} })
    expect(await reader.finished()).toBe(true)
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 8 }])
  })
})

test('records as they are come one batch at a time, with the ownership under which they were read', async () => {
  const { tidemark, consumer } = await openTides()
  const producer = tidemark.producer({ batchBytes: 300 })
  const messages = Array.from({ length: 40 }, (_, index) => ({
    value: String(index).padStart(50, '0'),
    headers: { b: ['1', '2'], 2: 'x', a: 'y' },
  }))
  await producer.send({ topic: 'tides', messages })
  const reader = consumer()
  const batches: (readonly LogRecord[])[] = []
  const generations: unknown[] = []
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({
    recordsMax: 40,
    eachRecords: async ({ records, generation }) => {
      batches.push(records)
      generations.push(generation)
    },
  })
  expect(await reader.finished()).toBe(true)
  expect(batches.length).toBeGreaterThan(5)
  expect(batches.flat().map(({ offset }) => offset)).toEqual(Array.from({ length: 40 }, (_, index) => index))
  expect(batches[0]?.[0]?.headers.map(({ key }) => key)).toEqual(['2', 'b', 'b', 'a'])
  expect([...new Set(generations)]).toEqual([expect.any(Number)])
})

test.each([
  ['earliest', 0],
  [{ fromEnd: 3 }, 7],
  [{ offset: 4 }, 4],
  [{ timestampMs: 8_000 }, 8],
] as const)('begins at %j where nothing was committed', async (from, first) => {
  const { tidemark, consumer } = await openTides()
  const producer = tidemark.producer()
  const messages = Array.from({ length: 10 }, (_, index) => ({
    value: String(index),
    timestamp: index * 1_000,
  }))
  await producer.send({ topic: 'tides', messages })
  const reader = consumer()
  const got: string[] = []
  await reader.subscribe({ topicPattern: 'tid.s', from })
  await reader.run({
    recordsMax: 10 - first,
    eachMessage: async ({ message }) => void got.push(textOf(message)),
  })
  expect(await reader.finished()).toBe(true)
  expect(got[0]).toBe(String(first))
})

test('a start that is not there is moved, and that is told', async () => {
  const { tidemark, consumer } = await openTides()
  await writeNumbers(tidemark, 1, 5)
  const reader = consumer()
  const moved: unknown[] = []
  reader.on(reader.events.POSITION_MOVED, ({ payload }) => moved.push(payload))
  await reader.subscribe({ topic: 'tides', from: { offset: 99 } })
  await reader.run({ stopOffsets: [at(0, 5)], eachMessage: async () => {} })
  expect(await reader.finished()).toBe(true)
  expect(moved).toEqual([{ topic: 'tides', partition: 0, from: '99', offset: '5', isStart: true }])
})

test('what the run does not vouch for is not committed', async () => {
  const { broker, tidemark, consumer } = await openTides()
  await writeNumbers(tidemark, 1, 5)
  const read = async (isWritten: boolean) => {
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({
      recordsMax: 5,
      beforeCommit: async () => isWritten,
      eachMessage: async () => {},
    })
    await reader.finished()
    return (await broker.fetchOffsets({ groupId: 'gauges' })).map(({ offset }) => offset)
  }
  expect(await read(false)).toEqual([])
  expect(await read(true)).toEqual([5])
})

test('a batch that cannot be read is not passed over', async () => {
  const { broker, tidemark, consumer } = await openTides(1, broker =>
    bent(broker, ({ fetch }) => ({
      fetch: async request => {
        const fetched = await fetch.call(broker, request)
        // Both batches are fetched at once, and the first is damaged.
        const chunks = fetched.chunks.map((chunk, index) => {
          const copy = Uint8Array.from(chunk)
          if (index === 0 && request.offset === 0) copy[100]! ^= 1
          return copy
        })
        return { ...fetched, chunks }
      },
    })),
  )
  await writeNumbers(tidemark, 1, 5)
  await writeNumbers(tidemark, 1, 5, 5)
  const reader = consumer({ giveUpAfter: 50 })
  const crashes: unknown[] = []
  reader.on(reader.events.CRASH, ({ payload }) => crashes.push(payload.restart))
  const got: string[] = []
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async ({ message }) => void got.push(textOf(message)) })
  await expect(reader.finished()).rejects.toMatchObject({ kafkaName: 'CORRUPT_MESSAGE' })
  expect(got).toEqual([])
  expect(crashes).toEqual([false])
  expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 0 }])
})

test('a refused commit is a loss that is told, after which the group tells what is owned', async () => {
  const settledEpochs: (number | undefined)[] = []
  let isRefused = false
  const { tidemark, consumer } = await openTides(1, broker =>
    bent(broker, ({ heartbeat }) => ({
      heartbeat: async request => {
        settledEpochs.push(request.settledEpoch)
        return heartbeat.call(broker, request)
      },
      commitOffsets: async ({ offsets }) =>
        offsets.map(({ topic, partition }) => ({
          topic,
          partition,
          error: isRefused
            ? { kafkaName: 'FENCED_MEMBER_EPOCH', message: 'Not yours.', retriable: false }
            : null,
        })),
    })),
  )
  await writeNumbers(tidemark, 1, 3)
  const reader = consumer()
  const lost: unknown[] = []
  reader.on(reader.events.PARTITIONS_LOST, ({ payload }) => lost.push(payload.partitions))
  let commits = 0
  reader.on(reader.events.COMMIT_OFFSETS, () => commits++)
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ autoCommitInterval: 20, eachMessage: async () => {} })
  await until(() => settledEpochs.at(-1) !== undefined)
  await until(() => commits > 0)
  isRefused = true
  await writeNumbers(tidemark, 1, 1, 3)
  await until(() => lost.length === 1)
  isRefused = false
  expect(lost).toEqual([[{ topic: 'tides', partition: 0, position: '4', committed: '3' }]])
  const settledAt = settledEpochs.findIndex(epoch => epoch !== undefined)
  await until(() => settledEpochs.lastIndexOf(undefined) > settledAt)
  // The group never took it away: it is assigned anew.
  await until(() => reader.assignment().length === 1)
})

test('trouble that passes is told once, and trouble that lasts ends it where that is wanted', async () => {
  let failures = 3
  const { tidemark, consumer } = await openTides(1, broker =>
    bent(broker, ({ fetch }) => ({
      fetch: async request => {
        if (failures-- > 0) throw new TidemarkError('KAFKA_STORAGE_ERROR', 'The disk hiccuped.')
        return fetch.call(broker, request)
      },
    })),
  )
  await writeNumbers(tidemark, 1, 3)
  const reader = consumer({ giveUpAfter: 1_000 })
  const outages: unknown[] = []
  reader.on(reader.events.OUTAGE, ({ payload }) => outages.push([payload.during, payload.error.kafkaName]))
  reader.on(reader.events.CRASH, () => {})
  let records = 0
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async () => void records++ })
  await until(() => records === 3)
  expect(outages).toEqual([['fetch', 'KAFKA_STORAGE_ERROR']])
  failures = Number.POSITIVE_INFINITY
  await expect(reader.finished()).rejects.toThrow('The disk hiccuped.')
  expect(outages).toHaveLength(2)
})

test('a deleted topic ends no group', async () => {
  const { broker, tidemark, consumer } = await openTides()
  await broker.createTopic({ topic: 'winds' })
  const reader = consumer()
  const deleted: unknown[] = []
  reader.on(reader.events.PARTITION_DELETED, ({ payload }) => deleted.push(payload))
  const got: string[] = []
  await reader.subscribe({ topics: ['tides', 'winds'], fromBeginning: true })
  await reader.run({ eachMessage: async ({ topic }) => void got.push(topic) })
  await until(() => reader.assignment().length === 2)
  await broker.deleteTopic('winds')
  await until(() => deleted.length === 1)
  expect(deleted).toEqual([{ topic: 'winds', partition: 0 }])
  await writeNumbers(tidemark, 1, 2)
  await until(() => got.length === 2)
})
