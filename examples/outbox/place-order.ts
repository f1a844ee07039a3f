import {
  DynamoDBClient,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
// In a program of your own: from 'tidemark/client'.
import { outbox } from '../../src/client/index.ts'

const { SHOP_TABLE, TIDEMARK_TABLE, ORDERS_TOPIC } = process.env
const client = new DynamoDBClient()
const box = outbox({ table: TIDEMARK_TABLE!, topics: [JSON.parse(ORDERS_TOPIC!)] })

export interface Order {
  readonly id: string
  readonly customer: string
  readonly amount: number
}

/**
 * Keeps an order and tells of it: both or neither, and neither twice. Whoever places an order again, since it heard no answer, finds
 * that it is there.
 */
export async function handler(order: Order): Promise<'placed' | 'placed before'> {
  const placed = { type: 'placed', ...order }
  const command = new TransactWriteItemsCommand({
    // AWS's client repeats it under one token, which is known for ten minutes. The condition below holds for ever.
    TransactItems: [
      {
        Put: {
          TableName: SHOP_TABLE!,
          Item: { id: { S: order.id }, customer: { S: order.customer }, amount: { N: `${order.amount}` } },
          ConditionExpression: 'attribute_not_exists(id)',
        },
      },
      ...box.item({
        topic: 'orders',
        messages: [{ key: order.customer, value: JSON.stringify(placed) }],
      }),
    ],
  })
  try {
    await client.send(command)
    return 'placed'
  } catch (error) {
    const isThere =
      error instanceof TransactionCanceledException &&
      error.CancellationReasons?.[0]?.Code === 'ConditionalCheckFailed'
    if (isThere) return 'placed before'
    throw error
  }
}
