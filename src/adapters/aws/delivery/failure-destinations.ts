import { randomUUID } from 'node:crypto'
import { AWS_ATTEMPTS_MAX } from '../../../core/limits.ts'
import { partitionKey } from '../../../core/topic/partition-id.ts'
import type { FailureDestinations, GivenUp } from '../../../ports/failure-destinations.ts'
import { StoreFailed } from '../../../ports/outcome.ts'
import { asStoreError } from '../aws-failures.ts'
import { type AwsConnection, bucketConfig, type clientConfig } from '../connection.ts'
import { sendRepeated } from './repeated-send.ts'

/** What is needed of an ARN, `arn:<partition>:<service>:<region>:<account>:<resource>`. */
interface Arn {
  readonly service: string
  readonly account: string
  readonly resource: string
}

type Send = (arn: Arn, destination: string, givenUp: GivenUp, options: SendOptions) => Promise<void>
type SendOptions = Readonly<{ abortSignal: AbortSignal }>

/**
 * Queues, topics of SNS and buckets, by their ARNs. A queue and a topic get the report; a bucket gets the report with
 * the event in it, in an object named as Lambda names such objects. Each client is loaded when it is first needed,
 * since nearly every deliverer has nothing to give up.
 * @param nowMs tells the time, which stands in objects' keys
 * @param timeoutMs how long one request may take
 */
export function awsFailureDestinations(
  nowMs: () => number,
  connection: AwsConnection = {},
  timeoutMs?: number,
): FailureDestinations {
  const senders = new Map<string, Promise<Send>>()
  const senderFor = (service: string): Promise<Send> => {
    let sender = senders.get(service)
    if (!sender) {
      const config = { ...bucketConfig(connection), maxAttempts: AWS_ATTEMPTS_MAX }
      if (service === 'sqs') sender = openQueues(config)
      else if (service === 'sns') sender = openTopics(config)
      else sender = openBuckets(config, nowMs)
      senders.set(service, sender)
    }
    return sender
  }
  const send: FailureDestinations['send'] = async (destination, givenUp) => {
    const arn = parseArn(destination)
    if (!Object.hasOwn(ACTIONS, arn.service)) {
      throw new StoreFailed(`${destination} is no queue, no topic of SNS and no bucket: give the ARN of one`)
    }
    const sender = await senderFor(arn.service)
    try {
      await sendRepeated(options => sender(arn, destination, givenUp, options), timeoutMs)
    } catch (error) {
      const call = { action: ACTIONS[arn.service]!, resource: destination, effect: 'write' } as const
      throw asStoreError(error, call)
    }
  }
  return { send }
}

const ACTIONS: Readonly<Record<string, string>> = {
  sqs: 'sqs:SendMessage',
  sns: 'sns:Publish',
  s3: 's3:PutObject',
}

type ClientConfig = ReturnType<typeof clientConfig> & { maxAttempts: number }

async function openQueues(config: ClientConfig): Promise<Send> {
  const { GetQueueUrlCommand, SendMessageCommand, SQSClient } = await import('@aws-sdk/client-sqs')
  const client = new SQSClient(config)
  const urls = new Map<string, string>()
  return async ({ account, resource }, destination, givenUp, options) => {
    let url = urls.get(destination)
    if (url === undefined) {
      const command = new GetQueueUrlCommand({ QueueName: resource, QueueOwnerAWSAccountId: account })
      url = (await client.send(command, options)).QueueUrl!
      urls.set(destination, url)
    }
    const message = { QueueUrl: url, MessageBody: givenUp.report, ...orderOf(resource, givenUp) }
    await client.send(new SendMessageCommand(message), options)
  }
}

async function openTopics(config: ClientConfig): Promise<Send> {
  const { PublishCommand, SNSClient } = await import('@aws-sdk/client-sns')
  const client = new SNSClient(config)
  return async ({ resource }, TopicArn, givenUp, options) => {
    await client.send(
      new PublishCommand({ TopicArn, Message: givenUp.report, ...orderOf(resource, givenUp) }),
      options,
    )
  }
}

async function openBuckets(config: ClientConfig, nowMs: () => number): Promise<Send> {
  const { PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client(config)
  return async ({ resource: Bucket }, _, givenUp, options) => {
    const Body = JSON.stringify({ ...JSON.parse(givenUp.report), payload: givenUp.event })
    const Key = objectKey(givenUp, new Date(nowMs()))
    await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'application/json' }), options)
  }
}

/** `aws/lambda/<trigger>/<topic>-<partition>/2026/01/31/2026-01-31T23.59.59-<random>`, as Lambda's event sources have it. */
function objectKey({ trigger, partition }: GivenUp, now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(':', '.')
  const day = time.slice(0, 10).replaceAll('-', '/')
  return `aws/lambda/${trigger.triggerId}/${trigger.topic}-${partition.partition}/${day}/${time}-${randomUUID()}`
}

/** Queues and topics with an order (`.fifo`) are told what belongs together, and what has come before. */
function orderOf(name: string, { trigger, partition, records }: GivenUp) {
  if (!name.endsWith('.fifo')) return {}
  const group = `${trigger.triggerId}#${partitionKey(partition)}`
  return {
    MessageGroupId: group,
    MessageDeduplicationId: `${group}#${records[0]!.offset}-${records.at(-1)!.offset}`,
  }
}

function parseArn(text: string): Arn {
  const [start, , service = '', , account = '', ...rest] = text.split(':')
  if (start !== 'arn' || rest.length === 0) {
    throw new StoreFailed(`${text} is no ARN: give that of a queue, of a topic of SNS or of a bucket`)
  }
  return { service, account, resource: rest.join(':') }
}
