import { makeTableClients } from '../src/adapters/aws/table/aws-table.ts'
import { dynamoLogIndex } from '../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../src/adapters/aws/table/dynamo-topic-store.ts'
import { countTableWrites, type Usage, UsageMeter } from '../src/adapters/aws/usage-meter.ts'
import { openMemoryStore } from '../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import { untilDeadline } from '../src/broker/settling/budget.ts'
import { flush } from '../src/broker/settling/flush.ts'
import { maintain } from '../src/broker/settling/maintain.ts'
import { settlingSettings } from '../src/broker/settling/settling-settings.ts'
import { FLUSH_DEADLINE_MS } from '../src/core/limits.ts'
import { toOffset } from '../src/core/numbers.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import { Counts, countObjects } from './counted-ports.ts'
import {
  DYNAMODB_READ_UNIT_DOLLARS,
  DYNAMODB_WRITE_UNIT_DOLLARS,
  HTTP_API_METERED_BYTES,
  HTTP_API_REQUEST_DOLLARS,
  LAMBDA_GB_SECOND_DOLLARS,
  LAMBDA_REQUEST_DOLLARS,
  LOGS_GB_DOLLARS,
  S3_GET_DOLLARS,
  S3_PUT_DOLLARS,
} from './prices.ts'
import { batchMaker, PARTITION, TOPIC, VALUE_BYTES } from './store.ts'

/** What nothing here can count: set where you have measured it on AWS. */
export const ASSUMED = {
  /** With half a GB; what it computes takes twice as long as with one, and it mostly waits for the table. */
  produceMs: 24,
  fetchMs: 40,
  flushMs: 50,
  heartbeatMs: 15,
  /** Of a call of dispatch that finds whom to wake, and what it takes longer where it posts. */
  dispatchMs: 20,
  postMs: 15,
  produceMemoryGb: 0.5,
  fetchMemoryGb: 1,
  flushMemoryGb: 0.5,
  heartbeatMemoryGb: 0.5,
  dispatchMemoryGb: 0.5,
  /** Of a request: the API's line about who called, with what CloudWatch counts for any line; 0 without accessLog. */
  accessLogBytes: 270,
  /** Of a request: its share of the line that tells of a hundred, or of a minute. */
  requestLogBytes: 20,
  /** Of a flush: its own line. */
  flushLogBytes: 600,
} as const

/** The construct's flushWindow. */
const FLUSH_WINDOW_MS = 60_000

export interface CostSettings {
  /** A DynamoDB's, with the table's. */
  readonly endpoint: string
  readonly table: string
  readonly recordsPerBatch: number
  readonly commits: number
  /** How often the one partition is written to, which says how many commits one flush serves. */
  readonly commitsPerSecond: number
  /** Whether all of it has been rolled before it is fetched. */
  readonly isSettled?: boolean
}

/** What was counted while records were produced or fetched. */
export interface CountedCost {
  readonly name: string
  readonly records: number
  /** Requests to the API: commits or fetches. */
  readonly calls: number
  readonly flushes: number
  readonly tableRequests: number
  readonly tableWrites: number
  readonly writeUnits: number
  readonly readUnits: number
  readonly objectPuts: number
  readonly objectGets: number
  readonly dollars: Dollars
}

/** For all of the run. */
export interface Dollars {
  readonly dynamodb: number
  readonly s3: number
  readonly api: number
  readonly lambda: number
  readonly logs: number
  readonly total: number
}

/**
 * Produces through the broker as a produce function runs it, a commit for each call, with the flushes that the flush
 * function would make; then fetches all of it. DynamoDB counts units itself; objects are counted and kept in memory.
 */
export async function countDeployedCost(settings: CostSettings): Promise<CountedCost[]> {
  const { endpoint, table, recordsPerBatch, commits, commitsPerSecond } = settings
  const meter = new UsageMeter()
  const clients = makeTableClients({ endpoint, meter })
  const dynamo = new DynamoTable(clients, table)
  const counts = new Counts()
  const memory = openMemoryStore(systemClock)
  const ports = {
    objects: countObjects(memory.objects, counts),
    index: dynamoLogIndex(dynamo),
    topics: dynamoTopicStore(dynamo),
    groups: memory.groups,
    triggers: memory.triggers,
    upkeep: memory.upkeep,
    transactions: memory.transactions,
    clock: systemClock,
    entropy: systemEntropy,
  }
  const reportError = (error: unknown) => console.error(error)
  // One request at a time: what comes at the same time goes to other instances of the function.
  const broker = new LogBroker(ports, {
    lingerMs: 0,
    reportError,
    flushes: 'elsewhere',
    topicCacheMs: 60_000,
  })
  const { topicId } = await broker.createTopic({ topic: TOPIC })
  const partition = { topicId, partition: PARTITION }
  meter.reset()

  const perFlush = Math.max(1, Math.round((commitsPerSecond * FLUSH_WINDOW_MS) / 1000))
  const makeBatch = batchMaker(recordsPerBatch)
  let flushes = 0
  for (let commit = 1; commit <= commits; commit++) {
    await broker.produce({ topic: TOPIC, partition: PARTITION, batches: makeBatch() })
    if (commit % perFlush !== 0 && commit !== commits) continue
    flushes += 1
    const [result] = await flush(
      ports,
      [{ partition, age: 'all' }],
      ports.clock.monotonicMs() + FLUSH_DEADLINE_MS,
    )
    if (result?.status === 'rejected') throw result.reason
  }
  if (settings.isSettled) {
    const budget = untilDeadline(ports.clock.monotonicMs() + FLUSH_DEADLINE_MS)
    const request = { partitions: [partition], upkeep: false, isForced: true }
    const { failed } = await maintain(ports, settlingSettings({ rollYoungMs: 0 }), request, budget)
    if (failed.length > 0) throw new Error(JSON.stringify(failed))
  }
  const records = commits * recordsPerBatch
  const name = `produce ${recordsPerBatch} a batch, ${commitsPerSecond} a second`
  const counted = { records, calls: commits, flushes, usage: meter.usage(), objects: counts.copy() }
  const produced = price(name, { ...counted, meteredPerCall: bytesMetered(recordsPerBatch) })
  // The same requests, made by the program itself.
  const direct = price('the same past API and functions', { ...counted, meteredPerCall: 0 })

  meter.reset()
  const before = counts.copy()
  const fetches = await fetchAll(broker)
  const fetched = price('fetch of the same, 1 MiB at a time', {
    records,
    calls: fetches.calls,
    flushes: 0,
    usage: meter.usage(),
    objects: counts.since(before),
    meteredPerCall: fetches.metered,
  })
  await broker.close()
  clients.close()
  return [produced, fetched, direct]
}

async function fetchAll(broker: LogBroker): Promise<{ calls: number; metered: number }> {
  let offset = toOffset(0)
  let metered = 0
  for (let calls = 1; ; calls++) {
    const { chunks, nextOffset, endOffset } = await broker.fetch({
      topic: TOPIC,
      partition: PARTITION,
      offset,
    })
    if (nextOffset === offset) throw new Error(`the log ends at ${endOffset}, but nothing comes at ${offset}`)
    metered += Math.ceil(chunks.reduce((sum, { length }) => sum + length, 0) / HTTP_API_METERED_BYTES)
    offset = nextOffset
    if (offset === endOffset) return { calls, metered: metered / calls }
  }
}

/** How many times one produce call counts at the API. */
function bytesMetered(recordsPerBatch: number): number {
  return Math.max(1, Math.ceil((recordsPerBatch * VALUE_BYTES) / HTTP_API_METERED_BYTES))
}

interface Counted {
  readonly records: number
  readonly calls: number
  readonly flushes: number
  readonly usage: Usage
  readonly objects: Counts
  /** How many times a call counts at the API; 0: there is none, nor a function that it calls. */
  readonly meteredPerCall: number
}

function price(
  name: string,
  { records, calls, flushes, usage, objects, meteredPerCall }: Counted,
): CountedCost {
  const { objectPuts, objectGets } = objects
  const served = meteredPerCall === 0 ? 0 : calls
  const sum = (unit: 'requests' | 'writeUnits' | 'readUnits') =>
    Object.values(usage).reduce((total, operation) => total + operation[unit], 0)
  const writeUnits = sum('writeUnits')
  const readUnits = sum('readUnits')
  const isFetch = flushes === 0
  const gigabyteSeconds =
    (isFetch
      ? served * ASSUMED.fetchMs * ASSUMED.fetchMemoryGb
      : served * ASSUMED.produceMs * ASSUMED.produceMemoryGb +
        flushes * ASSUMED.flushMs * ASSUMED.flushMemoryGb) / 1000
  const parts = {
    dynamodb: writeUnits * DYNAMODB_WRITE_UNIT_DOLLARS + readUnits * DYNAMODB_READ_UNIT_DOLLARS,
    s3: objectPuts * S3_PUT_DOLLARS + objectGets * S3_GET_DOLLARS,
    api: calls * meteredPerCall * HTTP_API_REQUEST_DOLLARS,
    lambda: (served + flushes) * LAMBDA_REQUEST_DOLLARS + gigabyteSeconds * LAMBDA_GB_SECOND_DOLLARS,
    logs:
      ((served * (ASSUMED.accessLogBytes + ASSUMED.requestLogBytes) + flushes * ASSUMED.flushLogBytes) /
        1e9) *
      LOGS_GB_DOLLARS,
  }
  const total = Object.values(parts).reduce((whole, part) => whole + part, 0)
  return {
    name,
    records,
    calls,
    flushes,
    tableRequests: sum('requests'),
    tableWrites: countTableWrites(usage),
    writeUnits,
    readUnits,
    objectPuts,
    objectGets,
    dollars: { ...parts, total },
  }
}
