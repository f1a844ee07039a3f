import { beforeEach, describe, expect, test } from 'vitest'
import {
  ATTRIBUTES_AT,
  CRC_AT,
  TRANSACTIONAL_BIT,
  writeInt32,
} from '../../../src/core/record/batch-layout.ts'
import { batchChecksum } from '../../../src/core/record/checksum.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { AddOffsetsToTxn } from '../../../src/gateway/wire/messages/add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from '../../../src/gateway/wire/messages/add-partitions-to-txn.ts'
import { DescribeProducers } from '../../../src/gateway/wire/messages/describe-producers.ts'
import { DescribeTransactions } from '../../../src/gateway/wire/messages/describe-transactions.ts'
import { EndTxn } from '../../../src/gateway/wire/messages/end-txn.ts'
import { InitProducerId } from '../../../src/gateway/wire/messages/init-producer-id.ts'
import { ListTransactions } from '../../../src/gateway/wire/messages/list-transactions.ts'
import { OffsetFetch } from '../../../src/gateway/wire/messages/offset-fetch.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { TxnOffsetCommit } from '../../../src/gateway/wire/messages/txn-offset-commit.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import { NOW_MS, readAll } from '../../broker/harness.ts'
import { AskedGateway } from './asking.ts'

let gateway: AskedGateway
beforeEach(async () => {
  gateway = new AskedGateway()
  await gateway.createTopic('tides', 3)
})

interface Producer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

function init(more: object = {}, version = 4) {
  const request = { transactionalId: 't', transactionTimeoutMs: 60_000, ...more }
  return gateway.ask(InitProducerId, version, request)
}

async function begun(transactionalId = 't'): Promise<Producer> {
  const { producerId, producerEpoch } = await init({ transactionalId })
  return { transactionalId, producerId, producerEpoch }
}

async function addPartitions(producer: Producer, partitions: number[], version = 3): Promise<number[]> {
  const { resultsByTopicV3AndBelow } = await gateway.ask(AddPartitionsToTxn, version, {
    transactions: [],
    v3AndBelowTransactionalId: producer.transactionalId,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: [{ name: 'tides', partitions }],
  })
  return resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
    resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
  )
}

async function end(producer: Producer, committed: boolean, version = 3): Promise<number> {
  return (await gateway.ask(EndTxn, version, { ...producer, committed })).errorCode
}

function batch({ producerId, producerEpoch }: Producer, values: readonly string[], baseSequence = 0) {
  const records = values.map(value => ({ value: Buffer.from(value), timestampMs: NOW_MS }))
  const bytes = encodeBatch(records, { producerId: BigInt(producerId), producerEpoch, baseSequence })
  const transactional = new Uint8Array(bytes)
  transactional[ATTRIBUTES_AT + 1]! |= TRANSACTIONAL_BIT
  writeInt32(transactional, CRC_AT, batchChecksum(transactional, 0, transactional.length))
  return { plain: new Uint8Array(bytes), transactional }
}

async function produce(
  transactionalId: string | null,
  partitions: readonly { index: number; records: Uint8Array | null }[],
  version = 11,
) {
  const { responses } = await gateway.ask(Produce, version, {
    transactionalId,
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: 'tides', topicId: NO_UUID, partitionData: [...partitions] }],
  })
  return responses[0]!.partitionResponses
}

const send = async (producer: Producer, index: number, values: string[], sequence = 0, version = 11) =>
  (
    await produce(
      producer.transactionalId,
      [{ index, records: batch(producer, values, sequence).transactional }],
      version,
    )
  )[0]!
const values = async (partition = 0) =>
  (await gateway.harness.run(readAll(gateway.broker, { topic: 'tides', partition }))).map(
    ({ value }) => value,
  )

describe('a transaction', () => {
  test('is read once it is committed, and nobody can say before where', async () => {
    const producer = await begun()
    expect(await addPartitions(producer, [0, 1])).toEqual([0, 0])
    const both = [0, 1].map(index => ({ index, records: batch(producer, ['a', 'b']).transactional }))
    expect(await produce('t', both)).toMatchObject([
      { index: 0, errorCode: 0, baseOffset: -1, logAppendTimeMs: -1 },
      { index: 1, errorCode: 0, baseOffset: -1, logAppendTimeMs: -1 },
    ])
    expect([await values(0), await values(1)]).toEqual([[], []])
    expect(await end(producer, true)).toBe(0)
    expect([await values(0), await values(1)]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
    expect(await end(producer, true)).toBe(0)
    expect(await end(producer, false)).toBe(48)
  })

  test('that is aborted is never read, and the next one goes on', async () => {
    const producer = await begun()
    await addPartitions(producer, [0])
    await send(producer, 0, ['a'])
    expect(await end(producer, false)).toBe(0)
    await addPartitions(producer, [0])
    expect(await send(producer, 0, ['b'], 1)).toMatchObject({ errorCode: 0 })
    expect(await end(producer, true)).toBe(0)
    expect(await values()).toEqual(['b'])
  })

  test('takes no partition that it was not told of, in the words of each version', async () => {
    const producer = await begun()
    await addPartitions(producer, [1])
    expect((await send(producer, 0, ['a'], 0, 11)).errorCode).toBe(120)
    expect((await send(producer, 0, ['a'], 0, 10)).errorCode).toBe(48)
  })

  test('adds all partitions or none', async () => {
    const producer = await begun()
    expect(await addPartitions(producer, [0, 9])).toEqual([55, 3])
    expect(await addPartitions(producer, [0, -1])).toEqual([55, 3])
    expect(await end(producer, true)).toBe(48)
  })

  test('takes batches that come again for those that it has, the last ones and those before', async () => {
    const producer = await begun()
    await addPartitions(producer, [0])
    for (let tries = 0; tries < 2; tries++) {
      for (const [sequence, value] of ['a', 'b', 'c', 'd', 'e'].entries()) {
        expect((await send(producer, 0, [value], sequence)).errorCode).toBe(0)
      }
    }
    await end(producer, true)
    expect(await values()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('keeps the order of requests that do not wait for one another', async () => {
    const producer = await begun()
    await addPartitions(producer, [0])
    const sent = Array.from({ length: 20 }, (_, sequence) => send(producer, 0, [`${sequence}`], sequence))
    expect((await Promise.all(sent)).map(({ errorCode }) => errorCode)).toEqual(sent.map(() => 0))
    await end(producer, true)
    expect(await values()).toEqual(sent.map((_, sequence) => `${sequence}`))
  })

  test('refuses what has no place in it', async () => {
    const producer = await begun()
    await addPartitions(producer, [0, 1])
    const { plain, transactional } = batch(producer, ['a'])
    const codes = async (id: string | null, records: Uint8Array | null, index = 0) =>
      (await produce(id, [{ index, records }]))[0]!.errorCode
    expect(await codes(null, transactional)).toBe(53)
    expect(await codes('t', plain)).toBe(48)
    expect(await codes('t', null)).toBe(87)
    expect(await codes('t', transactional, -1)).toBe(3)
    expect(await codes('t', transactional.subarray(0, 30))).toBe(2)
    expect(await codes('other', transactional)).toBe(49)
    expect(await codes('t', batch(producer, ['a'], 7).transactional)).toBe(0)
    expect(await codes('t', batch(producer, ['a'], 10).transactional)).toBe(45)
    const newer = { ...producer, producerEpoch: producer.producerEpoch + 1 }
    expect(await codes('t', batch(newer, ['a']).transactional)).toBe(47)
    await gateway.harness.run(gateway.broker.close())
    expect(await codes('t', batch(producer, ['a'], 8).transactional)).toBe(6)
  })
})

describe('a producer', () => {
  test('fences the one before it, in the words of each version', async () => {
    const first = await begun()
    await addPartitions(first, [0])
    await send(first, 0, ['a'])
    const second = await begun()
    expect(second.producerEpoch).toBeGreaterThan(first.producerEpoch)
    expect(await addPartitions(first, [0], 1)).toEqual([47])
    expect(await addPartitions(first, [0], 2)).toEqual([90])
    expect([await end(first, true, 1), await end(first, true, 2)]).toEqual([47, 90])
    expect((await send(first, 0, ['a'], 1)).errorCode).toBe(47)
    const before = { producerId: first.producerId, producerEpoch: first.producerEpoch }
    expect((await init(before, 3)).errorCode).toBe(47)
    expect((await init(before, 4)).errorCode).toBe(90)
    expect((await init({ producerId: first.producerId + 1, producerEpoch: 0 })).errorCode).toBe(90)
    expect(await values()).toEqual([])
  })

  test('goes on after an error under a newer epoch', async () => {
    const { producerId, producerEpoch } = await begun()
    expect(await init({ producerId, producerEpoch })).toMatchObject({
      errorCode: 0,
      producerId,
      producerEpoch: producerEpoch + 1,
    })
  })

  test('says who it is, and for how long', async () => {
    expect((await init({ transactionalId: '' })).errorCode).toBe(42)
    expect((await init({ transactionTimeoutMs: 0 })).errorCode).toBe(50)
    expect((await init({ transactionTimeoutMs: 900_001 })).errorCode).toBe(50)
    expect((await init({ producerId: 7 })).errorCode).toBe(42)
    expect((await init({ producerEpoch: 7 })).errorCode).toBe(42)
  })

  test('that nobody knows is told so', async () => {
    const nobody = { transactionalId: 'nobody', producerId: 7, producerEpoch: 0 }
    expect(await addPartitions(nobody, [0])).toEqual([49])
    expect(await end(nobody, true)).toBe(49)
    const noId = { ...nobody, transactionalId: '' }
    expect(await addPartitions(noId, [0])).toEqual([42])
    expect(await end(noId, true)).toBe(42)
    const asked = { ...nobody, groupId: 'g' }
    expect((await gateway.ask(AddOffsetsToTxn, 3, asked)).errorCode).toBe(49)
    for (const wrong of [{ producerId: -1 }, { producerEpoch: -1 }]) {
      expect(await end({ ...nobody, ...wrong }, true)).toBe('producerId' in wrong ? 49 : 90)
    }
  })
})

describe('offsets in a transaction', () => {
  const commitOffset = async (producer: Producer, offset: number, more: object = {}, version = 4) => {
    const { topics } = await gateway.ask(TxnOffsetCommit, version, {
      ...producer,
      groupId: 'g',
      memberId: '',
      topics: [
        {
          name: 'tides',
          topicId: NO_UUID,
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm' }],
        },
      ],
      ...more,
    })
    return topics[0]!.partitions[0]!.errorCode
  }
  const addOffsets = async (producer: Producer) =>
    (await gateway.ask(AddOffsetsToTxn, 3, { ...producer, groupId: 'g' })).errorCode
  const fetchOffset = async (requireStable: boolean, version = 8) => {
    const topics = [{ name: 'tides', topicId: NO_UUID, partitionIndexes: [0] }]
    const request = { groupId: 'g', topics, groups: [{ groupId: 'g', topics }], requireStable }
    const answer = await gateway.ask(OffsetFetch, version, request)
    const found = version < 8 ? answer.topics : answer.groups[0]!.topics
    const { committedOffset, errorCode } = found[0]!.partitions[0]!
    return { committedOffset, errorCode }
  }

  test('count from its commit on', async () => {
    const producer = await begun()
    expect(await addOffsets(producer)).toBe(0)
    expect(await commitOffset(producer, 7)).toBe(0)
    for (const version of [7, 8, 9]) {
      expect(await fetchOffset(true, version)).toEqual({ committedOffset: -1, errorCode: 88 })
      expect(await fetchOffset(false, version)).toEqual({ committedOffset: -1, errorCode: 0 })
    }
    expect(await end(producer, true)).toBe(0)
    expect(await fetchOffset(true)).toEqual({ committedOffset: 7, errorCode: 0 })
    await addOffsets(producer)
    expect(await commitOffset(producer, 99, {}, 2)).toBe(0)
    expect(await fetchOffset(true)).toEqual({ committedOffset: -1, errorCode: 88 })
    expect(await fetchOffset(false)).toEqual({ committedOffset: 7, errorCode: 0 })
    expect(await end(producer, false)).toBe(0)
    expect(await fetchOffset(true)).toEqual({ committedOffset: 7, errorCode: 0 })
  })

  test('do not begin one by themselves, in the words of each version', async () => {
    const producer = await begun()
    expect([await commitOffset(producer, 7, {}, 3), await commitOffset(producer, 7, {}, 4)]).toEqual([
      48, 120,
    ])
    await addOffsets(producer)
    await end(producer, false)
    expect(await commitOffset(producer, 7)).toBe(120)
  })

  test('wait for those of another one of the same partition, in words that all clients try again on', async () => {
    const [first, second] = [await begun(), await begun('other')]
    await addOffsets(first)
    await addOffsets(second)
    expect(await commitOffset(first, 7)).toBe(0)
    for (const version of [2, 3, 4]) expect(await commitOffset(second, 8, {}, version)).toBe(14)
    expect(await end(first, true)).toBe(0)
    expect(await commitOffset(second, 8)).toBe(0)
    expect(await end(second, true)).toBe(0)
    expect(await fetchOffset(true)).toEqual({ committedOffset: 8, errorCode: 0 })
  })

  test('are refused where their member is not the group’s', async () => {
    const producer = await begun()
    await addOffsets(producer)
    expect(await commitOffset(producer, 7, { memberId: 'nobody', generationIdOrMemberEpoch: 3 })).toBe(22)
    expect(await commitOffset(producer, -1)).toBe(42)
    const older = { ...producer, producerEpoch: -1 }
    expect(await commitOffset(older, 7)).toBe(47)
    expect(await commitOffset({ ...producer, transactionalId: 'nobody' }, 7)).toBe(49)
  })
})

describe('transactions', () => {
  test('are described', async () => {
    const producer = await begun()
    await addPartitions(producer, [2, 1])
    const describeAll = async () =>
      (await gateway.ask(DescribeTransactions, 0, { transactionalIds: ['t', 'nobody', ''] }))
        .transactionStates
    const startedMs = gateway.harness.clock.nowMs()
    const [first, nobody, none] = await describeAll()
    expect(first).toMatchObject({
      errorCode: 0,
      transactionalId: 't',
      transactionState: 'Ongoing',
      transactionTimeoutMs: 60_000,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      topics: [{ topic: 'tides', partitions: [1, 2] }],
    })
    expect(Math.abs((first?.transactionStartTimeMs ?? 0) - startedMs)).toBeLessThan(60_000)
    expect([nobody?.errorCode, none?.errorCode]).toEqual([105, 42])
    await end(producer, true)
    expect((await describeAll())[0]).toMatchObject({ transactionState: 'CompleteCommit', topics: [] })
  })

  test('are listed, by state, producer, time and pattern', async () => {
    const one = await begun('one')
    await begun('two')
    await addPartitions(one, [0])
    const list = async (more: object, version = 2) => {
      const answer = await gateway.ask(ListTransactions, version, {
        stateFilters: [],
        producerIdFilters: [],
        ...more,
      })
      const { errorCode, unknownStateFilters, transactionStates } = answer
      const ids = transactionStates.map(({ transactionalId }) => transactionalId)
      return errorCode === 0 ? [...ids, ...unknownStateFilters] : errorCode
    }
    expect(await list({}, 0)).toEqual(['one', 'two'])
    expect(await list({ stateFilters: ['Ongoing'] })).toEqual(['one'])
    expect(await list({ stateFilters: ['Ongoing', 'Sideways'] })).toEqual(['one', 'Sideways'])
    expect(await list({ stateFilters: ['Sideways'] })).toEqual(['Sideways'])
    expect(await list({ producerIdFilters: [one.producerId] })).toEqual(['one'])
    expect(await list({ durationFilter: 3_600_000 }, 1)).toEqual([])
    expect(await list({ transactionalIdPattern: 't.*' })).toEqual(['two'])
    expect(await list({ transactionalIdPattern: '' })).toEqual(['one', 'two'])
    expect(await list({ transactionalIdPattern: '[' })).toBe(128)
  })

  test('begin nowhere in their partitions', async () => {
    const producer = await begun()
    await addPartitions(producer, [0])
    await send(producer, 0, ['a'])
    await end(producer, true)
    await addPartitions(producer, [0])
    const topics = [{ name: 'tides', partitionIndexes: [0] }]
    const described = await gateway.ask(DescribeProducers, 0, { topics })
    expect(described.topics[0]?.partitions[0]?.activeProducers).toMatchObject([
      { producerId: producer.producerId, currentTxnStartOffset: -1 },
    ])
  })
})
