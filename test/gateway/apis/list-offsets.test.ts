import { beforeEach, expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { DeleteRecords } from '../../../src/gateway/wire/messages/delete-records.ts'
import { ListOffsets } from '../../../src/gateway/wire/messages/list-offsets.ts'
import { OffsetForLeaderEpoch } from '../../../src/gateway/wire/messages/offset-for-leader-epoch.ts'
import { AskedGateway } from './asking.ts'

let gateway: AskedGateway
beforeEach(async () => {
  gateway = new AskedGateway()
  await gateway.createTopic('tides', 2)
  const records = [10, 30, 20].map(timestampMs => ({ value: Buffer.from('x'), timestampMs }))
  const batches = new Uint8Array(encodeBatch(records, { compression: 'gzip' }))
  await gateway.harness.run(gateway.broker.produce({ topic: 'tides', partition: 0, batches }))
})

async function list(
  timestamp: number,
  { version = 10, partitionIndex = 0, topic = 'tides', epoch = -1 } = {},
) {
  const partitions = [{ partitionIndex, timestamp, currentLeaderEpoch: epoch }]
  const request = { isolationLevel: 0, topics: [{ name: topic, partitions }], timeoutMs: 1_000 }
  return (await gateway.ask(ListOffsets, version, request)).topics[0]!.partitions[0]!
}

test.each([
  ['the end', -1, 1, { offset: 3, timestamp: -1 }],
  ['the beginning', -2, 1, { offset: 0, timestamp: -1 }],
  ['the greatest timestamp', -3, 7, { offset: 1, timestamp: 30 }],
  ['the beginning of what is here', -4, 8, { offset: 0, timestamp: -1 }],
  ['the end of what is elsewhere', -5, 9, { offset: -1, timestamp: -1 }],
  ['what is to be elsewhere', -6, 11, { offset: -1, timestamp: -1 }],
  ['a time', 11, 1, { offset: 1, timestamp: 30 }],
  ['a time of the future', 31, 1, { offset: -1, timestamp: -1 }],
  ['a time that no record can have', 2 ** 60, 1, { offset: -1, timestamp: -1 }],
])('%s is found, from its version on', async (_, timestamp, from, found) => {
  for (let version = 1; version <= 11; version += 1) {
    const answer = await list(timestamp, { version })
    if (version < from) expect(answer).toMatchObject({ errorCode: 35, offset: -1, timestamp: -1 })
    else expect(answer).toMatchObject({ errorCode: 0, ...found })
    const epoch = version >= 4 && version >= from && found.offset >= 0 ? 0 : -1
    expect(answer.leaderEpoch).toBe(epoch)
  }
})

test('in an empty log there is no record', async () => {
  for (const timestamp of [-3, 0]) {
    expect(await list(timestamp, { partitionIndex: 1 })).toMatchObject({ errorCode: 0, offset: -1 })
  }
})

test('the first version tells a list', async () => {
  expect((await list(-1, { version: 0 })).oldStyleOffsets).toEqual([3])
  expect((await list(31, { version: 0 })).oldStyleOffsets).toEqual([])
})

test('what is not there, or not known yet, is told', async () => {
  expect((await list(-1, { partitionIndex: 2 })).errorCode).toBe(3)
  expect((await list(-5, { partitionIndex: 2 })).errorCode).toBe(3)
  expect((await list(-1, { partitionIndex: -1 })).errorCode).toBe(3)
  expect((await list(-1, { topic: 'ebb' })).errorCode).toBe(3)
  expect((await list(-1, { epoch: 1 })).errorCode).toBe(75)
  expect((await list(-7)).errorCode).toBe(35)
})

test('a partition that is asked for twice is told once that it is', async () => {
  const partitions = [0, 1, 0].map(partitionIndex => ({ partitionIndex, timestamp: -1 }))
  const request = { isolationLevel: 0, topics: [{ name: 'tides', partitions }], timeoutMs: 1_000 }
  const { topics } = await gateway.ask(ListOffsets, 10, request)
  const told = topics[0]!.partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])
  expect(told).toEqual([
    [0, 42],
    [1, 0],
  ])
})

test('the only epoch ends where the log does', async () => {
  const partitions = [
    { partition: 0, leaderEpoch: 0 },
    { partition: 0, leaderEpoch: 1 },
    { partition: 0, leaderEpoch: 0, currentLeaderEpoch: 1 },
    { partition: 7, leaderEpoch: 0 },
  ]
  const { topics } = await gateway.ask(OffsetForLeaderEpoch, 4, { topics: [{ topic: 'tides', partitions }] })
  expect(
    topics[0]!.partitions.map(({ errorCode, leaderEpoch, endOffset }) => [errorCode, leaderEpoch, endOffset]),
  ).toEqual([
    [0, 0, 3],
    [0, -1, -1],
    [75, -1, -1],
    [3, -1, -1],
  ])
})

test('records are deleted up to an offset, or all of them', async () => {
  const before = async (partitionIndex: number, offset: number) => {
    const topics = [{ name: 'tides', partitions: [{ partitionIndex, offset }] }]
    const answer = await gateway.ask(DeleteRecords, 2, { topics, timeoutMs: 1_000 })
    const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!
    return [errorCode, lowWatermark]
  }
  expect(await before(0, 1)).toEqual([0, 1])
  // What is gone already is as it was to be.
  expect(await before(0, 0)).toEqual([0, 1])
  expect(await before(0, -1)).toEqual([0, 3])
  expect(await before(0, 4)).toEqual([1, -1])
  expect(await before(0, -2)).toEqual([1, -1])
  expect(await before(5, 0)).toEqual([3, -1])
})
