/** The functions that flush and maintain, in this process, over DynamoDB Local and an emulator's S3. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { makeFlushFunction } from '../../functions/flush/flush-function.ts'
import { makeMaintainFunction } from '../../functions/maintain/maintain-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { openAwsTable } from '../../src/adapters/aws/table/aws-table.ts'
import { UsageMeter } from '../../src/adapters/aws/usage-meter.ts'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import { settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { VerifySummary } from '../../src/broker/verifying/finding.ts'
import { verify } from '../../src/broker/verifying/verify.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { HEAD_KEY, logKey } from '../../src/core/storage-layout.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'
import { awsEndpoint, dynamoDbLocalEndpoint } from '../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../aws/tables.ts'
import { contextOf, openTestService, type TestService } from './function-service.ts'

const SOON = settlingSettings({
  rollBytes: 1,
  rollYoungMs: 0,
  graceMs: 0,
  advanceMs: 0,
  roundMs: 0,
  resweepMs: 0,
})
/** What the role of the maintain function may do, in the SDK's words: test/infra/permissions.test.ts holds the list. */
const MAY_SEND = [
  'AbortMultipartUpload',
  'BatchWriteItem',
  'CompleteMultipartUpload',
  'CreateMultipartUpload',
  'DeleteItem',
  'DeleteObject',
  'DeleteObjects',
  'GetItem',
  'GetObject',
  'HeadObject',
  'ListObjectsV2',
  'PutItem',
  'PutObject',
  'Query',
  'UpdateItem',
  'UploadPart',
]

const isMissing = inject('awsEndpoint') === undefined || inject('dynamoDbLocalEndpoint') === undefined

describe.skipIf(isMissing)('on DynamoDB and S3, what flushes has what maintains', () => {
  const meter = new UsageMeter()
  let service: TestService
  let broker: LogBroker
  /** The same store, whose requests nobody counts. */
  let plain: Ports
  let flush: ReturnType<typeof makeFlushFunction>
  const closers: (() => unknown)[] = []

  beforeAll(async () => {
    const testTable = await createTestTable(dynamoDbLocalEndpoint())
    const testBucket = await createTestBucket(awsEndpoint())
    closers.push(testTable.remove, testBucket.remove)
    const open = (counted: { meter?: UsageMeter }): Ports => {
      const address = { endpoint: dynamoDbLocalEndpoint(), table: testTable.table, states: true }
      const { format, close, ...stores } = openAwsTable({ ...address, ...counted })
      const { bucket } = testBucket
      const opened = openAwsBucket({ endpoint: awsEndpoint(), bucket, format, ...counted })
      closers.unshift(close, opened.close)
      return { ...stores, objects: opened.objects, clock: systemClock, entropy: systemEntropy }
    }
    service = openTestService(open({ meter }))
    plain = open({})
    broker = openBroker(service)
    // As Lambda does, but that it is waited for.
    const wakes: MaintenanceWakes = {
      wake: async calls => {
        for (const call of calls) await makeMaintainFunction(service, SOON, wakes)(call, contextOf(60_000))
      },
    }
    flush = makeFlushFunction(service, SOON, wakes)
  })
  afterAll(async () => {
    for (const close of closers) await close()
  })

  async function produce(topic: string, values: readonly (string | null)[], key?: string): Promise<void> {
    for (const value of values) {
      const record = {
        value: value === null ? null : Buffer.from(value),
        ...(key && { key: Buffer.from(key) }),
      }
      const batches = encodeBatch([record], { nowMs: Date.now() })
      await broker.produce({ topic, partition: 0, batches })
    }
  }

  async function read(topic: string, from = 0): Promise<[number, string][]> {
    const records: [number, string][] = []
    for (let offset = toOffset(from); ; ) {
      const { chunks, nextOffset, endOffset } = await broker.fetch({ topic, partition: 0, offset })
      for (const { offset: at, value } of chunks.flatMap(decodeBatches)) {
        if (at >= offset) records.push([at, Buffer.from(value!).toString()])
      }
      if (nextOffset >= endOffset) return records
      offset = nextOffset
    }
  }

  async function keys(): Promise<string[]> {
    const found: string[] = []
    for await (const { key } of service.ports.objects.list()) found.push(key)
    return found
  }

  /** Several looks of the schedule: epochs end one after the other. */
  async function look(times = 8): Promise<void> {
    for (let nth = 0; nth < times; nth += 1)
      await flush({ 'detail-type': 'Scheduled Event' }, contextOf(60_000))
  }

  async function expectSound(): Promise<void> {
    const problems: string[] = []
    for await (const { severity, place, problem } of verify(plain, new VerifySummary(), {
      isDeep: true,
    }))
      problems.push(`${severity} ${place}: ${problem}`)
    expect(problems).toEqual([])
    expect(service.telemetry.logged).toEqual([])
  }

  test('what is written is rolled, woken by the stream', async () => {
    const { topicId } = await broker.createTopic({ topic: 'tides' })
    await produce('tides', ['ebb', 'flow', 'slack'])
    const Keys = { pk: { S: logKey({ topicId, partition: 0 }) }, sk: { S: HEAD_KEY } }
    await flush({ Records: [{ dynamodb: { Keys } }] }, contextOf(60_000))
    const head = await service.ports.index.readHead({ topicId, partition: 0 })
    expect(head!.settled.settledOffset).toBe(3)
    expect(await read('tides')).toEqual([
      [0, 'ebb'],
      [1, 'flow'],
      [2, 'slack'],
    ])
  })

  test('its looks leave nothing but segments', async () => {
    await produce('tides', ['spring', 'neap'])
    // Small records stay in the table for a while before they are flushed.
    for (let looks = 0; (await keys()).some(key => !key.startsWith('log/')) || looks < 8; looks += 1) {
      expect(looks).toBeLessThan(100)
      await look(1)
      await sleep(200)
    }
    expect((await read('tides')).map(([, value]) => value)).toEqual([
      'ebb',
      'flow',
      'slack',
      'spring',
      'neap',
    ])
    await expectSound()
  })

  test('what has come of age goes, and of each key all but the last value', async () => {
    const configs = { 'segment.bytes': '14' }
    await broker.createTopic({ topic: 'short', configs: { ...configs, 'retention.ms': '1' } })
    const compact = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' }
    await broker.createTopic({ topic: 'last', configs: { ...configs, ...compact } })
    for (let round = 0; round < 3; round += 1) {
      await produce('short', [`reading ${round}`])
      await produce('last', [`a${round}`], 'a')
      await produce('last', [`b${round}`], 'b')
      await look(2)
    }
    await look()
    const { startOffset } = await broker
      .offsetFor({ topic: 'short', partition: 0, at: 'earliest' })
      .then(({ offset }) => ({ startOffset: offset! }))
    expect(startOffset).toBeGreaterThan(0)
    expect((await read('short', startOffset)).length).toBe(3 - startOffset)
    const left = await read('last')
    expect(left.slice(-2).map(([, value]) => value)).toEqual(['a2', 'b2'])
    expect(left.length).toBeLessThan(6)
    await expectSound()
  })

  test('a deleted topic leaves its tombstone', async () => {
    const { topicId } = (await service.ports.topics.get('tides'))!
    await broker.deleteTopic('tides')
    await look()
    const left = (await keys()).filter(key => key.includes(topicId))
    expect(left).toEqual([`deleted/${topicId}`])
    await expectSound()
  })

  test('and sends nothing that its role may not', () => {
    const sent = Object.keys(meter.usage())
    expect(sent.filter(command => !MAY_SEND.includes(command))).toEqual([])
    expect(sent).toContain('DeleteObjects')
  })
})
