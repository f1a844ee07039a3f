import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { producerItemKey } from '../../../src/adapters/aws/items/producer.ts'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { PRODUCER_EXPIRATION_MS, PRODUCER_SILENT_MS_MAX } from '../../../src/core/limits.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'

describeDynamoDbLocal('what an idempotent producer asks of DynamoDB:', () => {
  const meter = new UsageMeter()
  let aheadMs = 0
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
  let clients: ReturnType<typeof makeTableClients>
  let table: Awaited<ReturnType<typeof createTestTable>>
  let ports: Ports
  let partition: PartitionId
  let warm: LogBroker
  let sequence: number
  let topicNumber = 0
  let topic: string

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    table = await createTestTable(endpoint)
    clients = makeTableClients({ endpoint, meter })
    ports = {
      ...openMemoryStore(clock),
      clock,
      entropy: systemEntropy,
      index: dynamoLogIndex(new DynamoTable(clients, table.table, PATIENT)),
    }
  })
  afterAll(async () => {
    clients.close()
    await table.remove()
  })
  beforeEach(async () => {
    sequence = 0
    topicNumber += 1
    topic = `tides-${topicNumber}`
    warm = open()
    await warm.createTopic({ topic })
    partition = { topicId: (await ports.topics.get(topic))!.topicId, partition: 0 }
    // Of a producer with no numbers, so that the broker has seen the head.
    await send(warm, {})
    meter.reset()
  })

  function open(): LogBroker {
    const reportError = (error: unknown) => {
      throw error
    }
    return new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError })
  }

  async function send(broker: LogBroker, options: Parameters<typeof encodeBatch>[1]): Promise<number> {
    const records = [{ value: Buffer.from('6.2'), timestampMs: clock.nowMs() }]
    const batches = new Uint8Array(encodeBatch(records, options))
    return (await broker.produce({ topic, partition: 0, batches })).baseOffset
  }

  async function sendNext(broker: LogBroker, producerId = 2n ** 62n + 1n): Promise<number> {
    const baseOffset = await send(broker, { producerId, producerEpoch: 0, baseSequence: sequence })
    sequence += 1
    return baseOffset
  }

  const flushAll = () => flush(ports, [{ partition, age: 'all' }], clock.monotonicMs() + 60_000)

  /** Others write, long enough for a producer to leave the head. */
  async function moveOn(): Promise<void> {
    aheadMs += PRODUCER_SILENT_MS_MAX + 1_000
    await send(open(), {})
    await flushAll()
    expect((await ports.index.readHead(partition))?.producers.size).toBe(0)
    meter.reset()
  }

  /**
   * How many requests there were since, and how many units, by operation. A refused write takes units as well, but its
   * answer does not say how many.
   */
  function asked(): Record<string, string> {
    const usage = Object.entries(meter.usage()).map(([name, { requests, readUnits, writeUnits }]) => [
      name,
      `${requests} for ${readUnits + writeUnits}`,
    ])
    meter.reset()
    return Object.fromEntries(usage)
  }

  test('a first batch one read more than others, and later ones nothing', async () => {
    await sendNext(warm)
    expect(asked()).toEqual({ GetItem: '1 for 1', UpdateItem: '1 for 1' })
    for (let batch = 0; batch < 3; batch += 1) {
      await sendNext(warm)
      expect(asked()).toEqual({ UpdateItem: '1 for 1' })
    }
    sequence = 0
    await sendNext(open(), 8n)
    // The head, which any first append reads, and the item that is not there.
    expect(asked()).toEqual({ GetItem: '2 for 2', UpdateItem: '1 for 1' })
  })

  test('a producer that leaves the head one put, and two where it had left before', async () => {
    await sendNext(warm)
    // The block is another put.
    for (const puts of ['2 for 2', '3 for 2']) {
      aheadMs += PRODUCER_SILENT_MS_MAX + 1_000
      await send(open(), {})
      meter.reset()
      await flushAll()
      expect(asked()).toEqual({ GetItem: '1 for 1', PutItem: puts, UpdateItem: '1 for 1' })
      await sendNext(warm)
    }
  })

  test('a producer that comes back one read, and a refused append where its broker had seen it in the head', async () => {
    await sendNext(warm)
    await moveOn()
    await sendNext(warm)
    expect(asked()).toEqual({ GetItem: '1 for 1', UpdateItem: '2 for 1' })
    await moveOn()
    const fresh = open()
    await send(fresh, {})
    meter.reset()
    await sendNext(fresh)
    expect(asked()).toEqual({ GetItem: '1 for 1', UpdateItem: '1 for 1' })
  })

  test('a repetition of a producer that has left the head three reads, and no write', async () => {
    const offset = await sendNext(warm)
    await moveOn()
    const fresh = open()
    await send(fresh, {})
    meter.reset()
    sequence = 0
    expect(await sendNext(fresh)).toBe(offset)
    expect(asked()).toEqual({ GetItem: '3 for 3' })
  })

  test('an item that tells DynamoDB when it may go', async () => {
    const beforeMs = clock.nowMs()
    await sendNext(warm)
    await moveOn()
    const Key = producerItemKey(partition, 2n ** 62n + 1n)
    const command = new GetItemCommand({ TableName: table.table, Key, ConsistentRead: true })
    const item = (await clients.once.send(command)).Item!
    const expiryMs = Number(item.expirySeconds!.N) * 1_000
    expect(expiryMs).toBeGreaterThanOrEqual(beforeMs + PRODUCER_EXPIRATION_MS)
    expect(expiryMs).toBeLessThanOrEqual(clock.nowMs() + PRODUCER_EXPIRATION_MS)
  })
})
