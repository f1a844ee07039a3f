import { makeTableClients } from '../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoLogIndex } from '../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../src/adapters/aws/table/dynamo-topic-store.ts'
import { dynamoTriggerStore } from '../src/adapters/aws/table/dynamo-trigger-store.ts'
import { type Usage, UsageMeter } from '../src/adapters/aws/usage-meter.ts'
import { openMemoryStore } from '../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import {
  HEARTBEAT_PAID_INTERVAL_MS_MAX,
  LISTENER_PING_MS,
  SLOW_LOOK_MS,
  SOCKET_LIFETIME_MS,
} from '../src/core/limits.ts'
import { toOffset } from '../src/core/numbers.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import { ASSUMED } from './deployed-cost.ts'
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
const GROUP = 'waiting'

/** What waiting costs in a month of thirty days, in dollars. */
export interface WaitingCost {
  readonly connection: number
  readonly looks: number
  readonly heartbeats: number
  /** Units of one look at all partitions, and of one heartbeat of a settled member. */
  readonly lookReadUnits: number
  readonly heartbeatUnits: { readonly read: number; readonly write: number }
}

/** Counts a look and a heartbeat on a DynamoDB, and prices as many of them as a month has by the client's own intervals. */
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

  const request = HTTP_API_REQUEST_DOLLARS + (ASSUMED.accessLogBytes / 1e9) * LOGS_GB_DOLLARS
  const invocation = (ms: number, gigabytes: number) =>
    LAMBDA_REQUEST_DOLLARS + ((ms * gigabytes) / 1_000) * LAMBDA_GB_SECOND_DOLLARS
  const lookDollars = request + invocation(ASSUMED.fetchMs, ASSUMED.fetchMemoryGb) + dollarsOf(look)
  const beatDollars = request + invocation(ASSUMED.heartbeatMs, ASSUMED.heartbeatMemoryGb) + dollarsOf(beat)
  const sockets = MONTH_MS / SOCKET_LIFETIME_MS
  // Each says hello, gets a ticket, and arms all partitions anew.
  const opening =
    2 * WEBSOCKET_MESSAGE_DOLLARS +
    invocation(ASSUMED.heartbeatMs, ASSUMED.heartbeatMemoryGb) +
    partitions * DYNAMODB_WRITE_UNIT_DOLLARS +
    lookDollars
  return {
    connection:
      (MONTH_MS / 60_000) * WEBSOCKET_MINUTE_DOLLARS +
      (MONTH_MS / LISTENER_PING_MS) * WEBSOCKET_MESSAGE_DOLLARS +
      sockets * opening,
    looks: (MONTH_MS / SLOW_LOOK_MS) * lookDollars,
    heartbeats: (MONTH_MS / HEARTBEAT_PAID_INTERVAL_MS_MAX) * beatDollars,
    lookReadUnits: look.read,
    heartbeatUnits: beat,
  }
}

function unitsOf(usage: Usage): { read: number; write: number } {
  const all = Object.values(usage)
  return {
    read: all.reduce((sum, { readUnits }) => sum + readUnits, 0),
    write: all.reduce((sum, { writeUnits }) => sum + writeUnits, 0),
  }
}

function dollarsOf({ read, write }: { read: number; write: number }): number {
  return read * DYNAMODB_READ_UNIT_DOLLARS + write * DYNAMODB_WRITE_UNIT_DOLLARS
}
