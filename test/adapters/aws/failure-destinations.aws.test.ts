import { randomUUID } from 'node:crypto'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns'
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { awsFailureDestinations } from '../../../src/adapters/aws/delivery/failure-destinations.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { FailureDestinations, GivenUp } from '../../../src/ports/failure-destinations.ts'
import { awsEndpoint, describeAws } from '../../aws/endpoints.ts'

const REPORT = { requestContext: { condition: 'RetryAttemptsExhausted' }, version: '1.0' }
const EVENT = '{"eventSource":"SelfManagedKafka","records":{}}'
const NOW_MS = Date.UTC(2026, 0, 31, 23, 59, 58)

const GIVEN_UP: GivenUp = {
  trigger: {
    triggerId: '0123456789abcdef0123456789abcdef',
    groupId: 'shipping',
    topic: 'orders',
    target: 'arn:aws:lambda:us-east-1:000000000000:function:ship',
    state: 'active',
    settings: {} as GivenUp['trigger']['settings'],
    createdMs: 1,
    version: 1,
  },
  partition: { topicId: '2f1d7e0c-7a4b-4b43-9d5c-0d2c8a1f3b11', partition: 3 },
  records: [
    {
      offset: toOffset(17),
      timestampMs: 1,
      timestampType: 'CREATE_TIME',
      key: null,
      value: null,
      headers: [],
    },
  ],
  report: JSON.stringify(REPORT),
  event: EVENT,
}

describeAws('what is given up', () => {
  let sqs: SQSClient
  let sns: SNSClient
  let s3: S3Client
  let destinations: FailureDestinations

  beforeAll(() => {
    const endpoint = awsEndpoint()
    sqs = new SQSClient({ endpoint })
    sns = new SNSClient({ endpoint })
    s3 = new S3Client({ endpoint, forcePathStyle: true })
    destinations = awsFailureDestinations(() => NOW_MS, { endpoint })
  })

  afterAll(() => {
    for (const client of [sqs, sns, s3]) client.destroy()
  })

  async function makeQueue(suffix = '', Attributes = {}): Promise<{ url: string; arn: string }> {
    const QueueName = `failures-${randomUUID().slice(0, 8)}${suffix}`
    const url = (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] })
    return { url, arn: (await sqs.send(command)).Attributes!.QueueArn! }
  }

  async function messagesIn(QueueUrl: string): Promise<string[]> {
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 })
    return ((await sqs.send(command)).Messages ?? []).map(({ Body }) => Body!)
  }

  test('reaches a queue as the report', async () => {
    const { url, arn } = await makeQueue()
    await destinations.send(arn, GIVEN_UP)
    expect((await messagesIn(url)).map(body => JSON.parse(body))).toEqual([REPORT])
  })

  test('reaches a queue with an order, where a repetition is dropped', async () => {
    const { url, arn } = await makeQueue('.fifo', { FifoQueue: 'true' })
    await destinations.send(arn, GIVEN_UP)
    await destinations.send(arn, GIVEN_UP)
    expect(await messagesIn(url)).toHaveLength(1)
  })

  test('reaches a topic of SNS', async () => {
    const { url, arn } = await makeQueue()
    const { TopicArn } = await sns.send(
      new CreateTopicCommand({ Name: `failures-${randomUUID().slice(0, 8)}` }),
    )
    const Attributes = { RawMessageDelivery: 'true' }
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arn, Attributes }))
    await destinations.send(TopicArn!, GIVEN_UP)
    expect((await messagesIn(url)).map(body => JSON.parse(body))).toEqual([REPORT])
  })

  test('reaches a bucket with the event, under a name that tells whose it is and when it was', async () => {
    const Bucket = `failures-${randomUUID().slice(0, 8)}`
    await s3.send(new CreateBucketCommand({ Bucket }))
    await destinations.send(`arn:aws:s3:::${Bucket}`, GIVEN_UP)
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }))
    expect(Contents.map(({ Key }) => Key)).toEqual([
      expect.stringMatching(
        /^aws\/lambda\/0123456789abcdef0123456789abcdef\/orders-3\/2026\/01\/31\/2026-01-31T23\.59\.58-[0-9a-f-]{36}$/,
      ),
    ])
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: Contents[0]!.Key! }))
    expect(JSON.parse(await Body!.transformToString())).toEqual({ ...REPORT, payload: EVENT })
  })

  test.each([
    ['arn:aws:sqs:us-east-1:000000000000:nowhere', 'sqs:'],
    ['arn:aws:sns:us-east-1:000000000000:nowhere', 'sns:'],
    ['arn:aws:s3:::nowhere-at-all', 's3:'],
    ['arn:aws:lambda:us-east-1:000000000000:function:ship', 'no queue'],
    ['nowhere', 'no ARN'],
    ['arn:aws:constructor:us-east-1:000000000000:x', 'no queue'],
  ])('cannot reach %s, and says what to see to', async (destination, message) => {
    await expect(destinations.send(destination, GIVEN_UP)).rejects.toMatchObject({ name: 'StoreFailed' })
    await expect(destinations.send(destination, GIVEN_UP)).rejects.toThrow(message)
  })
})
