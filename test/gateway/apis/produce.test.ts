import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { flush } from '../../../src/broker/settling/flush.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { CRC_AT, RECORDS_AT } from '../../../src/core/record/batch-layout.ts'
import { batchChecksum } from '../../../src/core/record/checksum.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { ConnectionEnded } from '../../../src/gateway/apis/handler.ts'
import { DescribeProducers } from '../../../src/gateway/wire/messages/describe-producers.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import { batchOf, joined, NOW_MS, readAll } from '../../broker/harness.ts'
import { AskedGateway } from './asking.ts'

let gateway: AskedGateway
beforeEach(() => {
  gateway = new AskedGateway()
})

interface Sent {
  readonly topic?: string
  readonly partition?: number
  readonly records: Uint8Array | null
}

const requestOf = (acks: number, sent: readonly Sent[]) => ({
  acks,
  timeoutMs: 1_000,
  topicData: sent.map(({ topic = 'tides', partition = 0, records }) => ({
    name: topic,
    topicId: NO_UUID,
    partitionData: [{ index: partition, records }],
  })),
})

async function produce(sent: readonly Sent[], { acks = -1, version = 11 } = {}) {
  const { responses } = await gateway.ask(Produce, version, requestOf(acks, sent))
  return responses.flatMap(({ partitionResponses }) => partitionResponses)
}

const codes = async (...sent: Sent[]) => (await produce(sent)).map(({ errorCode }) => errorCode)
const values = async (partition = 0) =>
  (await gateway.harness.run(readAll(gateway.broker, { topic: 'tides', partition }))).map(
    ({ value }) => value,
  )

describe('a produce', () => {
  beforeEach(() => gateway.createTopic('tides', 3))

  test.each([3, 5, 8, 9, 11])('in version %i writes, and tells where', async version => {
    await produce([{ records: batchOf(['a', 'b']) }])
    const [answer] = await produce([{ records: batchOf(['c']) }], { version })
    expect(answer).toMatchObject({ index: 0, errorCode: 0, baseOffset: 2, logAppendTimeMs: -1 })
    expect(answer?.logStartOffset).toBe(version < 5 ? -1 : 0)
    expect(await values()).toEqual(['a', 'b', 'c'])
  })

  test('of several partitions and topics has an answer for each', async () => {
    await gateway.createTopic('ebb')
    const records = () => batchOf(['a'])
    expect(
      await codes(
        { records: records() },
        { partition: 2, records: records() },
        { partition: 3, records: records() },
        { partition: -1, records: records() },
        { topic: 'ebb', records: records() },
        { topic: 'flow', records: records() },
      ),
    ).toEqual([0, 0, 3, 3, 0, 3])
    expect(await values(2)).toEqual(['a'])
  })

  test('to a topic with the longest name that can be said is refused in words that can be', async () => {
    const topic = 'ü'.repeat(16_383)
    const [answer] = await produce([{ topic, records: batchOf(['a']) }], { version: 8 })
    expect(answer).toMatchObject({ errorCode: 3, errorMessage: expect.stringContaining('There is no topic') })
  })

  test('needs no more acknowledgement than it is given anyway', async () => {
    await produce([{ records: batchOf(['a']) }], { acks: 1 })
    await expect(produce([{ records: batchOf(['b']) }], { acks: 2 })).resolves.toMatchObject([
      { errorCode: 21, baseOffset: -1 },
    ])
    expect(await values()).toEqual(['a'])
  })

  test('whose answer nobody wants has none', async () => {
    const { harness } = gateway
    const request = requestOf(0, [{ records: batchOf(['a']) }])
    expect(await harness.run(gateway.begin(Produce, 11, request))).toBe(undefined)
    expect(await values()).toEqual(['a'])
  })

  test('whose answer nobody wants, and that fails, ends the connection', async () => {
    const request = requestOf(0, [{ topic: 'flow', records: batchOf(['a']) }])
    const failed = gateway.begin(Produce, 11, request).catch((error: unknown) => error)
    expect(await gateway.harness.run(failed)).toBeInstanceOf(ConnectionEnded)
  })

  test('of a version with older records ends the connection', async () => {
    for (const version of [0, 1, 2]) {
      const request = requestOf(-1, [{ records: batchOf(['a']) }])
      const failed = gateway.begin(Produce, version, request).catch((error: unknown) => error)
      expect(await gateway.harness.run(failed)).toBeInstanceOf(ConnectionEnded)
    }
  })

  test('without records is refused', async () => {
    expect(await codes({ records: null }, { records: new Uint8Array() })).toEqual([87, 87])
  })

  test('of damaged records is refused', async () => {
    const records = batchOf(['a'])
    records[records.length - 1]! ^= 1
    const [answer] = await produce([{ records }])
    expect(answer).toMatchObject({ errorCode: 2, errorMessage: expect.stringContaining('CRC') })
  })

  test('begins to write before it waits for anything: so those of a connection keep their order', async () => {
    const begun = Array.from({ length: 20 }, (_, number) =>
      gateway.begin(Produce, 11, requestOf(-1, [{ records: batchOf([`${number}`]) }])),
    )
    const answers = await gateway.harness.run(Promise.all(begun))
    const offsets = answers.map(answer => answer?.responses[0]?.partitionResponses[0]?.baseOffset)
    expect(offsets).toEqual(Array.from({ length: 20 }, (_, number) => number))
  })

  test('with records of the future says which', async () => {
    const records = [NOW_MS, NOW_MS + 3_700_000, NOW_MS, NOW_MS + 3_700_001].map(timestampMs => ({
      value: Buffer.from('a'),
      timestampMs,
    }))
    const batch = (compression: 'none' | 'gzip') => new Uint8Array(encodeBatch(records, { compression }))
    for (const compression of ['none', 'gzip'] as const) {
      const [answer] = await produce([{ records: batch(compression) }])
      expect(answer?.errorCode).toBe(32)
      expect(answer?.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1, 3])
      expect(answer?.recordErrors[0]?.batchIndexErrorMessage).toContain(`${NOW_MS + 3_700_000}`)
    }
    const [before] = await produce([{ records: batch('none') }], { version: 7 })
    expect(before).toMatchObject({ errorCode: 32, recordErrors: [] })
  })

  test('with records of the future that cannot be read is refused beside others that are written', async () => {
    await gateway.createTopic('ebb')
    const value = Buffer.from('a')
    const records = new Uint8Array(encodeBatch([{ value, timestampMs: NOW_MS + 9_000_000 }]))
    records.fill(0xff, RECORDS_AT)
    new DataView(records.buffer).setUint32(CRC_AT, batchChecksum(records, 0, records.length))
    const answers = await produce([{ topic: 'ebb', records: batchOf(['b']) }, { records }])
    expect(answers).toMatchObject([{ errorCode: 0 }, { errorCode: 32, recordErrors: [] }])
  })

  test('that fails unexpectedly ends its connection, and not the process, while others are being written', async () => {
    await gateway.createTopic('ebb')
    const { produce: write } = gateway.broker
    gateway.broker.produce = request =>
      request.topic === 'ebb' ? Promise.reject(new RangeError('a bug')) : write(request)
    const unhandled: unknown[] = []
    const note = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', note)
    onTestFinished(() => void process.off('unhandledRejection', note))
    const sent = [{ records: batchOf(['a']) }, { topic: 'ebb', records: batchOf(['b']) }]
    const failed = gateway.begin(Produce, 11, requestOf(-1, sent)).catch((error: unknown) => error)
    await new Promise(resolve => setImmediate(resolve))
    expect(await gateway.harness.run(failed)).toMatchObject({ message: 'a bug' })
    expect(unhandled).toEqual([])
  })

  test('that is too large is one that a client can send in parts', async () => {
    const [answer] = await produce([{ records: batchOf(['a'], { padding: 2_000_000 }) }])
    expect(answer?.errorCode).toBe(10)
    const [larger] = await produce([{ records: new Uint8Array(5_000_000) }])
    expect(larger?.errorCode).toBe(10)
  })

  test('to a broker that closes is sent to another', async () => {
    await gateway.harness.run(gateway.broker.close())
    expect(await codes({ records: batchOf(['a']) })).toEqual([6])
  })
})

test('records without a key are told one by one where their topic is compacted', async () => {
  await gateway.createTopic('tides', 1, { 'cleanup.policy': 'compact' })
  const batch = new Uint8Array(
    encodeBatch(
      [null, 'a', null].map(key => ({
        key: key === null ? null : Buffer.from(key),
        value: Buffer.from('x'),
        timestampMs: NOW_MS,
      })),
    ),
  )
  const [answer] = await produce([{ records: batch }])
  expect(answer?.errorCode).toBe(87)
  expect(answer?.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([0, 2])
})

test('a topic that stamps its records tells when', async () => {
  await gateway.createTopic('tides', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const [answer] = await produce([{ records: batchOf(['a'], { timestampMs: 5 }) }])
  expect(answer).toMatchObject({ errorCode: 0, logAppendTimeMs: gateway.harness.clock.nowMs() })
})

describe('an idempotent producer', () => {
  beforeEach(() => gateway.createTopic('tides'))
  const numbered = (baseSequence: number, producerEpoch = 0, count = 2) =>
    new Uint8Array(
      encodeBatch(
        Array.from({ length: count }, () => ({ value: Buffer.from('x'), timestampMs: NOW_MS })),
        { producerId: 7n, producerEpoch, baseSequence },
      ),
    )

  test('has each batch written once, and is told where', async () => {
    const [first] = await produce([{ records: numbered(0) }])
    const [next] = await produce([{ records: numbered(2) }])
    const [again] = await produce([{ records: numbered(0) }])
    expect([first, next, again].map(answer => answer?.baseOffset)).toEqual([0, 2, 0])
    expect(again?.errorCode).toBe(0)
    expect(await values()).toHaveLength(4)
  })

  test('is told what is missing, and of a newer one', async () => {
    await produce([{ records: numbered(0) }])
    expect(await codes({ records: numbered(3) })).toEqual([45])
    expect(await codes({ records: numbered(2) })).toEqual([0])
    expect(await codes({ records: numbered(1, 1) })).toEqual([45])
    expect(await codes({ records: numbered(0, 1) })).toEqual([0])
    expect(await codes({ records: numbered(4, 0) })).toEqual([47])
  })
})

test('a batch of its own starts where the log has been cut', async () => {
  await gateway.createTopic('tides')
  await produce([{ records: joined([batchOf(['a']), batchOf(['b'])]) }])
  const beforeOffset = toOffset(1)
  await gateway.harness.run(gateway.broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset }))
  expect((await produce([{ records: batchOf(['c']) }]))[0]).toMatchObject({
    baseOffset: 2,
    logStartOffset: 1,
  })
})

test('the idempotent producers of a partition are told, in the tail and behind it', async () => {
  await gateway.createTopic('tides', 2)
  const numbered = (producerId: bigint, baseSequence: number, producerEpoch = 3) => ({
    records: new Uint8Array(
      encodeBatch([{ value: Buffer.from('a') }, { value: Buffer.from('b') }], {
        nowMs: NOW_MS,
        producerId,
        producerEpoch,
        baseSequence,
      }),
    ),
  })
  await produce([numbered(7n, 0)])
  const { harness } = gateway
  const partition = await harness.partitionId('tides')
  const untilMs = harness.clock.monotonicMs() + 60_000
  await harness.run(flush(harness.ports, [{ partition, age: 'all' }], untilMs))
  await produce([numbered(9n, 0)])
  await produce([numbered(9n, 2), { records: batchOf(['of nobody']) }])
  const described = await gateway.ask(DescribeProducers, 0, {
    topics: [
      { name: 'tides', partitionIndexes: [0, 1, 2] },
      { name: 'ebb', partitionIndexes: [0] },
    ],
  })
  const [tides, ebb] = described.topics.map(({ partitions }) => partitions)
  const shared = { producerEpoch: 3, coordinatorEpoch: -1, currentTxnStartOffset: -1 }
  expect(tides?.[0]?.activeProducers).toMatchObject([
    { ...shared, producerId: 7, lastSequence: 1 },
    { ...shared, producerId: 9, lastSequence: 3 },
  ])
  expect(tides?.[0]?.activeProducers.every(({ lastTimestamp }) => lastTimestamp >= NOW_MS)).toBe(true)
  expect(tides?.[1]).toMatchObject({ errorCode: 0, activeProducers: [] })
  expect(tides?.[2]?.errorCode).toBe(3)
  expect(ebb?.[0]?.errorCode).toBe(3)
})
