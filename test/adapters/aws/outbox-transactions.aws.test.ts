import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openOutboxStore } from '../../../src/adapters/aws/table/open-outbox-store.ts'
import { outbox } from '../../../src/client/index.ts'
import type { OutboxStore } from '../../../src/ports/outbox-store.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable } from '../../aws/tables.ts'

/** What an application meets that puts outbox items into its own transactions. */
describeDynamoDbLocal('an outbox in a transaction of DynamoDB', () => {
  const shop = `shop-${randomUUID()}`
  const topicId = randomUUID()
  const partition = { topicId, partition: 0 }
  let client: DynamoDBClient
  let store: OutboxStore & { close(): void }
  let box: ReturnType<typeof outbox>
  let broker: Awaited<ReturnType<typeof createTestTable>>

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    client = new DynamoDBClient({ endpoint })
    broker = await createTestTable(endpoint)
    store = openOutboxStore({ endpoint, table: broker.table })
    box = outbox({ table: broker.table, topics: [{ topic: 'orders', topicId, partitions: 1 }] })
    await client.send(
      new CreateTableCommand({
        TableName: shop,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    )
    await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName: shop })
  })
  afterAll(async () => {
    await client.send(new DeleteTableCommand({ TableName: shop }))
    client.destroy()
    store.close()
    await broker.remove()
  })

  const waiting = () => store.waiting(partition, 1_000, 10_000_000)
  const orderOf = (id: string): TransactWriteItem => ({
    Put: { TableName: shop, Item: { id: { S: id } }, ConditionExpression: 'attribute_not_exists(id)' },
  })
  const event = { topic: 'orders', messages: [{ value: 'placed' }] }
  const transact = (TransactItems: TransactWriteItem[], ClientRequestToken?: string) =>
    client.send(
      new TransactWriteItemsCommand({ TransactItems, ...(ClientRequestToken && { ClientRequestToken }) }),
    )
  const reasonsOf = async (sent: Promise<unknown>) => {
    const error = await sent.then(
      () => undefined,
      error => error,
    )
    expect(error).toBeInstanceOf(TransactionCanceledException)
    return (error as TransactionCanceledException).CancellationReasons!.map(({ Code }) => Code)
  }

  test('is there with the application’s own write, and not without it', async () => {
    const before = (await waiting()).length
    await transact([orderOf('a'), ...box.item(event)])
    expect(await waiting()).toHaveLength(before + 1)
    expect(await reasonsOf(transact([orderOf('a'), ...box.item(event)]))).toEqual([
      'ConditionalCheckFailed',
      'None',
    ])
    expect(await waiting()).toHaveLength(before + 1)
  })

  test('is done once for one client token, and once for its condition where that is forgotten', async () => {
    const before = (await waiting()).length
    const elements = [orderOf('b'), ...box.item(event)]
    const token = randomUUID()
    await transact(elements, token)
    // The same transaction, as AWS's own client repeats it within ten minutes.
    await transact(elements, token)
    expect(await waiting()).toHaveLength(before + 1)
    // Ten minutes later nobody knows the token any more: as if it were another one.
    expect(await reasonsOf(transact(elements, randomUUID()))).toEqual([
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
    ])
    // And once the item was moved, the application's own condition is all that is left.
    await store.remove(
      partition,
      (await waiting()).map(({ key }) => key),
    )
    expect(await reasonsOf(transact(elements, randomUUID()))).toEqual(['ConditionalCheckFailed', 'None'])
    expect(await waiting()).toEqual([])
  })

  test('without a condition of the application’s own comes twice, which is what the docs warn of', async () => {
    const elements = [{ Put: { TableName: shop, Item: { id: { S: 'unguarded' } } } }, ...box.item(event)]
    await transact(elements, randomUUID())
    const keys = (await waiting()).map(({ key }) => key)
    await store.remove(partition, keys)
    await transact(elements, randomUUID())
    expect((await waiting()).map(({ key }) => key)).toEqual(keys)
    await store.remove(partition, keys)
  })

  test('may be of any other form, and is seen as one without a batch', async () => {
    const [element] = box.item(event)
    const { pk, sk } = element!.Put.Item
    for (const [index, Item] of [
      {},
      { topic: { N: '7' }, batch: { S: 'text' }, createdMs: { S: 'now' } },
    ].entries()) {
      const key = { pk: pk!, sk: { S: `junk-${index}` } }
      await transact([{ Put: { TableName: broker.table, Item: { ...key, ...Item } } }])
      const [found] = await waiting()
      expect(found).toEqual({ key: `junk-${index}`, topic: '', batch: new Uint8Array(), createdMs: 0 })
      await store.park(partition, found!, { error: 'CORRUPT_MESSAGE', reason: 'no' }, 1)
      expect(await waiting()).toEqual([])
    }
    expect(sk).toEqual({ S: expect.any(String) })
  })

  test('that is too large DynamoDB refuses whole; one of the largest size it takes', async () => {
    const largest = box.item({ topic: 'orders', messages: [{ value: Buffer.alloc(408_300) }] })
    expect(largest).toHaveLength(1)
    await transact([orderOf('large'), ...largest])
    expect((await waiting()).map(({ batch }) => batch.length)).toEqual([expect.any(Number)])
    await store.remove(
      partition,
      (await waiting()).map(({ key }) => key),
    )
  })
})

/** No emulator ever answers so: they do one transaction after the other. */
describe('a transaction that AWS cancels since another one is at the same item', () => {
  const box = outbox({ table: 't', topics: [{ topic: 'orders', topicId: 'a', partitions: 1 }] })
  const conflict = () =>
    new TransactionCanceledException({
      message:
        'Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, None]',
      $metadata: { httpStatusCode: 400 },
      CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'None' }],
    })

  test('is repeated by the application with the same elements, and done once', async () => {
    const sent: string[] = []
    const client = new DynamoDBClient({ region: 'us-east-1', endpoint: 'http://127.0.0.1:1' })
    client.middlewareStack.add(
      () => async args => {
        const { TransactItems } = args.input as TransactWriteItemsCommand['input']
        sent.push(TransactItems!.at(-1)!.Put!.Item!.sk!.S!)
        if (sent.length <= 2) throw conflict()
        return { response: undefined, output: { $metadata: {} } } as never
      },
      { step: 'initialize', name: 'conflicts' },
    )
    const elements = box.item({ topic: 'orders', messages: [{ value: 'placed' }] })
    // As docs/outbox.md has it.
    const isConflict = (error: unknown) =>
      error instanceof TransactionCanceledException &&
      error.CancellationReasons?.some(({ Code }) => Code === 'TransactionConflict')
    for (let tries = 0; ; tries += 1) {
      try {
        await client.send(new TransactWriteItemsCommand({ TransactItems: elements }))
        break
      } catch (error) {
        if (!isConflict(error) || tries === 5) throw error
      }
    }
    expect(sent).toEqual(Array(3).fill((elements[0]!.Put.Item.sk as { S: string }).S))
    client.destroy()
  })
})
