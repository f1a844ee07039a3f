/** What an application may put where outboxes are, and a relay meets: nothing of it holds up what is behind it. */
import { type AttributeValue, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type AwsTable, openAwsTable } from '../../../src/adapters/aws/table/aws-table.ts'
import { openOutboxStore } from '../../../src/adapters/aws/table/open-outbox-store.ts'
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { Relay } from '../../../src/broker/outbox/relay.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { TABLE_ITEM_BYTES_MAX } from '../../../src/core/limits.ts'
import type { ParkedItem } from '../../../src/core/outbox/outbox-item.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { outboxKey } from '../../../src/core/storage-outbox.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import type { OutboxStore } from '../../../src/ports/outbox-store.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable } from '../../aws/tables.ts'

const RELAY_MS = 10_000

describeDynamoDbLocal('an outbox of which an application has made what it liked', () => {
  let client: DynamoDBClient
  let made: Awaited<ReturnType<typeof createTestTable>>
  let table: AwsTable
  let outboxes: OutboxStore & { close(): void }
  let broker: LogBroker
  let relay: Relay
  let partition: PartitionId
  let topics = 0

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    client = new DynamoDBClient({ endpoint })
    made = await createTestTable(endpoint)
    table = openAwsTable({ endpoint, table: made.table, states: true })
    outboxes = openOutboxStore({ endpoint, table: made.table })
    const { objects } = openMemoryStore(systemClock)
    const ports = { ...table, objects, outboxes, clock: systemClock, entropy: systemEntropy }
    broker = new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError: () => {} })
    relay = new Relay({ ports, broker, directory: new TopicDirectory(table.topics, systemClock) })
  })
  beforeEach(async () => {
    topics += 1
    partition = { topicId: (await broker.createTopic({ topic: `orders-${topics}` })).topicId, partition: 0 }
  })
  afterAll(async () => {
    await broker.close()
    table.close()
    outboxes.close()
    client.destroy()
    await made.remove()
  })

  const put = (sk: string, item: Record<string, AttributeValue>, pk = outboxKey(partition)) =>
    client.send(
      new PutItemCommand({ TableName: made.table, Item: { pk: { S: pk }, sk: { S: sk }, ...item } }),
    )
  const batchOf = (value: string | Uint8Array) =>
    encodeBatch([{ value: Buffer.from(value) }], { nowMs: Date.now() })
  const putGood = () =>
    put('2', { topic: { S: `orders-${topics}` }, batch: { B: batchOf('good') }, createdMs: { N: '1' } })

  async function parked(): Promise<ParkedItem[]> {
    const found: ParkedItem[] = []
    for await (const item of outboxes.parked(partition)) found.push(item)
    return found
  }

  test.each([
    [
      'a name of a topic that no key has',
      { topic: { S: 'x'.repeat(2_000) }, batch: { B: batchOf('odd') } },
      2,
      0,
    ],
    [
      'a name as large as an item',
      { topic: { S: 'x'.repeat(TABLE_ITEM_BYTES_MAX - 500) }, batch: { B: new Uint8Array(3) } },
      1,
      1,
    ],
    [
      'bytes that leave no room for a reason',
      { batch: { B: new Uint8Array(TABLE_ITEM_BYTES_MAX - 60) } },
      1,
      1,
    ],
    [
      'a batch that fills an item',
      { batch: { B: batchOf(new Uint8Array(TABLE_ITEM_BYTES_MAX - 250)) } },
      2,
      0,
    ],
    ['a time that is none', { batch: { B: batchOf('odd') }, createdMs: { N: '9e99' } }, 2, 0],
  ])('%s', async (_, item: Record<string, AttributeValue>, movedItems, parkedItems) => {
    await put('1', item)
    await putGood()
    const relayed = await relay.relay([partition], systemClock.monotonicMs() + RELAY_MS)
    expect(relayed).toMatchObject({ moved: movedItems, parked: parkedItems, isFinished: true, failed: [] })
    expect(await parked()).toHaveLength(parkedItems)
  })

  test('for a topic that is gone', async () => {
    await put('1', { topic: { S: 'x'.repeat(TABLE_ITEM_BYTES_MAX - 500) } })
    await broker.deleteTopic(`orders-${topics}`)
    await put('2', { batch: { B: new Uint8Array(TABLE_ITEM_BYTES_MAX - 100) } })
    const relayed = await relay.relay([partition], systemClock.monotonicMs() + RELAY_MS)
    expect(relayed).toMatchObject({ parked: 2, isFinished: true, failed: [] })
    for (const { reason } of await parked()) expect(reason.length).toBeLessThan(1_000)
  })
})
