import { beforeEach, expect, test } from 'vitest'
import { makeDispatchFunction } from '../../functions/dispatch/dispatch-function.ts'
import { makeRelayFunction } from '../../functions/relay/relay-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { Relay } from '../../src/broker/outbox/relay.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { HEAD_KEY, logKey } from '../../src/core/storage-layout.ts'
import { outboxFailedKey, outboxKey } from '../../src/core/storage-outbox.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import { NotApplied } from '../../src/ports/outcome.ts'
import { contextOf, openTestService, type TestService } from './function-service.ts'

let service: TestService
let outboxes: ReturnType<typeof openMemoryStore>['outboxes']
let relay: ReturnType<typeof makeRelayFunction>
let topicId: string
let keys = 0

beforeEach(async () => {
  service = openTestService()
  outboxes = openMemoryStore(new VirtualClock(0)).outboxes
  const broker = openBroker(service)
  topicId = (await broker.createTopic({ topic: 'orders', partitions: 3 })).topicId
  const ports = { ...service.ports, outboxes }
  const directory = new TopicDirectory(ports.topics, ports.clock)
  relay = makeRelayFunction(service, new Relay({ ports, broker, directory }))
})

async function put(partition: number, createdMs = Date.now()): Promise<void> {
  const batch = encodeBatch([{ value: Buffer.from('x') }], { nowMs: createdMs })
  keys += 1
  const item = { key: `key-${keys}`, topic: 'orders', batch, createdMs }
  await outboxes.put([{ partition: { topicId, partition }, item }])
}

async function countIn(partition: number): Promise<number> {
  return (await service.ports.index.readHead({ topicId, partition }))!.nextOffset
}

test('a call moves what its partitions have, and tells how much and how old', async () => {
  await put(0, Date.now() - 5_000)
  await put(1)
  await put(2)
  await relay({ partitions: [0, 1].map(partition => ({ topicId, partition })) }, contextOf())
  expect([await countIn(0), await countIn(1), await countIn(2)]).toEqual([1, 1, 0])
  const [report] = service.telemetry.reports
  expect(report).toMatchObject({
    metrics: { Requests: 1, ProducedRecords: 2 },
    details: { trigger: 'stream', items: 2, partitions: 2 },
  })
  expect(report!.metrics.LagMs).toBeGreaterThanOrEqual(5_000)
})

test('the schedule looks where something was before, and now and then everywhere', async () => {
  await put(0)
  await relay({ look: 'known' }, contextOf())
  expect(await countIn(0)).toBe(0)
  await relay({ look: 'all' }, contextOf())
  await put(0)
  await put(1)
  await relay({ source: 'aws.events' }, contextOf())
  expect([await countIn(0), await countIn(1)]).toEqual([2, 0])
})

test('a call that finds nothing tells nothing', async () => {
  await relay({ partitions: [{ topicId, partition: 0 }] }, contextOf())
  await relay({ look: 'all' }, contextOf())
  expect(service.telemetry.reports).toEqual([])
})

test('what is put aside is counted, and what fails is told, and thrown once the others are done', async () => {
  const ghost = { topicId: 'none', partition: 0 }
  const batch = encodeBatch([{ value: null }], { nowMs: 1 })
  await outboxes.put([{ partition: ghost, item: { key: 'a', topic: 'gone', batch, createdMs: Date.now() } }])
  await put(0)
  await put(1)
  const { index } = service.ports
  const { append } = index
  Object.assign(index, {
    append: (...call: Parameters<typeof append>) => {
      if (call[0].partition === 1) throw new RangeError('the item is damaged')
      return append(...call)
    },
  })
  const partitions = [ghost, { topicId, partition: 1 }, { topicId, partition: 0 }]
  await expect(relay({ partitions }, contextOf())).rejects.toThrow(/the item is damaged/)
  expect(await countIn(0)).toBe(1)
  expect(service.telemetry.reports[0]!.metrics).toMatchObject({
    ProducedRecords: 1,
    GivenUpRecords: 1,
    Errors: 1,
  })
})

test('dispatch calls for outboxes that something has come into, each once, and for nothing else', async () => {
  const calls: (readonly PartitionId[])[] = []
  const relays = { call: async (partitions: readonly PartitionId[]) => void calls.push(partitions) }
  const dispatch = makeDispatchFunction(service, { relays })
  const record = (pk: string, sk: string) => ({ dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } } })
  const [one, other] = [0, 2].map(partition => ({ topicId, partition }))
  const Records = [
    record(outboxKey(one!), 'a'),
    record(outboxKey(one!), 'b'),
    record(outboxKey(other!), 'head'),
    record('outbox#', 'a'),
    record('outbox#a', 'a'),
    record(outboxFailedKey(one!), 'a'),
    record(logKey(one!), HEAD_KEY),
  ]
  await dispatch({ Records }, contextOf())
  expect(calls).toEqual([[one, other]])
  await dispatch({ Records: [record(logKey(one!), HEAD_KEY)] }, contextOf())
  expect(calls).toHaveLength(1)
  const broken = makeDispatchFunction(service, {
    relays: { call: () => Promise.reject(new NotApplied('not today')) },
  })
  await expect(broken({ Records }, contextOf())).rejects.toThrow('not today')
})
