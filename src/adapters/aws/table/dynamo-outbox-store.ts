import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type TransactWriteItemsCommandInput,
} from '@aws-sdk/client-dynamodb'
import { TABLE_BATCH_ITEMS_MAX, TABLE_WRITE_TIMEOUT_MS } from '../../../core/limits.ts'
import {
  OUTBOX_LANES_KEY,
  outboxFailedKey,
  outboxKey,
  parseOutboxLaneKey,
} from '../../../core/storage-outbox.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import type { OutboxStore } from '../../../ports/outbox-store.ts'
import { NotApplied } from '../../../ports/outcome.ts'
import { asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import {
  decodeLaneItem,
  decodeOutboxItem,
  decodeParkedItem,
  encodeLaneItem,
  encodeOutboxItem,
  encodeParkedItem,
  isLaneAt,
  laneItemKey,
  outboxItemKey,
} from '../items/outbox.ts'
import { type Item, sortKeyOf } from './attributes.ts'
import { EXISTS, goneOr, NO_ITEM, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'
import { type Expression, RequestTerms } from './expression.ts'

/** What a store of outboxes asks of DynamoDB beside what all stores do. */
export interface OutboxTable {
  readonly clients: ClientPair<DynamoDBClient>
  readonly name: string
}

type TransactItem = NonNullable<TransactWriteItemsCommandInput['TransactItems']>[number]

/** Outboxes in a DynamoDB table. */
export function dynamoOutboxStore(table: DynamoTable, { clients, name }: OutboxTable): OutboxStore {
  /** Tells whether all conditions held. */
  async function transact(TransactItems: TransactItem[]): Promise<boolean> {
    const command = new TransactWriteItemsCommand({ TransactItems })
    try {
      await clients.once.send(command, { abortSignal: AbortSignal.timeout(TABLE_WRITE_TIMEOUT_MS) })
      return true
    } catch (error) {
      if (error instanceof TransactionCanceledException) return heldFor(error)
      throw storeError(error, 'TransactWriteItems')
    }
  }

  /** Tells which keys DynamoDB had no capacity for. */
  async function removeSome(keys: readonly Item[]): Promise<Item[]> {
    const requests = keys.map(Key => ({ DeleteRequest: { Key } }))
    const command = new BatchWriteItemCommand({ RequestItems: { [name]: requests } })
    const options = { abortSignal: AbortSignal.timeout(TABLE_WRITE_TIMEOUT_MS) }
    const answer = await clients.repeating.send(command, options).catch(error => {
      throw storeError(error, 'BatchWriteItem')
    })
    return (answer.UnprocessedItems?.[name] ?? []).flatMap(({ DeleteRequest }) =>
      DeleteRequest?.Key ? [DeleteRequest.Key] : [],
    )
  }

  function storeError(error: unknown, action: string): unknown {
    return asStoreError(error, {
      action: `dynamodb:${action}`,
      resource: `the table "${name}"`,
      effect: 'write',
    })
  }

  const putting = (item: Item, when?: Expression): TransactItem => ({
    Put: { TableName: name, Item: item, ...(when && conditionOf(when)) },
  })

  return {
    put: async (placed, beside) => {
      beside?.()
      return await transact(
        placed.map(({ partition, item }) => putting(encodeOutboxItem(partition, item), NO_ITEM)),
      )
    },

    waiting: async (partition, limit, bytesMax) => {
      const found = []
      let bytes = 0
      for await (const item of table.list(under(outboxKey(partition)), decodeOutboxItem, { limit })) {
        bytes += item.batch.length
        if (found.length > 0 && bytes > bytesMax) break
        found.push(item)
      }
      return found
    },

    find: async (partition, keys) => {
      const found = await Promise.all(
        keys.map(key => table.read(outboxItemKey(partition, key), decodeOutboxItem)),
      )
      return found.filter(item => item !== undefined)
    },

    remove: async (partition, keys) => {
      if (keys.length === 1) {
        await table.remove(outboxItemKey(partition, keys[0]!))
        return
      }
      const batches: Item[][] = []
      for (let start = 0; start < keys.length; start += TABLE_BATCH_ITEMS_MAX) {
        const some = keys.slice(start, start + TABLE_BATCH_ITEMS_MAX)
        batches.push(some.map(key => outboxItemKey(partition, key)))
      }
      const left = (await Promise.all(batches.map(removeSome))).flat()
      // Whoever asked knows how long to wait, and asks for all of them again.
      if (left.length > 0) throw new NotApplied('dynamodb:BatchWriteItem was refused for now, of some items')
    },

    park: async (partition, item, parking, nowMs) => {
      const Key = outboxItemKey(partition, item.key)
      await transact([
        putting(encodeParkedItem(partition, { ...item, ...parking, parkedMs: nowMs })),
        { Delete: { TableName: name, Key, ...conditionOf(EXISTS) } },
      ])
    },

    parked: partition => table.list(under(outboxFailedKey(partition)), decodeParkedItem),

    readLane: partition => table.read(laneItemKey(partition), decodeLaneItem),

    putLane: async (partition, lane, expected) => {
      const { item } = await table.put(encodeLaneItem(partition, lane), isLaneAt(expected))
      return item && decodeLaneItem(item)
    },

    removeLane: async (partition, expected) => {
      await table.remove(laneItemKey(partition), goneOr(isLaneAt(expected)))
    },

    lanes: () => table.list(under(OUTBOX_LANES_KEY), laneOf, { keysAnd: '' }),
  }
}

function laneOf(item: Item): PartitionId {
  return parseOutboxLaneKey(sortKeyOf(item))
}

function conditionOf(when: Expression) {
  const terms = new RequestTerms()
  return { ConditionExpression: terms.write(when), ...terms.input() }
}

/** Of a transaction that was not done: false where a condition is the reason. @throws NotApplied where it is another one */
function heldFor({ CancellationReasons = [] }: TransactionCanceledException): boolean {
  const codes = CancellationReasons.map(({ Code }) => Code)
  if (codes.includes('ConditionalCheckFailed')) return false
  throw new NotApplied(`dynamodb:TransactWriteItems was cancelled: ${codes.join(', ')}`)
}
