import {
  type AttributeValue,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { TABLE_BATCH_ITEMS_MAX, TABLE_READ_TIMEOUT_MS, TABLE_WRITE_TIMEOUT_MS } from '../../core/limits.ts'
import { NotApplied } from '../../ports/outcome.ts'
import { asStoreError } from './aws-failures.ts'
import type { Item } from './dynamo-items.ts'
import type { TableClients } from './table-clients.ts'

/** A condition in DynamoDB's words, with the values that it names. */
export interface Condition {
  readonly expression: string
  readonly values?: Record<string, AttributeValue>
}

/** What an update does, and on which condition; names and values are those of both. */
export interface Update {
  readonly expression: string
  readonly condition: string
  /** Of map members that no expression can spell out. */
  readonly names: Record<string, string>
  readonly values: Record<string, AttributeValue>
}

/** Whether a condition held, and the item: as it became where it did, as it stands where it did not. */
export interface Checked {
  readonly held: boolean
  readonly item: Item | undefined
}

/** Which items of one partition key a query is for. */
export interface Selection {
  readonly condition: string
  readonly values: Record<string, AttributeValue>
  /** How many items, at most; all unless set. */
  readonly limit?: number
  readonly descending?: boolean
  /** Only this attribute; the units are the same. */
  readonly attribute?: string
}

export interface DynamoTableSettings {
  /** How long a conditional write waits for its answer. */
  readonly writeTimeoutMs?: number
  /** How long any other request may take, all tries together. */
  readonly readTimeoutMs?: number
}

/**
 * One DynamoDB table. Every read is strongly consistent: the protocol reads to find out what earlier writes, of
 * whichever process, have become. All methods throw NotApplied and StoreFailed, those that write OutcomeUnknown too.
 */
export class DynamoTable {
  readonly #clients: TableClients
  readonly #name: string
  readonly #settings: Required<DynamoTableSettings>

  constructor(clients: TableClients, name: string, settings: DynamoTableSettings = {}) {
    this.#clients = clients
    this.#name = name
    this.#settings = {
      writeTimeoutMs: TABLE_WRITE_TIMEOUT_MS,
      readTimeoutMs: TABLE_READ_TIMEOUT_MS,
      ...settings,
    }
  }

  async get(key: Item): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.#name, Key: key, ConsistentRead: true })
    const send = () => this.#clients.repeating.send(command, this.#within('readTimeoutMs'))
    return (await this.#attempt('GetItem', 'read', send)).Item
  }

  /** One atomic step on one item; nothing is made where there is none, unless the condition allows it. */
  async update(key: Item, update: Update): Promise<Checked> {
    const command = new UpdateItemCommand({
      TableName: this.#name,
      Key: key,
      UpdateExpression: update.expression,
      ConditionExpression: update.condition,
      // DynamoDB refuses an empty map of names.
      ...(Object.keys(update.names).length > 0 && { ExpressionAttributeNames: update.names }),
      ExpressionAttributeValues: update.values,
      ReturnValues: 'ALL_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    const send = () => this.#clients.once.send(command, this.#within('writeTimeoutMs'))
    return await this.#check('UpdateItem', async () => (await send()).Attributes)
  }

  /** Writes over what stands, unless there is a condition. */
  async put(item: Item, condition?: Condition): Promise<Checked> {
    const command = new PutItemCommand({
      TableName: this.#name,
      Item: item,
      ...(condition && asInput(condition)),
    })
    return await this.#check('PutItem', async () => {
      await this.#clients.once.send(command, this.#within('writeTimeoutMs'))
      return item
    })
  }

  /** Tells whether the condition held; one item or none makes no difference without a condition. */
  async remove(key: Item, condition?: Condition): Promise<boolean> {
    const command = new DeleteItemCommand({
      TableName: this.#name,
      Key: key,
      ...(condition && asInput(condition)),
    })
    const { held } = await this.#check('DeleteItem', async () => {
      await this.#clients.once.send(command, this.#within('writeTimeoutMs'))
      return undefined
    })
    return held
  }

  /** Items in the order of their sort keys, however many pages they fill. */
  async *query(selection: Selection): AsyncGenerator<Item> {
    let left = selection.limit ?? Number.POSITIVE_INFINITY
    let startKey: Item | undefined
    do {
      const command = new QueryCommand({
        TableName: this.#name,
        KeyConditionExpression: selection.condition,
        ExpressionAttributeValues: selection.values,
        ConsistentRead: true,
        ScanIndexForward: !selection.descending,
        ExclusiveStartKey: startKey,
        ...(Number.isFinite(left) && { Limit: left }),
        ...(selection.attribute && { ProjectionExpression: selection.attribute }),
      })
      const send = () => this.#clients.repeating.send(command, this.#within('readTimeoutMs'))
      const { Items = [], LastEvaluatedKey } = await this.#attempt('Query', 'read', send)
      yield* Items
      left -= Items.length
      startKey = LastEvaluatedKey
    } while (startKey && left > 0)
  }

  /** One page of the items' keys, in an order that only DynamoDB knows. */
  async scanKeys(
    attributes: string,
    startKey: Item | undefined,
    limit: number,
  ): Promise<{ keys: Item[]; lastKey: Item | undefined }> {
    const command = new ScanCommand({
      TableName: this.#name,
      ConsistentRead: true,
      ProjectionExpression: attributes,
      ExclusiveStartKey: startKey,
      Limit: limit,
    })
    const send = () => this.#clients.repeating.send(command, this.#within('readTimeoutMs'))
    const { Items = [], LastEvaluatedKey } = await this.#attempt('Scan', 'read', send)
    return { keys: Items, lastKey: LastEvaluatedKey }
  }

  /** Removes items without a condition, some of them or all when it throws. May be repeated. */
  async removeAll(keys: readonly Item[]): Promise<void> {
    for (let from = 0; from < keys.length; from += TABLE_BATCH_ITEMS_MAX) {
      let left = keys.slice(from, from + TABLE_BATCH_ITEMS_MAX)
      while (left.length > 0) left = await this.#removeSome(left)
    }
  }

  /** Tells which keys DynamoDB had no capacity for. */
  async #removeSome(keys: readonly Item[]): Promise<Item[]> {
    const requests = keys.map(Key => ({ DeleteRequest: { Key } }))
    const command = new BatchWriteItemCommand({ RequestItems: { [this.#name]: requests } })
    const send = () => this.#clients.repeating.send(command, this.#within('readTimeoutMs'))
    const { UnprocessedItems } = await this.#attempt('BatchWriteItem', 'write', send)
    const left = (UnprocessedItems?.[this.#name] ?? []).flatMap(({ DeleteRequest }) =>
      DeleteRequest?.Key ? [DeleteRequest.Key] : [],
    )
    // Whoever asked knows how long to wait.
    if (left.length === keys.length) throw new NotApplied('dynamodb:BatchWriteItem was refused for now')
    return left
  }

  async #check(action: string, send: () => Promise<Item | undefined>): Promise<Checked> {
    return await this.#attempt(action, 'write', async () => {
      try {
        return { held: true, item: await send() }
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return { held: false, item: error.Item }
        throw error
      }
    })
  }

  /** The SDK's own time-outs begin when a socket is free; these begin now. */
  #within(timeout: keyof DynamoTableSettings) {
    return { abortSignal: AbortSignal.timeout(this.#settings[timeout]) }
  }

  async #attempt<Answer>(
    action: string,
    effect: 'read' | 'write',
    send: () => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await send()
    } catch (error) {
      throw asStoreError(error, {
        action: `dynamodb:${action}`,
        resource: `the table "${this.#name}"`,
        effect,
      })
    }
  }
}

function asInput({ expression, values }: Condition) {
  return {
    ConditionExpression: expression,
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    ...(values && { ExpressionAttributeValues: values }),
  } as const
}
