import { expect, test } from 'vitest'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../../../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoListenerStore } from '../../../src/adapters/aws/table/dynamo-listener-store.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { dynamoOutboxStore } from '../../../src/adapters/aws/table/dynamo-outbox-store.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../../../src/adapters/aws/table/dynamo-topic-store.ts'
import { dynamoTransactionStore } from '../../../src/adapters/aws/table/dynamo-transaction-store.ts'
import { dynamoTriggerStore } from '../../../src/adapters/aws/table/dynamo-trigger-store.ts'
import { dynamoUpkeepStore } from '../../../src/adapters/aws/table/dynamo-upkeep-store.ts'
import { TABLE_SCAN_PAGE_ITEMS } from '../../../src/core/limits.ts'
import {
  awsEndpoint,
  describeAws,
  describeDynamoDbLocal,
  dynamoDbLocalEndpoint,
} from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'
import { describeClassicGroupStore } from '../../conformance/classic-group-store.ts'
import { describeDecidedAppends } from '../../conformance/decided-appends.ts'
import { describeGroupStore, type GroupSizes } from '../../conformance/group-store.ts'
import { describeListenerStore } from '../../conformance/listener-store.ts'
import { describeLogIndex } from '../../conformance/log-index.ts'
import { describeOutboxStore } from '../../conformance/outbox-store.ts'
import { describePendingOffsets } from '../../conformance/pending-offsets.ts'
import { freshPartition, looseBlock } from '../../conformance/samples.ts'
import { describeSettledLog } from '../../conformance/settled-log.ts'
import { describeTopicStore } from '../../conformance/topic-store.ts'
import { describeTransactionStore } from '../../conformance/transaction-store.ts'
import { describeTriggerStore } from '../../conformance/trigger-store.ts'
import { describeUpkeepStore } from '../../conformance/upkeep-store.ts'

/** Emulators are slow. */
const SIZES: GroupSizes = { members: 200, claims: 600 }

async function openFresh(endpoint: string) {
  const { table, remove } = await createTestTable(endpoint)
  const clients = makeTableClients({ endpoint })
  const dynamo = new DynamoTable(clients, table, PATIENT)
  const close = async () => {
    clients.close()
    await remove()
  }
  return {
    index: dynamoLogIndex(dynamo),
    topics: dynamoTopicStore(dynamo),
    groups: dynamoGroupStore(dynamo),
    triggers: dynamoTriggerStore(dynamo),
    upkeep: dynamoUpkeepStore(dynamo),
    listeners: dynamoListenerStore(dynamo),
    outboxes: dynamoOutboxStore(dynamo, { clients, name: table }),
    transactions: dynamoTransactionStore(dynamo),
    close,
  }
}

/** A scan goes on behind a log's head. Where a deletion has left blocks alone, that key stands nowhere. */
function testScan(endpoint: () => string): void {
  test('a scan misses no partition behind one of many blocks and no head', async () => {
    const { index, close } = await openFresh(endpoint())
    const partitions = Array.from({ length: 6 }, (_, partition) => freshPartition(partition))
    for (const [number, partition] of partitions.entries()) {
      if (number % 2 === 0) await index.createHead(partition, 0)
      const blocks = Array.from({ length: TABLE_SCAN_PAGE_ITEMS * 1.5 }, (_, offset) => looseBlock(offset, 1))
      await Promise.all(blocks.map(block => index.putBlock(partition, block)))
    }
    const found: number[] = []
    for await (const { partition } of index.partitions()) found.push(partition)
    expect(found.sort()).toEqual([0, 1, 2, 3, 4, 5])
    await close()
  })
}

describeDynamoDbLocal('on DynamoDB Local,', () => {
  describeLogIndex('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeTopicStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeGroupStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()), SIZES)
  describeClassicGroupStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeTriggerStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeSettledLog('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()), 20)
  describeUpkeepStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeListenerStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeOutboxStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeDecidedAppends('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describePendingOffsets('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeTransactionStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  testScan(dynamoDbLocalEndpoint)
})

describeAws('on the AWS endpoint,', () => {
  describeLogIndex('DynamoDB', () => openFresh(awsEndpoint()))
  describeTopicStore('DynamoDB', () => openFresh(awsEndpoint()))
  describeGroupStore('DynamoDB', () => openFresh(awsEndpoint()), SIZES)
  describeClassicGroupStore('DynamoDB', () => openFresh(awsEndpoint()))
  describeTriggerStore('DynamoDB', () => openFresh(awsEndpoint()))
  describeSettledLog('DynamoDB', () => openFresh(awsEndpoint()), 20)
  describeUpkeepStore('DynamoDB', () => openFresh(awsEndpoint()))
  describeListenerStore('DynamoDB', () => openFresh(awsEndpoint()))
  describeOutboxStore('DynamoDB', () => openFresh(awsEndpoint()))
  describeDecidedAppends('DynamoDB', () => openFresh(awsEndpoint()))
  describePendingOffsets('DynamoDB', () => openFresh(awsEndpoint()))
  describeTransactionStore('DynamoDB', () => openFresh(awsEndpoint()))
  testScan(awsEndpoint)
})
