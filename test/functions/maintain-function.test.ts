import { beforeEach, describe, expect, test } from 'vitest'
import { makeMaintainFunction } from '../../functions/maintain/maintain-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { readSettlingEnvironment } from '../../functions/runtime/settling-environment.ts'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import { flush } from '../../src/broker/settling/flush.ts'
import { settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { MAINTENANCE_LANES, MAINTENANCE_LEASE_MS, RECOVERY_WINDOW_DEFAULT_MS } from '../../src/core/limits.ts'
import { type MaintenanceCall, maintenanceCalls, maintenanceLane } from '../../src/core/maintenance-call.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../src/core/topic/partition-id.ts'
import { StoreFailed } from '../../src/ports/outcome.ts'
import { contextOf, openTestService, RecordedWakes, type TestService } from './function-service.ts'

const PARTITIONS = 12
/** Whatever is there is due. */
const EAGER = settlingSettings({
  rollBytes: 1,
  rollYoungMs: 0,
  graceMs: 0,
  advanceMs: 0,
  roundMs: 0,
  resweepMs: 0,
})

let service: TestService
let wakes: RecordedWakes
let broker: LogBroker
let topicId: string
let partitions: PartitionId[]

beforeEach(async () => {
  service = openTestService()
  wakes = new RecordedWakes()
  broker = openBroker(service)
  topicId = (await broker.createTopic({ topic: 'tides', partitions: PARTITIONS })).topicId
  partitions = partitionsOf({ topicId, partitions: PARTITIONS })
})

const maintain = () => makeMaintainFunction(service, EAGER, wakes)

/** Brings a record into each partition, in blocks. */
async function fill(): Promise<void> {
  for (const { partition } of partitions) {
    const batches = encodeBatch([{ value: Buffer.from(`ebb ${partition}`) }], { nowMs: Date.now() })
    await broker.produce({ topic: 'tides', partition, batches })
  }
  const all = partitions.map(partition => ({ partition, age: 'all' as const }))
  await flush(service.ports, all, service.ports.clock.monotonicMs() + 5_000)
}

async function settledIn(): Promise<number[]> {
  const heads = await Promise.all(partitions.map(each => service.ports.index.readHead(each)))
  return heads.map(head => head!.settled.settledOffset)
}

async function keys(): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of service.ports.objects.list()) found.push(key)
  return found
}

const laneCall = (lane: number, more: Partial<MaintenanceCall> = {}): MaintenanceCall => ({
  lane,
  partitions: 'all',
  from: '',
  upkeep: false,
  ...more,
})

test('what is due settles in the partitions that it is called for, and in no others', async () => {
  await fill()
  const [first, second] = partitions
  for (const call of maintenanceCalls([first!, second!])) await maintain()(call, contextOf())
  expect(await settledIn()).toEqual([1, 1, ...Array(PARTITIONS - 2).fill(0)])
  expect(service.telemetry.sum('RolledBytes')).toBeGreaterThan(100)
  expect(service.telemetry.sum('SettlingFailures')).toBe(0)
  expect(service.telemetry.reports.at(-1)?.details).toMatchObject({ outcome: 'done', requestId: 'request-1' })
  expect(wakes.calls).toEqual([])
  const { chunks } = await broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) })
  expect(chunks.flatMap(decodeBatches).map(({ value }) => `${Buffer.from(value!)}`)).toEqual(['ebb 0'])
})

test('each lane has its own partitions, and all together have all', async () => {
  await fill()
  for (let lane = 0; lane < MAINTENANCE_LANES; lane += 1) {
    await maintain()(laneCall(lane), contextOf())
    const expected = partitions.map(each => (maintenanceLane(each) <= lane ? 1 : 0))
    expect(await settledIn()).toEqual(expected)
  }
  expect(await settledIn()).toEqual(Array(PARTITIONS).fill(1))
})

test('what everything is looked at for leaves nothing behind but what the logs need', async () => {
  await fill()
  for (let times = 0; times < 8; times += 1) {
    for (const call of maintenanceCalls('everything')) await maintain()(call, contextOf())
  }
  const left = await keys()
  expect(left).toHaveLength(PARTITIONS)
  for (const key of left) expect(key).toMatch(/^log\//)
  expect(service.telemetry.sum('DeletedObjects')).toBeGreaterThan(0)
  expect(service.telemetry.sum('SettlingFailures')).toBe(0)
})

test('a run that finds nothing to do tells nothing, and costs no metric', async () => {
  for (const call of maintenanceCalls('everything')) await maintain()(call, contextOf())
  service.telemetry.reports.length = 0
  await maintain()(laneCall(1), contextOf())
  expect(service.telemetry.reports).toEqual([])
})

test('all groups are looked through once a day, and not whenever an epoch or some object is due', async () => {
  let looks = 0
  const { groups } = service.ports
  const list = groups.groups.bind(groups)
  groups.groups = () => {
    looks += 1
    return list()
  }
  for (const call of maintenanceCalls('upkeep')) await maintain()(call, contextOf())
  expect(looks).toBe(0)
  for (const call of maintenanceCalls('everything')) await maintain()(call, contextOf())
  expect(looks).toBe(1)
})

describe('of two runs of one lane', () => {
  const lease = (nowMs: number, untilMs: number) =>
    service.ports.upkeep.takeLease('maintenance#0', 'another', nowMs, untilMs)

  test('the later one ends at once', async () => {
    await fill()
    const nowMs = Date.now()
    await lease(nowMs, nowMs + 60_000)
    await maintain()(laneCall(0, { partitions }), contextOf())
    expect(await settledIn()).toEqual(Array(PARTITIONS).fill(0))
    expect(service.telemetry.reports.at(-1)?.details).toMatchObject({ outcome: 'busy' })
    // Another lane's is none of it.
    await maintain()(laneCall(1, { partitions }), contextOf())
    expect(await settledIn()).toEqual(Array(PARTITIONS).fill(1))
  })

  test('the next one may begin as soon as the first has ended, or after a while where it died', async () => {
    await maintain()(laneCall(0), contextOf())
    const nowMs = Date.now()
    expect(await lease(nowMs, nowMs + MAINTENANCE_LEASE_MS)).toBe(true)
    await service.ports.upkeep.takeLease('maintenance#0', 'another', nowMs, nowMs - 1)
    await fill()
    await maintain()(laneCall(0, { partitions }), contextOf())
    expect(await settledIn()).toEqual(Array(PARTITIONS).fill(1))
  })

  test('one that failed keeps nobody waiting', async () => {
    service.ports.topics.list = async function* () {
      yield* []
      throw new StoreFailed('access denied')
    }
    await maintain()(laneCall(0), contextOf())
    expect(service.telemetry.sum('SettlingFailures')).toBe(1)
    expect(service.telemetry.logged).toMatchObject([{ level: 'error', message: 'A run broke off' }])
    expect(await lease(Date.now(), Date.now() + 1_000)).toBe(true)
  })
})

describe('where its time is too short', () => {
  /** The time is over when so many partitions have been visited. */
  function endAfter(visits: number): void {
    const { clock, index } = service.ports
    const read = index.readHead.bind(index)
    const seen = new Set<string>()
    let lateMs = 0
    index.readHead = async partition => {
      seen.add(partitionKey(partition))
      if (seen.size > visits) lateMs = 60_000
      return await read(partition)
    }
    const late = { ...clock, nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs() + lateMs }
    service = { ...service, ports: { ...service.ports, clock: late } }
  }

  test('it calls itself for those that are left', async () => {
    await fill()
    endAfter(2)
    await maintain()(laneCall(0, { partitions }), contextOf())
    expect(wakes.calls).toEqual([laneCall(0, { partitions: partitions.slice(2) })])
    expect(service.telemetry.reports.at(-1)?.details).toMatchObject({ outcome: 'unfinished' })
  })

  test('and of a whole lane for what lies behind', async () => {
    await fill()
    const lanes = Array.from({ length: MAINTENANCE_LANES }, (_, lane) =>
      partitions
        .filter(each => maintenanceLane(each) === lane)
        .map(partitionKey)
        .toSorted(),
    )
    // Of twelve partitions in four lanes one has three at least.
    const own = lanes.find(({ length }) => length >= 3)!
    const lane = lanes.indexOf(own)
    endAfter(1)
    await maintain()(laneCall(lane, { upkeep: true }), contextOf())
    expect(wakes.calls).toEqual([laneCall(lane, { from: own[1]!, upkeep: true })])
  })

  test('and it has got nowhere, it is not called for ever', async () => {
    await fill()
    endAfter(0)
    await maintain()(laneCall(0, { partitions }), contextOf())
    expect(wakes.calls).toEqual([])
    expect(service.telemetry.sum('SettlingFailures')).toBe(1)
    expect(service.telemetry.logged).toMatchObject([{ level: 'error', details: partitions[0] }])
  })
})

test('a partition that fails is told by its name, and keeps no other from settling', async () => {
  await fill()
  const { index } = service.ports
  const read = index.readHead.bind(index)
  index.readHead = async partition => {
    if (partition.partition === 0) throw new RangeError('the head is damaged')
    return await read(partition)
  }
  await maintain()(laneCall(0, { partitions: partitions.slice(0, 3) }), contextOf())
  index.readHead = read
  expect((await settledIn()).slice(0, 3)).toEqual([0, 1, 1])
  expect(service.telemetry.sum('SettlingFailures')).toBe(1)
  expect(service.telemetry.logged).toMatchObject([
    { level: 'error', details: { topic: 'tides', partition: 0, reason: 'the head is damaged' } },
  ])
})

test.each([
  undefined,
  null,
  {},
  { Records: [] },
  laneCall(-1),
  laneCall(MAINTENANCE_LANES),
  { ...laneCall(0), partitions: [{}] },
])('an event that is no call is dropped: %j', async event => {
  await maintain()(event, contextOf())
  expect(service.telemetry.logged).toMatchObject([{ level: 'error' }])
  expect(service.telemetry.reports).toEqual([])
})

describe('the environment', () => {
  test('tells how long what nobody needs stays', () => {
    expect(readSettlingEnvironment({})).toEqual(settlingSettings({ graceMs: RECOVERY_WINDOW_DEFAULT_MS }))
    expect(readSettlingEnvironment({ TIDEMARK_GRACE_MS: '7200000' }).graceMs).toBe(7_200_000)
    for (const grace of ['60000', 'a day', '-1']) {
      expect(() => readSettlingEnvironment({ TIDEMARK_GRACE_MS: grace })).toThrow('Set TIDEMARK_GRACE_MS')
    }
  })

  test('shortens anything in tests', () => {
    const TIDEMARK_TEST_SETTLING = '{"graceMs":1,"rollBytes":2}'
    expect(readSettlingEnvironment({ TIDEMARK_TEST_SETTLING })).toEqual(
      settlingSettings({ graceMs: 1, rollBytes: 2 }),
    )
  })
})
