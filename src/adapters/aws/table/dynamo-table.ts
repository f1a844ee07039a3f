import {
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import {
  TABLE_BATCH_ITEMS_MAX,
  TABLE_READ_ATTEMPTS_MAX,
  TABLE_READ_TIMEOUT_MS,
  TABLE_WRITE_TIMEOUT_MS,
} from '../../../core/limits.ts'
import { KEY_ATTRIBUTES } from '../../../core/storage-layout.ts'
import { meaningOf } from '../../../ports/damaged-item.ts'
import { NotApplied } from '../../../ports/outcome.ts'
import { type AwsCall, asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import type { Item } from './attributes.ts'
import { type Expression, joined, RequestTerms } from './expression.ts'

const KEYS = `${KEY_ATTRIBUTES.partition}, ${KEY_ATTRIBUTES.sort}`

/** What an update does to an item, and on which conditions, all of which must hold. */
export interface Update {
  readonly set?: readonly Expression[]
  readonly add?: readonly Expression[]
  readonly remove?: readonly Expression[]
  readonly when: readonly Expression[]
}

/** Whether a condition held, and the item: as it became where it did, as it stands where it did not. */
export interface Checked {
  readonly held: boolean
  readonly item: Item | undefined
}

export interface QueryOptions {
  /** How many items, at most; all unless set. */
  readonly limit?: number
  readonly descending?: boolean
  /** Only the keys, and these attributes, as an expression lists them; the units are the same. */
  readonly keysAnd?: string
}

/** What has to be known before a table is worked on. */
export interface TableGate {
  /** Asked beside a read. */
  beforeReading(): Promise<unknown>
  /** Asked before a write is sent. */
  beforeWriting(): Promise<unknown>
}

export interface DynamoTableSettings {
  readonly gate?: TableGate
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
  readonly #clients: ClientPair<DynamoDBClient>
  readonly #name: string
  readonly #settings: Required<Omit<DynamoTableSettings, 'gate'>>
  readonly #gate: TableGate | undefined

  constructor(
    clients: ClientPair<DynamoDBClient>,
    name: string,
    { gate, ...settings }: DynamoTableSettings = {},
  ) {
    this.#clients = clients
    this.#name = name
    this.#gate = gate
    this.#settings = {
      writeTimeoutMs: TABLE_WRITE_TIMEOUT_MS,
      readTimeoutMs: TABLE_READ_TIMEOUT_MS,
      ...settings,
    }
  }

  async get(key: Item): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.#name, Key: key, ConsistentRead: true })
    return (await this.#repeat('GetItem', 'read', (client, within) => client.send(command, within))).Item
  }

  /** What an item holds; undefined where there is none. */
  async read<Read>(key: Item, decode: (item: Item) => Read): Promise<Read | undefined> {
    const item = await this.get(key)
    return item && meaningOf(nameOf(key), () => decode(item))
  }

  /** One atomic step on one item; nothing is made where there is none, unless the conditions allow it. */
  async update(key: Item, { set, add, remove, when }: Update): Promise<Checked> {
    const terms = new RequestTerms()
    const clauses = Object.entries({ SET: set, ADD: add, REMOVE: remove }).flatMap(([clause, actions]) =>
      actions?.length ? [`${clause} ${terms.write(joined(actions, ', '))}`] : [],
    )
    const command = new UpdateItemCommand({
      TableName: this.#name,
      Key: key,
      UpdateExpression: clauses.join(' '),
      ...conditionOf(joined(when, ' AND '), terms),
      ReturnValues: 'ALL_NEW',
    })
    const send: Send<Item | undefined> = async (client, within) =>
      (await client.send(command, within)).Attributes
    return await this.#check('UpdateItem', send)
  }

  /** Writes over what stands, unless there is a condition. */
  async put(item: Item, when?: Expression): Promise<Checked> {
    const command = new PutItemCommand({ TableName: this.#name, Item: item, ...(when && conditionOf(when)) })
    return await this.#check('PutItem', async (client, within) => {
      await client.send(command, within)
      return item
    })
  }

  /** Tells whether the condition held; one item or none makes no difference without a condition. */
  async remove(key: Item, when?: Expression): Promise<boolean> {
    const command = new DeleteItemCommand({ TableName: this.#name, Key: key, ...(when && conditionOf(when)) })
    const { held } = await this.#check('DeleteItem', async (client, within) => {
      await client.send(command, within)
      return undefined
    })
    return held
  }

  /** What items hold of one partition key, in the order of their sort keys, however many pages they fill. */
  async *list<Read>(
    where: Expression,
    decode: (item: Item) => Read,
    options?: QueryOptions,
  ): AsyncGenerator<Read> {
    for await (const item of this.#query(where, options)) yield meaningOf(nameOf(item), () => decode(item))
  }

  async *#query(where: Expression, options: QueryOptions = {}): AsyncGenerator<Item> {
    const { limit = Number.POSITIVE_INFINITY, descending = false, keysAnd } = options
    const terms = new RequestTerms()
    const condition = terms.write(where)
    let left = limit
    let startKey: Item | undefined
    do {
      const command = new QueryCommand({
        TableName: this.#name,
        KeyConditionExpression: condition,
        ...terms.input(),
        ConsistentRead: true,
        ScanIndexForward: !descending,
        ExclusiveStartKey: startKey,
        ...(Number.isFinite(left) && { Limit: left }),
        ...(keysAnd !== undefined && { ProjectionExpression: [KEYS, keysAnd].filter(Boolean).join(', ') }),
      })
      const { Items = [], LastEvaluatedKey } = await this.#repeat('Query', 'read', (client, within) =>
        client.send(command, within),
      )
      yield* Items
      left -= Items.length
      startKey = LastEvaluatedKey
    } while (startKey && left > 0)
  }

  /** One page of the partition keys of items for which a condition holds, in an order that only DynamoDB knows. */
  async scanPartitionKeys(
    startKey: Item | undefined,
    limit: number,
    where: Expression,
  ): Promise<{ keys: Item[]; lastKey: Item | undefined }> {
    const terms = new RequestTerms()
    const command = new ScanCommand({
      TableName: this.#name,
      ConsistentRead: true,
      ProjectionExpression: KEY_ATTRIBUTES.partition,
      FilterExpression: terms.write(where),
      ...terms.input(),
      ExclusiveStartKey: startKey,
      Limit: limit,
    })
    const { Items = [], LastEvaluatedKey } = await this.#repeat('Scan', 'read', (client, within) =>
      client.send(command, within),
    )
    return { keys: Items, lastKey: LastEvaluatedKey }
  }

  /**
   * Removes, without a condition, what a query finds and nobody wants to keep. It removes as it finds them: where there are
   * more than there is time for, or it throws, the next try has fewer.
   * @param keysAnd which attributes `isKept` is given beside the keys, as an expression lists them
   */
  async removeFound(where: Expression, isKept?: (item: Item) => boolean, keysAnd = ''): Promise<void> {
    let keys: Item[] = []
    for await (const item of this.#query(where, { keysAnd })) {
      if (!isKept?.(item)) keys.push(keyOf(item))
      if (keys.length < TABLE_BATCH_ITEMS_MAX) continue
      await this.#removeAll(keys)
      keys = []
    }
    await this.#removeAll(keys)
  }

  async #removeAll(keys: readonly Item[]): Promise<void> {
    let left = keys
    while (left.length > 0) left = await this.#removeSome(left)
  }

  /** Tells which keys DynamoDB had no capacity for. */
  async #removeSome(keys: readonly Item[]): Promise<Item[]> {
    const requests = keys.map(Key => ({ DeleteRequest: { Key } }))
    const command = new BatchWriteItemCommand({ RequestItems: { [this.#name]: requests } })
    const { UnprocessedItems } = await this.#repeat('BatchWriteItem', 'write', (client, within) =>
      client.send(command, within),
    )
    const left = (UnprocessedItems?.[this.#name] ?? []).flatMap(({ DeleteRequest }) =>
      DeleteRequest?.Key ? [DeleteRequest.Key] : [],
    )
    // Whoever asked knows how long to wait.
    if (left.length === keys.length) throw new NotApplied('dynamodb:BatchWriteItem was refused for now')
    return left
  }

  /** One try of a conditional write. */
  async #check(action: string, send: Send<Item | undefined>): Promise<Checked> {
    await this.#gate?.beforeWriting()
    try {
      const item = await send(this.#clients.once, within(this.#settings.writeTimeoutMs))
      return { held: true, item }
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { held: false, item: error.Item }
      throw this.#asStoreError(error, action, 'write')
    }
  }

  /** What the SDK repeats as it likes. */
  async #repeat<Answer>(action: string, effect: AwsCall['effect'], send: Send<Answer>): Promise<Answer> {
    if (effect === 'write') await this.#gate?.beforeWriting()
    // Beside the answer, so that nobody waits for it.
    const known = effect === 'read' ? this.#gate?.beforeReading() : undefined
    known?.catch(() => {})
    // The SDK repeats what is refused, and waits to the end for what a network swallows.
    for (let tries = 1; ; tries += 1) {
      const options = within(this.#settings.readTimeoutMs / TABLE_READ_ATTEMPTS_MAX)
      try {
        const answer = await send(this.#clients.repeating, options)
        await known
        return answer
      } catch (error) {
        if (options.abortSignal.aborted && tries < TABLE_READ_ATTEMPTS_MAX) continue
        throw this.#asStoreError(error, action, effect)
      }
    }
  }

  #asStoreError(error: unknown, action: string, effect: AwsCall['effect']): unknown {
    return asStoreError(error, {
      action: `dynamodb:${action}`,
      resource: `the table "${this.#name}"`,
      effect,
    })
  }
}

/** As a person can look it up. */
function nameOf(key: Item): string {
  return `${key[KEY_ATTRIBUTES.partition]?.S}/${key[KEY_ATTRIBUTES.sort]?.S}`
}

function keyOf(item: Item): Item {
  const names: readonly string[] = Object.values(KEY_ATTRIBUTES)
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)))
}

type Send<Answer> = (client: DynamoDBClient, options: ReturnType<typeof within>) => Promise<Answer>

/** The SDK's own time-outs begin when a socket is free; these begin now. */
function within(timeoutMs: number) {
  return { abortSignal: AbortSignal.timeout(timeoutMs) }
}

/** @param terms of the request's other expressions, if it has any */
function conditionOf(when: Expression, terms = new RequestTerms()) {
  const ConditionExpression = terms.write(when)
  return { ConditionExpression, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const, ...terms.input() }
}
