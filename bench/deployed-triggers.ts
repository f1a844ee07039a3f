import { makeTableClients } from '../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoLogIndex } from '../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../src/adapters/aws/table/dynamo-topic-store.ts'
import { dynamoTriggerStore } from '../src/adapters/aws/table/dynamo-trigger-store.ts'
import { dynamoUpkeepStore } from '../src/adapters/aws/table/dynamo-upkeep-store.ts'
import { lazyTransactionStore } from '../src/adapters/aws/table/lazy-transaction-store.ts'
import { UsageMeter } from '../src/adapters/aws/usage-meter.ts'
import { MemoryObjectStore } from '../src/adapters/memory/memory-object-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import { flush } from '../src/broker/settling/flush.ts'
import { TopicDirectory } from '../src/broker/topics/topic-directory.ts'
import { Delivery } from '../src/broker/triggers/delivering/delivery.ts'
import { Dispatcher } from '../src/broker/triggers/dispatcher.ts'
import { Triggers } from '../src/broker/triggers/triggers.ts'
import { FLUSH_DEADLINE_MS, FLUSH_DEFAULT_MS, FUNCTION_TOPIC_CACHE_MS } from '../src/core/limits.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import type { Clock } from '../src/ports/clock.ts'
import type { LanedWakeUp } from '../src/ports/wake-ups.ts'
import { Counts, countObjects } from './counted-ports.ts'
import {
  DYNAMODB_READ_UNIT_DOLLARS,
  DYNAMODB_WRITE_UNIT_DOLLARS,
  LAMBDA_GB_SECOND_DOLLARS,
  LAMBDA_REQUEST_DOLLARS,
  LOGS_GB_DOLLARS,
  S3_GET_DOLLARS,
  SQS_FIFO_REQUEST_DOLLARS,
} from './prices.ts'
import { batchMaker, PARTITION, TOPIC } from './store.ts'

/** What nothing here can count: set where you have measured it on AWS. */
export const ASSUMED = {
  /** Of the dispatch function for each batch of the stream, and of the deliver function beside the calls it makes. */
  dispatchMs: 20,
  deliverMs: 40,
  dispatchMemoryGb: 0.5,
  deliverMemoryGb: 1,
  /** Of your own function for each event, which the deliver function waits for. */
  handlerMs: 20,
  handlerMemoryGb: 0.125,
  /** For each invocation: its own line, and the three that Lambda writes about it. */
  logBytes: 1_100,
} as const

export interface TriggerCostSettings {
  /** A DynamoDB's, with the table's. */
  readonly endpoint: string
  readonly table: string
  readonly recordsPerBatch: number
  readonly commitsPerSecond: number
  /** How often Lambda looks at the table's stream: what comes in between is one wake-up. */
  readonly wakeUpsPerSecond: number
  readonly wakeUps: number
  readonly batchSize: number
}

/** What was counted while records were delivered. */
export interface CountedTriggerCost {
  readonly name: string
  readonly records: number
  readonly wakeUps: number
  readonly calls: number
  readonly tableRequests: number
  readonly writeUnits: number
  readonly readUnits: number
  readonly objectGets: number
  readonly queueRequests: number
  /** For all of the run. */
  readonly dollars: {
    readonly dynamodb: number
    readonly s3: number
    readonly sqs: number
    readonly dispatch: number
    readonly deliver: number
    readonly logs: number
    readonly total: number
    /** Beside the total: your own function, without its logs. */
    readonly handler: number
  }
}

/**
 * Produces to one partition and delivers it as the dispatch and the deliver function do, a wake-up for each look at the
 * stream. DynamoDB counts units itself; objects and messages are counted. What producing costs is not in it.
 */
export async function countTriggerCost(settings: TriggerCostSettings): Promise<CountedTriggerCost> {
  const { endpoint, table, recordsPerBatch, commitsPerSecond, wakeUpsPerSecond, batchSize } = settings
  const meter = new UsageMeter()
  const clients = makeTableClients({ endpoint, meter })
  const dynamo = new DynamoTable(clients, table)
  const counts = new Counts()
  let nowMs = Date.now()
  // What is remembered for a while has to grow old between two wake-ups as it would.
  const clock: Clock = { ...systemClock, nowMs: () => nowMs }
  const ports = {
    objects: countObjects(new MemoryObjectStore(clock), counts),
    index: dynamoLogIndex(dynamo),
    topics: dynamoTopicStore(dynamo),
    groups: dynamoGroupStore(dynamo),
    triggers: dynamoTriggerStore(dynamo),
    upkeep: dynamoUpkeepStore(dynamo),
    transactions: lazyTransactionStore(dynamo),
    clock,
    entropy: systemEntropy,
  }
  const broker = new LogBroker(ports, {
    lingerMs: 0,
    reportError: error => console.error(error),
    flushes: 'elsewhere',
    topicCacheMs: FUNCTION_TOPIC_CACHE_MS,
  })
  const { topicId } = await broker.createTopic({ topic: TOPIC })
  const partition = { topicId, partition: PARTITION }
  const trigger = await new Triggers(ports, new TopicDirectory(ports.topics, clock)).put({
    groupId: 'bench',
    topic: TOPIC,
    target: 'bench',
    settings: { batchSize },
  })

  const sent: LanedWakeUp[] = []
  let queueRequests = 0
  const wakeUps = {
    wake: async (some: readonly LanedWakeUp[]) => {
      queueRequests += 1
      sent.push(...some)
    },
  }
  const functions = {
    call: async () =>
      ({
        kind: 'answered',
        answer: null,
        call: { requestId: '', executedVersion: '', functionError: null },
      }) as const,
  }
  const failures = { send: () => Promise.reject(new Error('nothing fails here')) }
  const dispatcher = new Dispatcher({ ...ports, wakeUps }, new TopicDirectory(ports.topics, clock))
  const delivery = new Delivery(
    { ...ports, functions, failures },
    broker,
    new TopicDirectory(ports.topics, clock),
    { bootstrapServers: 'bench:443' },
  )

  const makeBatch = batchMaker(recordsPerBatch)
  const usage = { requests: 0, writeUnits: 0, readUnits: 0 }
  let commits = 0
  let flushedMs = nowMs
  let records = 0
  let calls = 0
  let objectGets = 0
  for (let wakeUp = 1; wakeUp <= settings.wakeUps; wakeUp++) {
    const due = Math.round((wakeUp * commitsPerSecond) / wakeUpsPerSecond)
    for (; commits < due; commits++) {
      await broker.produce({ topic: TOPIC, partition: PARTITION, batches: makeBatch() })
    }
    if (nowMs - flushedMs >= FLUSH_DEFAULT_MS) {
      flushedMs = nowMs
      const [result] = await flush(
        ports,
        [{ partition, age: 'all' }],
        ports.clock.monotonicMs() + FLUSH_DEADLINE_MS,
      )
      if (result?.status === 'rejected') throw result.reason
    }
    nowMs += 1_000 / wakeUpsPerSecond

    meter.reset()
    const gets = counts.objectGets
    await dispatcher.wakeChanged({ partitions: [partition], triggers: [] }, `${wakeUp}`)
    for (const message of sent.splice(0)) {
      const delivered = await delivery.deliver(message, {
        deadlineMs: nowMs + 60_000,
        sentMs: nowMs,
        beforeCall: async () => {
          queueRequests += 1
        },
      })
      if (delivered.outcome !== 'caught-up') throw new Error(`not delivered: ${delivered.reason}`)
      // It was received, hidden at first, and is deleted.
      queueRequests += 3
      records += delivered.records
      calls += delivered.calls
    }
    for (const operation of Object.values(meter.usage())) {
      usage.requests += operation.requests
      usage.writeUnits += operation.writeUnits
      usage.readUnits += operation.readUnits
    }
    objectGets += counts.objectGets - gets
  }
  await broker.close()
  clients.close()
  if (records !== commits * recordsPerBatch)
    throw new Error(`${records} records of trigger ${trigger.triggerId}`)
  return {
    name: `${recordsPerBatch} a commit, ${commitsPerSecond} commits a second, batchSize ${batchSize}`,
    records,
    wakeUps: settings.wakeUps,
    calls,
    tableRequests: usage.requests,
    writeUnits: usage.writeUnits,
    readUnits: usage.readUnits,
    objectGets,
    queueRequests,
    dollars: dollarsOf(settings.wakeUps, calls, usage, objectGets, queueRequests),
  }
}

function dollarsOf(
  wakeUps: number,
  calls: number,
  usage: { readonly writeUnits: number; readonly readUnits: number },
  objectGets: number,
  queueRequests: number,
): CountedTriggerCost['dollars'] {
  const lambda = (invocations: number, ms: number, gigabytes: number) =>
    invocations * LAMBDA_REQUEST_DOLLARS + (ms / 1_000) * gigabytes * LAMBDA_GB_SECOND_DOLLARS
  const { dispatchMs, deliverMs, handlerMs, dispatchMemoryGb, deliverMemoryGb, handlerMemoryGb, logBytes } =
    ASSUMED
  const parts = {
    dynamodb: usage.writeUnits * DYNAMODB_WRITE_UNIT_DOLLARS + usage.readUnits * DYNAMODB_READ_UNIT_DOLLARS,
    s3: objectGets * S3_GET_DOLLARS,
    sqs: queueRequests * SQS_FIFO_REQUEST_DOLLARS,
    dispatch: lambda(wakeUps, wakeUps * dispatchMs, dispatchMemoryGb),
    deliver: lambda(wakeUps, wakeUps * deliverMs + calls * handlerMs, deliverMemoryGb),
    logs: ((2 * wakeUps * logBytes) / 1e9) * LOGS_GB_DOLLARS,
  }
  const total = Object.values(parts).reduce((whole, part) => whole + part, 0)
  return { ...parts, total, handler: lambda(calls, calls * handlerMs, handlerMemoryGb) }
}
