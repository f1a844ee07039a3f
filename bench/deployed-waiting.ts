import { makeTableClients } from '../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoLogIndex } from '../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../src/adapters/aws/table/dynamo-topic-store.ts'
import { dynamoTriggerStore } from '../src/adapters/aws/table/dynamo-trigger-store.ts'
import { UsageMeter } from '../src/adapters/aws/usage-meter.ts'
import { openMemoryStore } from '../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import {
  ARMING_WAKES_MAX,
  HEARTBEAT_PAID_INTERVAL_MS_MAX,
  LISTENER_PING_MS,
  SLOW_LOOK_MS,
  SOCKET_LIFETIME_MS,
} from '../src/core/limits.ts'
import { toOffset } from '../src/core/numbers.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import { ASSUMED } from './deployed-cost.ts'
import { countWokenMinute, unitsOf, type WokenMinute } from './deployed-wakes.ts'
import {
  DYNAMODB_READ_UNIT_DOLLARS,
  DYNAMODB_WRITE_UNIT_DOLLARS,
  HTTP_API_REQUEST_DOLLARS,
  LAMBDA_GB_SECOND_DOLLARS,
  LAMBDA_REQUEST_DOLLARS,
  LOGS_GB_DOLLARS,
  WEBSOCKET_MESSAGE_DOLLARS,
  WEBSOCKET_MINUTE_DOLLARS,
} from './prices.ts'

const MONTH_MS = 30 * 24 * 60 * 60_000
const MINUTES = MONTH_MS / 60_000
const GROUP = 'waiting'

/** What waiting costs in a month of thirty days, in dollars. */
export interface WaitingCost {
  readonly connection: number
  readonly looks: number
  readonly heartbeats: number
  /** Units of one look at all partitions, and of one heartbeat of a settled member. */
  readonly lookReadUnits: number
  readonly heartbeatUnits: { readonly read: number; readonly write: number }
  /** Where each partition gets a record a minute: all at once, and one after the other. Nobody looks slowly then. */
  readonly together: WokenCost
  readonly spread: WokenCost
}

interface WokenCost {
  /** A month without the connection. */
  readonly dollars: number
  readonly minute: WokenMinute
}

/**
 * Counts a look, a heartbeat and minutes with records on a DynamoDB, and prices as many of them as a month has by the client's own
 * intervals.
 */
export async function countWaiting(
  endpoint: string,
  table: string,
  partitions: number,
): Promise<WaitingCost> {
  const meter = new UsageMeter()
  const clients = makeTableClients({ endpoint, meter })
  const dynamo = new DynamoTable(clients, table)
  const memory = openMemoryStore(systemClock)
  const ports = {
    objects: memory.objects,
    upkeep: memory.upkeep,
    transactions: memory.transactions,
    index: dynamoLogIndex(dynamo),
    topics: dynamoTopicStore(dynamo),
    groups: dynamoGroupStore(dynamo),
    triggers: dynamoTriggerStore(dynamo),
    clock: systemClock,
    entropy: systemEntropy,
  }
  const settings = {
    lingerMs: 0,
    reportError: console.error,
    flushes: 'elsewhere',
    topicCacheMs: 60_000,
  } as const
  const broker = new LogBroker(ports, settings)
  await broker.createTopic({ topic: 'quiet', partitions })
  const asked = Array.from({ length: partitions }, (_, partition) => ({
    topic: 'quiet',
    partition,
    offset: toOffset(0),
  }))
  await broker.fetchMany({ partitions: asked })
  meter.reset()
  await broker.fetchMany({ partitions: asked })
  const look = unitsOf(meter.usage())

  const member = { groupId: GROUP, memberId: systemEntropy.id(), topics: ['quiet'] }
  let { memberEpoch, assigned } = await broker.heartbeat({ ...member, memberEpoch: 0, owned: [] })
  let beat = { read: 0, write: 0 }
  for (let round = 0; round < 3; round += 1) {
    meter.reset()
    const owned = assigned.map(({ topic, topicId, partition, generation }) => ({
      topic,
      topicId,
      partition,
      generation,
    }))
    const answer = await broker.heartbeat({ ...member, memberEpoch, owned, settledEpoch: memberEpoch })
    ;({ memberEpoch, assigned } = answer)
    beat = unitsOf(meter.usage())
  }
  await broker.close()
  clients.close()

  const lookDollars = FETCH_DOLLARS + dollarsOf(look)
  const beatDollars =
    REQUEST_DOLLARS + invocation(ASSUMED.heartbeatMs, ASSUMED.heartbeatMemoryGb) + dollarsOf(beat)
  const sockets = MONTH_MS / SOCKET_LIFETIME_MS
  // Each says hello, gets a ticket, and arms all partitions anew.
  const opening =
    2 * WEBSOCKET_MESSAGE_DOLLARS +
    invocation(ASSUMED.heartbeatMs, ASSUMED.heartbeatMemoryGb) +
    partitions * DYNAMODB_WRITE_UNIT_DOLLARS +
    lookDollars
  return {
    connection:
      MINUTES * WEBSOCKET_MINUTE_DOLLARS +
      (MONTH_MS / LISTENER_PING_MS) * WEBSOCKET_MESSAGE_DOLLARS +
      sockets * opening,
    looks: (MONTH_MS / SLOW_LOOK_MS) * lookDollars,
    heartbeats: (MONTH_MS / HEARTBEAT_PAID_INTERVAL_MS_MAX) * beatDollars,
    lookReadUnits: look.read,
    heartbeatUnits: beat,
    together: priceOf(await countWokenMinute(endpoint, table, partitions, true), partitions),
    spread: priceOf(await countWokenMinute(endpoint, table, partitions, false), partitions),
  }
}

const REQUEST_DOLLARS = HTTP_API_REQUEST_DOLLARS + (ASSUMED.accessLogBytes / 1e9) * LOGS_GB_DOLLARS
const FETCH_DOLLARS = REQUEST_DOLLARS + invocation(ASSUMED.fetchMs, ASSUMED.fetchMemoryGb)

function invocation(ms: number, gigabytes: number): number {
  return LAMBDA_REQUEST_DOLLARS + compute(ms, gigabytes) + (ASSUMED.requestLogBytes / 1e9) * LOGS_GB_DOLLARS
}

function compute(ms: number, gigabytes: number): number {
  return ((ms * gigabytes) / 1_000) * LAMBDA_GB_SECOND_DOLLARS
}

/** For each partition an arming of so many wake-ups is made anew, each by a fetch of its own: a write, and two reads. */
function priceOf(minute: WokenMinute, partitions: number): WokenCost {
  const { dispatches, messages, fetches, dispatched, fetched } = minute
  const { dispatchMs, dispatchMemoryGb, postMs } = ASSUMED
  const arming = (partitions / ARMING_WAKES_MAX) * (FETCH_DOLLARS + dollarsOf({ read: 2, write: 1 }))
  const dollars =
    dispatches * invocation(dispatchMs, dispatchMemoryGb) +
    messages * (WEBSOCKET_MESSAGE_DOLLARS + compute(postMs, dispatchMemoryGb)) +
    fetches * FETCH_DOLLARS +
    dollarsOf(dispatched) +
    dollarsOf(fetched) +
    arming
  return { dollars: MINUTES * dollars, minute }
}

function dollarsOf({ read, write }: { read: number; write: number }): number {
  return read * DYNAMODB_READ_UNIT_DOLLARS + write * DYNAMODB_WRITE_UNIT_DOLLARS
}
