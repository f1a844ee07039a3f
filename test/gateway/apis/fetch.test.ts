import { beforeEach, describe, expect, test } from 'vitest'
import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import { batchOf, joined, recordsIn } from '../../broker/harness.ts'
import { AskedGateway } from './asking.ts'

let gateway: AskedGateway
let topicId: string
beforeEach(async () => {
  gateway = new AskedGateway()
  topicId = await gateway.createTopic('tides', 3)
})

interface Wanted {
  readonly topic?: string
  readonly topicId?: string
  readonly partition?: number
  readonly fetchOffset?: number
  readonly partitionMaxBytes?: number
  readonly currentLeaderEpoch?: number
}

const requestOf = (wanted: readonly Wanted[], rest = {}) => ({
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 0,
  sessionId: 0,
  sessionEpoch: -1,
  forgottenTopicsData: [],
  rackId: '',
  replicaState: {},
  topics: wanted.map(({ topic = 'tides', topicId = NO_UUID, partition = 0, ...more }) => ({
    topic,
    topicId,
    partitions: [
      { partition, fetchOffset: 0, partitionMaxBytes: 1_000_000, replicaDirectoryId: NO_UUID, ...more },
    ],
  })),
  ...rest,
})

async function fetch(
  wanted: readonly Wanted[],
  { version = 12, ...rest }: { version?: number; [name: string]: unknown } = {},
) {
  const { responses } = await gateway.ask(Fetch, version, requestOf(wanted, rest))
  return responses.flatMap(({ partitions }) => partitions)
}

const produce = (values: readonly string[], partition = 0) =>
  gateway.harness.run(gateway.broker.produce({ topic: 'tides', partition, batches: batchOf(values) }))

const valuesIn = ({ records }: { records: Uint8Array | null }) =>
  records ? recordsIn([new Uint8Array(records)]).map(({ value }) => value) : null

describe('a fetch', () => {
  test.each([4, 5, 7, 9, 11, 12])('in version %i reads what is there by name', async version => {
    await produce(['a', 'b'])
    await produce(['c'])
    const [answer] = await fetch([{}], { version })
    expect(answer).toMatchObject({ partitionIndex: 0, errorCode: 0, highWatermark: 3, lastStableOffset: 3 })
    expect(answer?.logStartOffset).toBe(version < 5 ? -1 : 0)
    expect(valuesIn(answer!)).toEqual(['a', 'b', 'c'])
  })

  test.each([13, 15, 16, 17])('in version %i reads by the id of the topic', async version => {
    await produce(['a'])
    const [answer] = await fetch([{ topicId }], { version })
    expect(valuesIn(answer!)).toEqual(['a'])
    const unknown = '00000000-0000-0000-0000-000000000007'
    const both = await fetch([{ topicId: unknown }, { topicId }, { topicId: NO_UUID }], { version })
    expect(both.map(({ errorCode }) => errorCode)).toEqual([100, 0, 100])
  })

  test('by an id hears that the topic is gone, or has another partition too few', async () => {
    await fetch([{ topicId }], { version: 13 })
    expect((await fetch([{ topicId, partition: 3 }], { version: 13 }))[0]?.errorCode).toBe(3)
    await gateway.harness.run(gateway.broker.deleteTopic('tides'))
    expect((await fetch([{ topicId }], { version: 13 }))[0]?.errorCode).toBe(100)
    await gateway.createTopic('tides')
    expect((await fetch([{ topicId }], { version: 13 }))[0]?.errorCode).toBe(100)
  })

  test('by the id of a topic that is gone looks for it once, however many partitions are asked for', async () => {
    const gone = await gateway.createTopic('ebb', 200)
    const codesOf = async (all: readonly Wanted[]) =>
      (await fetch(all, { version: 13 })).map(({ errorCode }) => errorCode)
    const all = Array.from({ length: 200 }, (_, partition) => ({ topic: '', topicId: gone, partition }))
    expect(await codesOf(all)).toEqual(all.map(() => 0))
    await gateway.harness.run(gateway.broker.deleteTopic('ebb'))
    const { listTopics } = gateway.broker
    let looks = 0
    gateway.broker.listTopics = () => {
      looks += 1
      return listTopics()
    }
    expect(await codesOf(all)).toEqual(all.map(() => 100))
    expect(looks).toBeLessThan(5)
  })

  test('at the end is empty, and outside of the log an error', async () => {
    await produce(['a', 'b', 'c'])
    const beforeOffset = toOffset(1)
    await gateway.harness.run(gateway.broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset }))
    const [end] = await fetch([{ fetchOffset: 3 }])
    expect(end).toMatchObject({ errorCode: 0, highWatermark: 3, logStartOffset: 1 })
    expect(end?.records).toHaveLength(0)
    for (const fetchOffset of [4, 0, -1, 2 ** 60]) {
      const [answer] = await fetch([{ fetchOffset }])
      expect(answer).toMatchObject({
        errorCode: 1,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
        abortedTransactions: null,
      })
      expect(answer?.records).toHaveLength(0)
    }
  })

  test('of several partitions has an answer for each, and an error only where one is', async () => {
    await produce(['a'])
    await produce(['b'], 1)
    const answers = await fetch([
      {},
      { partition: 1 },
      { partition: 5 },
      { partition: -1 },
      { topic: 'ebb' },
      { currentLeaderEpoch: 1 },
      { currentLeaderEpoch: 0 },
    ])
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, 0, 3, 3, 3, 75, 0])
    expect(answers.map(valuesIn)).toEqual([['a'], ['b'], [], [], [], [], ['a']])
  })

  test('gets one batch whatever the limits are', async () => {
    await produce(['a', 'b'])
    await produce(['c'])
    const answers = await fetch([{ partitionMaxBytes: 1 }, { partitionMaxBytes: 0 }], { maxBytes: 1 })
    expect(valuesIn(answers[0]!)).toEqual(['a', 'b'])
    expect(valuesIn(answers[1]!)).toEqual([])
    expect(answers[1]?.errorCode).toBe(0)
    const [odd] = await fetch([{ partitionMaxBytes: -5 }], { maxBytes: -5, minBytes: -5, maxWaitMs: -5 })
    expect(valuesIn(odd!)).toEqual(['a', 'b'])
  })

  test('reads the same in both isolation levels, and says that nothing was aborted', async () => {
    await produce(['a'])
    const [uncommitted] = await fetch([{}])
    const [committed] = await fetch([{}], { isolationLevel: 1 })
    expect(valuesIn(committed!)).toEqual(['a'])
    expect([uncommitted?.abortedTransactions, committed?.abortedTransactions]).toEqual([null, []])
  })

  test('takes whole batches as they are stored', async () => {
    const stored = joined([batchOf(['a'], { compression: 'gzip' }), batchOf(['b'])])
    const batches = new Uint8Array(stored)
    await gateway.harness.run(gateway.broker.produce({ topic: 'tides', partition: 0, batches }))
    const [answer] = await fetch([{ fetchOffset: 1 }])
    expect(valuesIn(answer!)).toEqual(['b'])
    const [all] = await fetch([{}])
    expect(all?.records).toHaveLength(stored.length)
  })
})

describe('a fetch that waits', () => {
  const waiting = (wanted: readonly Wanted[], rest = {}) =>
    gateway.begin(Fetch, 12, requestOf(wanted, { maxWaitMs: 500, ...rest }))
  const passed = async (work: Promise<unknown>) => {
    const { clock } = gateway.harness
    const sinceMs = clock.nowMs()
    await gateway.harness.run(work)
    return clock.nowMs() - sinceMs
  }

  test('is answered when there are records in any of its partitions', async () => {
    const all = [{}, { partition: 1 }, { partition: 2 }]
    const begun = waiting(all)
    await gateway.harness.pass(100)
    await produce(['late'], 1)
    const answer = await gateway.harness.run(begun)
    expect(answer?.responses.map(({ partitions }) => valuesIn(partitions[0]!))).toEqual([[], ['late'], []])
  })

  test('is answered when its time is up', async () => {
    expect(await passed(waiting([{}]))).toBe(500)
    // What does not exist may come to exist.
    expect(await passed(waiting([{}, { partition: 7 }, { topic: 'ebb' }]))).toBe(500)
  })

  test('is answered at once where something is wrong', async () => {
    expect(await passed(waiting([{}, { partition: 1, fetchOffset: 5 }]))).toBeLessThan(500)
    expect(await passed(waiting([{}, { partition: 1, currentLeaderEpoch: 5 }]))).toBe(0)
  })

  test('by its name hears that the topic was made anew in words that clients of names know', async () => {
    const begun = waiting([{}])
    await gateway.harness.pass(100)
    await gateway.harness.run(gateway.broker.deleteTopic('tides'))
    await gateway.createTopic('tides', 3)
    const answer = await gateway.harness.run(begun)
    expect(answer?.responses[0]?.partitions[0]?.errorCode).toBe(3)
  })

  test('is answered when the connection ends', async () => {
    const begun = waiting([{}])
    await gateway.harness.pass(100)
    gateway.ending.abort()
    const answer = await gateway.harness.run(begun)
    expect(answer?.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0 })
  })
})

test('sessions are declined, and one that there is not cannot be gone on with', async () => {
  await produce(['a'])
  for (const [sessionId, sessionEpoch] of [
    [0, 0],
    [0, -1],
    [77, -1],
    [77, 0],
  ]) {
    const answer = await gateway.ask(Fetch, 12, requestOf([{}], { sessionId, sessionEpoch }))
    expect(answer).toMatchObject({ errorCode: 0, sessionId: 0 })
    expect(valuesIn(answer.responses[0]!.partitions[0]!)).toEqual(['a'])
  }
  for (const sessionId of [0, 77]) {
    const answer = await gateway.ask(Fetch, 12, requestOf([{}], { sessionId, sessionEpoch: 3 }))
    expect(answer).toMatchObject({ errorCode: 70, sessionId: 0, responses: [] })
  }
})

test('where there is no room for records there are none for now', async () => {
  await produce(['a', 'b'])
  gateway.reserve = async () => {
    throw new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'no room')
  }
  const [answer, empty] = await fetch([{}, { partition: 1 }])
  expect(answer).toMatchObject({ errorCode: 0, highWatermark: 2, lastStableOffset: 2 })
  expect(valuesIn(answer!)).toEqual([])
  expect(empty).toMatchObject({ errorCode: 0, highWatermark: 0 })
})

test('a broker that closes has clients look for another', async () => {
  await gateway.harness.run(gateway.broker.close())
  expect((await fetch([{}, { partition: 1 }])).map(({ errorCode }) => errorCode)).toEqual([6, 6])
})
