import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { awsEndpoint, describeAws, describeDynamoDbLocal, dynamoDbLocalEndpoint } from './endpoints.ts'
import { createTestBucket, createTestTable } from './tables.ts'

describeAws('the AWS endpoint', () => {
  test('has tables of the deployed form', async () => {
    await expectTable(awsEndpoint())
  })

  test('has buckets', async () => {
    const { bucket, remove } = await createTestBucket(awsEndpoint())
    const client = new S3Client({ endpoint: awsEndpoint(), forcePathStyle: true })
    await client.send(new HeadBucketCommand({ Bucket: bucket }))
    await remove()
    await expect(client.send(new HeadBucketCommand({ Bucket: bucket }))).rejects.toMatchObject({
      name: 'NotFound',
    })
    client.destroy()
  })
})

describeDynamoDbLocal('DynamoDB Local', () => {
  test('has tables of the deployed form', async () => {
    await expectTable(dynamoDbLocalEndpoint())
  })
})

async function expectTable(endpoint: string): Promise<void> {
  const { table, remove } = await createTestTable(endpoint)
  const client = new DynamoDBClient({ endpoint })
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }))
  expect(Table?.KeySchema?.map(({ AttributeName }) => AttributeName)).toEqual(['pk', 'sk'])
  expect(Table?.StreamSpecification).toEqual({ StreamEnabled: true, StreamViewType: 'KEYS_ONLY' })
  await remove()
  await expect(client.send(new DescribeTableCommand({ TableName: table }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
  client.destroy()
}
