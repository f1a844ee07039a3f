import { DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAwsTable } from '../../../src/adapters/aws/table/aws-table.ts'
import { openOutboxStore } from '../../../src/adapters/aws/table/open-outbox-store.ts'
import { type Usage, UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { MemoryObjectStore } from '../../../src/adapters/memory/memory-object-store.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import type { OutboxPorts } from '../../../src/broker/outbox/carry-out.ts'
import { Relay } from '../../../src/broker/outbox/relay.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { type Outbox, outbox } from '../../../src/client/index.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable } from '../../aws/tables.ts'

/** What docs/cost.md says of outboxes. */
describeDynamoDbLocal('an outbox on DynamoDB costs', () => {
  const meter = new UsageMeter()
  let table: Awaited<ReturnType<typeof createTestTable>>
  let store: ReturnType<typeof openAwsTable>
  let outboxes: ReturnType<typeof openOutboxStore>
  let broker: LogBroker
  let relay: Relay
  let client: DynamoDBClient
  let box: Outbox
  let topicId: string

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    table = await createTestTable(endpoint)
    client = new DynamoDBClient({ endpoint })
    store = openAwsTable({ endpoint, meter, table: table.table, states: false })
    outboxes = openOutboxStore({ endpoint, meter, table: table.table })
    const { index, topics, groups, triggers, upkeep, transactions } = store
    const ports: OutboxPorts = {
      objects: new MemoryObjectStore(systemClock),
      index,
      topics,
      groups,
      triggers,
      upkeep,
      transactions,
      outboxes,
      clock: systemClock,
      entropy: systemEntropy,
    }
    const reportError = (error: unknown) => {
      throw error
    }
    broker = new LogBroker(ports, { lingerMs: 0, reportError, flushes: 'elsewhere', topicCacheMs: 3_600_000 })
    relay = new Relay({ ports, broker, directory: new TopicDirectory(topics, systemClock, 3_600_000) })
    topicId = (await broker.createTopic({ topic: 'orders' })).topicId
    box = outbox({ table: table.table, topics: [{ topic: 'orders', topicId, partitions: 1 }] })
  })
  afterAll(async () => {
    await broker.close()
    client.destroy()
    outboxes.close()
    store.close()
    await table.remove()
  })

  const value = Buffer.alloc(200, 'x')
  const put = async () => {
    const { ConsumedCapacity } = await client.send(
      new TransactWriteItemsCommand({
        TransactItems: box.item({ topic: 'orders', messages: [{ value }] }),
        ReturnConsumedCapacity: 'TOTAL',
      }),
    )
    return ConsumedCapacity![0]!.CapacityUnits!
  }
  const sum = (usage: Usage) => {
    const all = Object.values(usage)
    return {
      requests: all.reduce((total, { requests }) => total + requests, 0),
      writeUnits: all.reduce((total, { writeUnits }) => total + writeUnits, 0),
      readUnits: all.reduce((total, { readUnits }) => total + readUnits, 0),
    }
  }
  async function costOf(items: number): Promise<ReturnType<typeof sum>> {
    for (let item = 0; item < items; item += 1) await put()
    meter.reset()
    const relayed = await relay.relay([{ topicId, partition: 0 }], systemClock.monotonicMs() + 60_000)
    expect(relayed).toMatchObject({ moved: items, isFinished: true, failed: [] })
    return sum(meter.usage())
  }

  test('two write units in the application’s transaction', async () => {
    expect(await put()).toBe(2)
    await relay.relay([{ topicId, partition: 0 }], systemClock.monotonicMs() + 60_000)
  })

  test('half a dozen requests for an item that comes alone', async () => {
    const costs: ReturnType<typeof sum>[] = []
    for (let round = 0; round < 10; round += 1) costs.push(await costOf(1))
    const average = (of: (cost: ReturnType<typeof sum>) => number) =>
      costs.reduce((total, cost) => total + of(cost), 0) / costs.length
    // Two looks, the lane, the append, with every second one a block, and the removal.
    expect(average(({ requests }) => requests)).toBeLessThanOrEqual(5.6)
    expect(average(({ writeUnits }) => writeUnits)).toBeLessThanOrEqual(3.6)
    expect(average(({ readUnits }) => readUnits)).toBeLessThanOrEqual(2)
  })

  test('little more than its own removal for each of twenty-five that come together', async () => {
    const { requests, writeUnits, readUnits } = await costOf(25)
    // The first is removed last, by itself.
    expect(requests).toBeLessThanOrEqual(7)
    expect(writeUnits).toBeLessThanOrEqual(25 + 4)
    expect(readUnits).toBeLessThanOrEqual(2 * 4)
  })
})
