import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../../../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTransactionStore } from '../../../src/adapters/aws/table/dynamo-transaction-store.ts'
import { UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'
import { batchIn } from '../../broker/transactions/staging.ts'

/** What a transaction of one batch and one offset may cost. */
const WRITE_UNITS_MAX = 10
const ROUND_TRIPS_MAX = 6

describeDynamoDbLocal('what a transaction asks of DynamoDB:', () => {
  const meter = new UsageMeter()
  /** Calls under way, and how often there was none before one began: what is asked one after the other. */
  const trips = { underWay: 0, count: 0 }
  let clients: ReturnType<typeof makeTableClients>
  let table: Awaited<ReturnType<typeof createTestTable>>
  let broker: LogBroker

  function counted<T extends object>(store: T): T {
    return new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function' || ['claims', 'registered'].includes(String(name))) return value
        return async (...given: unknown[]) => {
          if (trips.underWay === 0) trips.count += 1
          trips.underWay += 1
          try {
            return await value.apply(target, given)
          } finally {
            trips.underWay -= 1
          }
        }
      },
    })
  }

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    table = await createTestTable(endpoint)
    clients = makeTableClients({ endpoint, meter })
    const dynamo = new DynamoTable(clients, table.table, PATIENT)
    const ports: Ports = {
      ...openMemoryStore(systemClock),
      clock: systemClock,
      entropy: systemEntropy,
      index: counted(dynamoLogIndex(dynamo)),
      groups: counted(dynamoGroupStore(dynamo)),
      transactions: counted(dynamoTransactionStore(dynamo)),
    }
    const reportError = (error: unknown) => {
      throw error
    }
    broker = new LogBroker(ports, { lingerMs: 0, reportError, flushes: 'elsewhere', topicCacheMs: 60_000 })
    await broker.createTopic({ topic: 'orders' })
    await broker.createTopic({ topic: 'input' })
  })
  afterAll(async () => {
    await broker.close()
    clients.close()
    await table.remove()
  })

  test('one of a batch and an offset is few write units, and few round trips', async () => {
    const { producerId, epoch } = await broker.initProducer({ transactionalId: 'billing' })
    const name = { transactionalId: 'billing', producerId, epoch }
    const costs: {
      requests: Record<string, number>
      writeUnits: number
      readUnits: number
      trips: number
    }[] = []
    for (const number of [1, 2, 3, 4]) {
      meter.reset()
      trips.count = 0
      await broker.endTransaction({
        ...name,
        number,
        commit: true,
        batches: [{ topic: 'orders', partition: 0, batches: batchIn(name, number - 1, ['billed']) }],
        offsets: [
          { groupId: 'readers', offsets: [{ topic: 'input', partition: 0, offset: toOffset(number) }] },
        ],
      })
      const usage = Object.entries(meter.usage())
      costs.push({
        requests: Object.fromEntries(usage.map(([operation, { requests }]) => [operation, requests])),
        writeUnits: usage.reduce((sum, [, { writeUnits }]) => sum + writeUnits, 0),
        readUnits: usage.reduce((sum, [, { readUnits }]) => sum + readUnits, 0),
        trips: trips.count,
      })
    }
    const steady = costs.at(-1)!
    if (process.env.SHOW_COSTS) console.log(JSON.stringify(costs))
    expect(steady.writeUnits).toBeLessThanOrEqual(WRITE_UNITS_MAX)
    expect(steady.trips).toBeLessThanOrEqual(ROUND_TRIPS_MAX)
  })
})
