import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DynamoDBClient,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { type HttpBroker, type Outbox, outbox } from '../../src/client/index.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches } from '../../src/core/record/index.ts'

export interface OutboxLoad {
  readonly endpoint: string
  /** Of a stack of outbox-app.ts. */
  readonly outputs: Readonly<Record<string, string>>
  readonly broker: HttpBroker
  /** The physical name of the function that relays. */
  readonly relay: string
  /** Business transactions in all, of which a third is cancelled by its own condition. */
  readonly transactions: number
  readonly writers: number
  /** How long each writer waits between two. */
  readonly pauseMs?: number
  /** How often the relaying function dies, behind an append and before it has removed what it moved; never unless given. */
  readonly killEveryMs?: number
}

/** What came of it. */
export interface OutboxLoadResult {
  readonly committed: number
  readonly cancelled: number
  readonly kills: number
  /** From the answer to the transaction to the log's own time of the record, in milliseconds, the lowest first. */
  readonly latenciesMs: readonly number[]
  /** What is not as it should be. */
  readonly problems: readonly string[]
}

const SETTLED_MS_MAX = 240_000

/** Writers that commit transactions with outboxes, one after the other each, and afterwards what the logs have of them. */
export async function runOutboxLoad(load: OutboxLoad): Promise<OutboxLoadResult> {
  const client = new DynamoDBClient({ endpoint: load.endpoint })
  const killer = new Killer(load)
  // Several loads may go into one topic.
  const run = randomUUID().slice(0, 8)
  /** By writer, in the order of the commits: the name and when it was told that it is committed. */
  const committed: { readonly name: string; readonly toldMs: number }[][] = []
  let cancelled = 0
  try {
    const each = Math.ceil(load.transactions / load.writers)
    await Promise.all(
      Array.from({ length: load.writers }, async (_, writer) => {
        const box = outbox({
          table: load.outputs.TableName!,
          topics: [JSON.parse(load.outputs.TimedTopic!)],
        })
        const mine: (typeof committed)[number] = []
        committed[writer] = mine
        for (let number = 0; number < each; number += 1) {
          const owner = `${run}w${writer}`
          const name = `${owner}:${number}`
          if (await commit(client, load.outputs.ShopTable!, box, name, owner, number % 3 === 2))
            mine.push({ name, toldMs: Date.now() })
          else cancelled += 1
          if (load.pauseMs) await sleep(load.pauseMs)
        }
      }),
    )
    await killer.stop()
    const expected = committed.flat().length
    const logs = await untilThere(load, run, expected)
    const latenciesMs = latencies(logs, committed.flat())
    return {
      committed: expected,
      cancelled,
      kills: killer.kills,
      latenciesMs,
      problems: findProblems(logs, run, committed),
    }
  } finally {
    await killer.stop()
    client.destroy()
  }
}

/** Tells whether it was committed. @param isTaken whether the row is there already, so that its condition cancels it */
async function commit(
  client: DynamoDBClient,
  shop: string,
  box: Outbox,
  name: string,
  owner: string,
  isTaken: boolean,
): Promise<boolean> {
  const id = isTaken ? `${owner}:0` : name
  const command = new TransactWriteItemsCommand({
    ClientRequestToken: randomUUID(),
    TransactItems: [
      {
        Put: {
          TableName: shop,
          Item: { id: { S: id }, name: { S: name } },
          ConditionExpression: 'attribute_not_exists(id)',
        },
      },
      ...box.item({ topic: 'timed', key: owner, messages: [{ value: name }] }),
    ],
  })
  try {
    await client.send(command)
    return true
  } catch (error) {
    if (error instanceof TransactionCanceledException) return false
    throw error
  }
}

interface Logged {
  readonly value: string
  readonly timestampMs: number
}

/** All partitions' records, once so many are there and nothing more comes. */
async function untilThere(
  { broker, endpoint, relay }: OutboxLoad,
  run: string,
  expected: number,
): Promise<Logged[][]> {
  const lambda = new LambdaClient({ endpoint })
  const untilMs = Date.now() + SETTLED_MS_MAX
  try {
    for (let looks = 0; ; looks += 1) {
      const logs = await readAll(broker, run)
      const found = logs.flat().length
      if (found >= expected || Date.now() > untilMs) {
        // Something might stand there twice.
        await sleep(2_000)
        return await readAll(broker, run)
      }
      await sleep(500)
      // What was killed with its wake-up the schedule finds, in five minutes: here sooner.
      if (looks % 10 === 9) await callSchedule(lambda, relay)
    }
  } finally {
    lambda.destroy()
  }
}

async function callSchedule(lambda: LambdaClient, relay: string): Promise<void> {
  const Payload = Buffer.from('{"look":"all"}')
  await lambda.send(new InvokeCommand({ FunctionName: relay, InvocationType: 'Event', Payload }))
}

async function readAll(broker: HttpBroker, run: string): Promise<Logged[][]> {
  const { partitions } = await broker.describeTopic('timed')
  return await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const all: Logged[] = []
      for (let offset = 0; ; ) {
        const { chunks } = await broker.fetch({ topic: 'timed', partition, offset: toOffset(offset) })
        const records = chunks.flatMap(chunk => decodeBatches(chunk))
        if (records.length === 0) return all.filter(({ value }) => value.startsWith(run))
        for (const { value, timestampMs } of records)
          all.push({ value: Buffer.from(value!).toString(), timestampMs })
        offset = Number(records.at(-1)!.offset) + 1
      }
    }),
  )
}

function latencies(
  logs: readonly (readonly Logged[])[],
  committed: readonly { readonly name: string; readonly toldMs: number }[],
): number[] {
  const loggedMs = new Map(logs.flat().map(({ value, timestampMs }) => [value, timestampMs]))
  const all = committed.flatMap(({ name, toldMs }) => {
    const atMs = loggedMs.get(name)
    return atMs === undefined ? [] : [Math.max(0, atMs - toldMs)]
  })
  return all.sort((one, other) => one - other)
}

function findProblems(
  logs: readonly (readonly Logged[])[],
  run: string,
  committed: readonly (readonly { readonly name: string }[])[],
): string[] {
  const problems: string[] = []
  for (const [writer, names] of committed.entries()) {
    const expected = names.map(({ name }) => name)
    // One key, and so one partition: in the order of its writer.
    const places = logs.map(log =>
      log.map(({ value }) => value).filter(value => value.startsWith(`${run}w${writer}:`)),
    )
    const found = places.filter(values => values.length > 0)
    if (found.length > 1) problems.push(`what w${writer} wrote is in ${found.length} partitions`)
    const values = found.flat()
    if (values.join() === expected.join()) continue
    const missing = expected.filter(name => !values.includes(name))
    const strange = values.filter(value => !expected.includes(value))
    const doubled = values.filter((value, index) => values.indexOf(value) !== index)
    problems.push(
      `of w${writer} ${missing.length} are missing (${missing.slice(0, 3)}), ${strange.length} were not committed ` +
        `(${strange.slice(0, 3)}), ${doubled.length} are there twice (${doubled.slice(0, 3)}), or the order is another`,
    )
  }
  return problems
}

/** Has the relaying function die now and then: each time with a name of its own, for which it dies once. */
class Killer {
  kills = 0
  readonly #load: OutboxLoad
  readonly #lambda: LambdaClient
  readonly #ending = new AbortController()
  readonly #running: Promise<void>

  constructor(load: OutboxLoad) {
    this.#load = load
    this.#lambda = new LambdaClient({ endpoint: load.endpoint })
    this.#running = load.killEveryMs === undefined ? Promise.resolve() : this.#run(load.killEveryMs)
  }

  async stop(): Promise<void> {
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    await this.#running
    this.#lambda.destroy()
  }

  async #run(everyMs: number): Promise<void> {
    const FunctionName = this.#load.relay
    const { Environment } = await this.#lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
    const variables = Environment?.Variables ?? {}
    const configure = (Variables: Record<string, string>) =>
      this.#lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
    while (!this.#ending.signal.aborted) {
      const point = this.kills % 2 === 0 ? 'after-commit' : 'before-commit'
      await configure({ ...variables, TIDEMARK_TEST_FAULT: `${point}:${randomUUID()}` })
      this.kills += 1
      await sleep(everyMs * (0.5 + Math.random()), undefined, { signal: this.#ending.signal }).catch(() => {})
    }
    await configure(variables)
  }
}
