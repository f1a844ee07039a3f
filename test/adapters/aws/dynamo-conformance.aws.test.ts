import { makeTableClients } from '../../../src/adapters/aws/clients.ts'
import { DynamoLogIndex } from '../../../src/adapters/aws/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/dynamo-table.ts'
import { DynamoTopicStore } from '../../../src/adapters/aws/dynamo-topic-store.ts'
import {
  awsEndpoint,
  describeAws,
  describeDynamoDbLocal,
  dynamoDbLocalEndpoint,
} from '../../aws/endpoints.ts'
import { createTestTable } from '../../aws/tables.ts'
import { describeLogIndex } from '../../conformance/log-index.ts'
import { describeTopicStore } from '../../conformance/topic-store.ts'

async function openFresh(endpoint: string) {
  const { table, remove } = await createTestTable(endpoint)
  const clients = makeTableClients({ endpoint })
  const dynamo = new DynamoTable(clients, table)
  const close = async () => {
    clients.close()
    await remove()
  }
  return { index: new DynamoLogIndex(dynamo), topics: new DynamoTopicStore(dynamo), close }
}

describeDynamoDbLocal('on DynamoDB Local,', () => {
  describeLogIndex('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
  describeTopicStore('DynamoDB', () => openFresh(dynamoDbLocalEndpoint()))
})

describeAws('on the AWS endpoint,', () => {
  describeLogIndex('DynamoDB', () => openFresh(awsEndpoint()))
  describeTopicStore('DynamoDB', () => openFresh(awsEndpoint()))
})
