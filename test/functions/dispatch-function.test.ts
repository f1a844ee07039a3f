import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { makeDispatchFunction } from '../../functions/dispatch/dispatch-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../src/broker/triggers/triggers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { HEAD_KEY, logKey, TRIGGERS_KEY, triggerKey } from '../../src/core/storage-layout.ts'
import { NotApplied } from '../../src/ports/outcome.ts'
import type { LanedWakeUp, WakeUps } from '../../src/ports/wake-ups.ts'
import { contextOf, openTestService, type TestService } from './function-service.ts'

let service: TestService
let sent: { wakeUp: LanedWakeUp; occasion: string }[]
let isBroken: boolean
let dispatch: ReturnType<typeof makeDispatchFunction>
let topicId: string

const wakeUps: WakeUps = {
  wake: async (all, occasion) => {
    if (isBroken) throw new NotApplied('no queue today')
    sent.push(...all.map(wakeUp => ({ wakeUp, occasion })))
  },
}

beforeEach(async () => {
  service = openTestService()
  sent = []
  isBroken = false
  dispatch = makeDispatchFunction(service, { wakeUps })
  const broker = openBroker(service)
  topicId = (await broker.createTopic({ topic: 'orders', partitions: 3 })).topicId
  await broker.createTopic({ topic: 'payments' })
  const directory = new TopicDirectory(service.ports.topics, service.ports.clock)
  await new Triggers(service.ports, directory).put({
    groupId: 'shipping',
    topic: 'orders',
    target: 'arn:aws:lambda:us-east-1:123456789012:function:ship',
    settings: {},
  })
  await append(1)
})

async function append(partition: number): Promise<void> {
  const batches = encodeBatch([{ value: Buffer.from('x') }], { nowMs: 1 })
  await openBroker(service).produce({ topic: 'orders', partition, batches })
}

const keys = (pk: string, sk: string) => ({
  eventID: randomUUID(),
  dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } },
})
const headOf = (partition: number) => keys(logKey({ topicId, partition }), HEAD_KEY)
const partitions = () => sent.map(({ wakeUp }) => wakeUp.partition.partition).sort()

test('changed heads wake their triggers, each once', async () => {
  for (const partition of [0, 2]) await append(partition)
  await dispatch({ Records: [headOf(0), headOf(2), headOf(0)] }, contextOf())
  expect(partitions()).toEqual([0, 2])
  expect(sent[0]!.wakeUp).toMatchObject({ groupId: 'shipping', topic: 'orders', lane: 0 })
  expect(service.telemetry.reports).toMatchObject([{ metrics: { Requests: 1, WakeUps: 2 } }])
})

test('a batch that comes again is the same occasion, and the next one is another', async () => {
  const batch = { Records: [headOf(1)] }
  await dispatch(batch, contextOf())
  await dispatch(batch, contextOf())
  await dispatch({ Records: [headOf(1)] }, contextOf())
  const [first, second, third] = sent.map(({ occasion }) => occasion)
  expect(second).toBe(first)
  expect(third).not.toBe(first)
})

test('a trigger that was made or resumed looks at all its partitions', async () => {
  const changed = keys(TRIGGERS_KEY, triggerKey({ groupId: 'shipping', topic: 'orders' }))
  await dispatch({ Records: [changed] }, contextOf())
  expect(partitions()).toEqual([0, 1, 2])
})

test('a head that has changed in another way than by an append wakes nobody', async () => {
  await dispatch({ Records: [headOf(0), headOf(2)] }, contextOf())
  expect(sent).toEqual([])
})

test("what is nobody's wakes nobody", async () => {
  const Records = [
    keys(logKey({ topicId: randomUUID(), partition: 0 }), HEAD_KEY),
    keys(TRIGGERS_KEY, triggerKey({ groupId: 'billing', topic: 'orders' })),
  ]
  await dispatch({ Records }, contextOf())
  expect(sent).toEqual([])
  expect(service.telemetry.logged).toEqual([])
})

test.each([
  ['no keys', {}],
  ['nothing', null],
  ["a trigger's key that is none", keys(TRIGGERS_KEY, 'shipping')],
])('a record with %s is passed over, and those behind it are not', async (_, record) => {
  await dispatch({ Records: [record, headOf(1)] }, contextOf())
  expect(partitions()).toEqual([1])
  expect(service.telemetry.sum('UnknownStreamRecords')).toBe(1)
  expect(service.telemetry.logged).toMatchObject([{ level: 'warn' }])
})

test('the schedule wakes for what is behind', async () => {
  await dispatch({ source: 'aws.events', 'detail-type': 'Scheduled Event' }, contextOf())
  expect(partitions()).toEqual([1])
  expect(service.telemetry.reports).toMatchObject([{ metrics: { WakeUps: 1 }, details: { looked: 3 } }])
})

test('a queue that fails fails the invocation, so that the batch comes again', async () => {
  isBroken = true
  const clock = new VirtualClock(Date.now())
  dispatch = makeDispatchFunction({ ...service, ports: { ...service.ports, clock } }, { wakeUps })
  let isOver = false
  const dispatched = dispatch({ Records: [headOf(1)] }, contextOf()).finally(() => {
    isOver = true
  })
  await Promise.all([
    expect(dispatched).rejects.toThrow('no queue today'),
    // It tries again and again for as long as there is time.
    clock.runUntil(() => isOver),
  ])
})
