import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'

/** For an emulator on a machine that has other things to do: a bound of a hang, where no test is of the bound. */
export const PATIENT = { writeTimeoutMs: 100_000, readTimeoutMs: 100_000 }

/** A table of the deployed stack's form under a name of its own. */
export async function createTestTable(endpoint: string): Promise<{ table: string; remove(): Promise<void> }> {
  const client = new DynamoDBClient({ endpoint })
  const table = `tidemark-test-${randomUUID()}`
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
    }),
  )
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName: table })
  return {
    table,
    async remove() {
      await client.send(new DeleteTableCommand({ TableName: table }))
      client.destroy()
    },
  }
}

/** An empty bucket under a name of its own. */
export async function createTestBucket(
  endpoint: string,
): Promise<{ bucket: string; remove(): Promise<void> }> {
  const client = new S3Client({ endpoint, forcePathStyle: true })
  const bucket = `tidemark-test-${randomUUID()}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return {
    bucket,
    async remove() {
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
        const Objects = Contents.map(({ Key }) => ({ Key }))
        if (Objects.length > 0)
          await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
      }
      await client.send(new DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
    },
  }
}
