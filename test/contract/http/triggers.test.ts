import { afterAll, beforeAll, expect, test } from 'vitest'
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import type { Trigger } from '../../../src/core/trigger/trigger.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { type Served, serveBroker } from './served-broker.ts'

let served: Served
let broker: HttpBroker

const ports: Ports = {
  ...openMemoryStore(systemClock),
  clock: systemClock,
  entropy: systemEntropy,
}

beforeAll(async () => {
  const reportError = (error: unknown) => {
    throw error
  }
  served = await serveBroker({ wrap: () => new LogBroker(ports, { lingerMs: 0, reportError }) })
  broker = new HttpBroker({ url: served.url })
  await broker.createTopic({ topic: 'tides' })
})

afterAll(() => served.close())

function triggerOf(groupId: string, topic = 'tides'): Trigger {
  return {
    triggerId: systemEntropy.id(),
    groupId,
    topic,
    target: 'arn:aws:lambda:eu-west-1:000000000000:function:tides',
    state: 'active',
    settings: {
      batchSize: 100,
      maxBatchingWindowMs: 500,
      startingPosition: { timestampMs: 1_750_000_000_000 },
      parallelism: null,
      retryAttempts: 0,
      maxRecordAgeMs: null,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      filters: ['{"key":["a"]}'],
      onFailure: 'tidemark://lost',
      callTimeoutMs: 3_000,
    },
    createdMs: 1_750_000_000_000,
    version: 1,
  }
}

test('triggers are listed with all that is set, and with whether their topics are there', async () => {
  const [one, other] = [triggerOf('a!b'), triggerOf('a', 'gone')]
  for (const trigger of [one, other]) await ports.triggers.putTrigger(trigger)
  const describe = ({ settings, version, ...trigger }: Trigger, hasTopic: boolean) => ({
    ...trigger,
    ...settings,
    hasTopic,
  })
  expect(await broker.listTriggers()).toEqual([describe(other, false), describe(one, true)])
  for (const { groupId, topic, triggerId } of [one, other])
    await ports.triggers.removeTrigger(groupId, topic, triggerId)
  expect(await broker.listTriggers()).toEqual([])
})

// What a path or a key could take for something else.
test.each(['plain', 'a/b', 'per%2Fcent%', 'hash#?&=+', 'a b', 'ümläut 🌊', '../..'])(
  'the trigger of the group %j is paused, resumed and deleted',
  async groupId => {
    const trigger = triggerOf(groupId)
    await ports.triggers.putTrigger(trigger)
    const name = { groupId, topic: 'tides' }
    const paused = { ...name, triggerId: trigger.triggerId, state: 'paused', hasTopic: true }
    expect(await broker.pauseTrigger(name)).toMatchObject(paused)
    expect(await broker.pauseTrigger(name)).toMatchObject(paused)
    expect(await ports.triggers.readTrigger(groupId, 'tides')).toMatchObject({ state: 'paused', version: 2 })
    expect(await broker.resumeTrigger(name)).toMatchObject({ state: 'active' })
    // Another version, so that whoever watches looks at its partitions.
    await broker.resumeTrigger(name)
    expect(await ports.triggers.readTrigger(groupId, 'tides')).toMatchObject({ state: 'active', version: 4 })
    await expect(broker.deleteTrigger(name)).rejects.toMatchObject({
      kafkaName: 'NON_EMPTY_GROUP',
      written: 'no',
    })
    await broker.pauseTrigger(name)
    await broker.deleteTrigger(name)
    expect(await ports.triggers.readTrigger(groupId, 'tides')).toBeUndefined()
  },
)

test('a trigger that is not there, and names that are none', async () => {
  const error = (kafkaName: string) => expect.objectContaining({ kafkaName, written: 'no' })
  for (const change of ['pauseTrigger', 'resumeTrigger', 'deleteTrigger'] as const) {
    await expect(broker[change]({ groupId: 'nobody', topic: 'tides' })).rejects.toEqual(
      error('GROUP_ID_NOT_FOUND'),
    )
    await expect(broker[change]({ groupId: 'nobody', topic: 'a#b' })).rejects.toEqual(
      error('INVALID_TOPIC_EXCEPTION'),
    )
    await expect(broker[change]({ groupId: '..', topic: 'tides' })).rejects.toEqual(error('INVALID_GROUP_ID'))
  }
})

test("the group is the trigger's alone", async () => {
  await ports.triggers.putTrigger(triggerOf('alone'))
  const join = broker.heartbeat({
    groupId: 'alone',
    memberId: 'one',
    memberEpoch: 0,
    topics: ['tides'],
    owned: [],
  })
  await expect(join).rejects.toMatchObject({ kafkaName: 'INCONSISTENT_GROUP_PROTOCOL', retriable: false })
})
