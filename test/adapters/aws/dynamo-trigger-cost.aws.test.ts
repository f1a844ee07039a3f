import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAwsTable } from '../../../src/adapters/aws/table/aws-table.ts'
import { UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { MemoryObjectStore } from '../../../src/adapters/memory/memory-object-store.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../../src/broker/triggers/triggers.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable } from '../../aws/tables.ts'

const TARGET = `arn:aws:lambda:eu-west-1:000000000000:function:${'f'.repeat(64)}`

describeDynamoDbLocal('triggers on DynamoDB:', () => {
  const meter = new UsageMeter()
  let table: Awaited<ReturnType<typeof createTestTable>>
  let store: ReturnType<typeof openAwsTable>
  let broker: LogBroker
  let triggers: Triggers

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    table = await createTestTable(endpoint)
    store = openAwsTable({ endpoint, meter, table: table.table, states: false })
    const { index, topics, groups, triggers: items, upkeep, transactions } = store
    const ports: Ports = {
      objects: new MemoryObjectStore(systemClock),
      index,
      topics,
      groups,
      triggers: items,
      upkeep,
      transactions,
      clock: systemClock,
      entropy: systemEntropy,
    }
    const reportError = (error: unknown) => {
      throw error
    }
    broker = new LogBroker(ports, { lingerMs: 0, reportError, flushes: 'elsewhere' })
    triggers = new Triggers(ports, new TopicDirectory(topics, systemClock))
    await broker.createTopic({ topic: 'tides', partitions: 4 })
  })
  afterAll(async () => {
    await broker.close()
    store.close()
    await table.remove()
  })

  test('the whole life of one', async () => {
    const name = { groupId: 'bil/ling', topic: 'tides' }
    await triggers.put({ ...name, target: TARGET, settings: { startingPosition: 'latest' } })
    expect(await broker.fetchOffsets({ groupId: name.groupId })).toHaveLength(4)
    const join = { ...name, memberId: 'one', memberEpoch: 0, topics: ['tides'], owned: [] }
    await expect(broker.heartbeat(join)).rejects.toMatchObject({ kafkaName: 'INCONSISTENT_GROUP_PROTOCOL' })
    expect(await broker.describeGroup(name.groupId)).toMatchObject({ state: 'Stable', members: 1 })
    expect(await broker.pauseTrigger(name)).toMatchObject({ state: 'paused', hasTopic: true })
    const offsets = [{ topic: 'tides', partition: 2, offset: toOffset(0) }]
    expect(await broker.commitOffsets({ groupId: name.groupId, offsets })).toMatchObject([{ error: null }])
    expect(await broker.resumeTrigger(name)).toMatchObject({ state: 'active' })
    await expect(broker.deleteGroup(name.groupId)).rejects.toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
    await triggers.remove(name)
    expect(await broker.listTriggers()).toEqual([])
    await broker.deleteGroup(name.groupId)
  })

  test('looking whether a group has any is one query, and one with all its settings takes one write unit', async () => {
    meter.reset()
    for await (const trigger of store.triggers.triggers('nobody'))
      throw new Error(`there is ${trigger.topic}`)
    expect(meter.usage()).toMatchObject({ Query: { requests: 1 } })
    await triggers.put({
      groupId: 'full',
      topic: 'tides',
      target: TARGET,
      settings: {
        batchSize: 10_000,
        maxBatchingWindowMs: 300_000,
        parallelism: 4,
        retryAttempts: 3,
        maxRecordAgeMs: 60_000,
        filters: ['{"value":{"port":["Brest"]}}'],
        onFailure: `arn:aws:sqs:eu-west-1:000000000000:${'q'.repeat(80)}`,
        callTimeoutMs: 840_000,
      },
    })
    meter.reset()
    await triggers.pause({ groupId: 'full', topic: 'tides' })
    expect(meter.usage()).toMatchObject({
      GetItem: { requests: 1, readUnits: 1, writeUnits: 0 },
      PutItem: { requests: 1, readUnits: 0, writeUnits: 1 },
    })
  })
})
