import { randomUUID } from 'node:crypto'
import { CreateQueueCommand, DeleteQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { SqsWakeUps } from '../../../src/adapters/aws/delivery/sqs-wake-ups.ts'
import type { LanedWakeUp } from '../../../src/ports/wake-ups.ts'
import { awsEndpoint, describeAws } from '../../aws/endpoints.ts'

describeAws('wake-ups in a queue', () => {
  const topicId = randomUUID()
  let sqs: SQSClient
  let url: string
  let wakeUps: SqsWakeUps
  let triggerId: string

  beforeAll(async () => {
    sqs = new SQSClient({ endpoint: awsEndpoint() })
    const QueueName = `tidemark-${randomUUID().slice(0, 8)}.fifo`
    const Attributes = { FifoQueue: 'true', DeduplicationScope: 'messageGroup' }
    url = (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!
    wakeUps = new SqsWakeUps(url, { endpoint: awsEndpoint() })
  })

  // Another trigger for each test, so that none waits for another's messages.
  beforeEach(() => {
    triggerId = randomUUID().replaceAll('-', '')
  })

  afterAll(async () => {
    await sqs.send(new DeleteQueueCommand({ QueueUrl: url }))
    sqs.destroy()
    wakeUps.close()
  })

  const wakeUpOf = (partition: number, lane = partition): LanedWakeUp => ({
    triggerId,
    groupId: 'shipping',
    topic: 'orders',
    partition: { topicId, partition },
    lane,
  })

  interface Received {
    readonly partition: number
    readonly receipt: string
  }

  async function receive(max = 10): Promise<Received[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: max,
      VisibilityTimeout: 30,
    })
    const { Messages = [] } = await sqs.send(command)
    return Messages.map(({ Body, ReceiptHandle }) => {
      const body = JSON.parse(Body!)
      expect(body).toMatchObject({ triggerId, groupId: 'shipping', topic: 'orders', topicId })
      return { partition: body.partition, receipt: ReceiptHandle! }
    })
  }

  /** Receives one at a time, as the mapping does, until nothing is left to receive. */
  async function receiveAll(): Promise<number[]> {
    const partitions: number[] = []
    for (let received = await receive(1); received.length > 0; received = await receive(1)) {
      partitions.push(...received.map(({ partition }) => partition))
    }
    return partitions.sort((a, b) => a - b)
  }

  test('are all sent, however many, and lanes do not wait for each other', async () => {
    await wakeUps.wake(
      Array.from({ length: 23 }, (_, partition) => wakeUpOf(partition)),
      'change 1',
    )
    expect(await receiveAll()).toEqual(Array.from({ length: 23 }, (_, partition) => partition))
  })

  test('come once for an occasion, and again for the next', async () => {
    await wakeUps.wake([wakeUpOf(0, 0), wakeUpOf(1, 1)], 'change 1')
    await wakeUps.wake([wakeUpOf(0, 0), wakeUpOf(1, 1)], 'change 1')
    const first = await receive()
    expect(first).toHaveLength(2)
    await wakeUps.wake([wakeUpOf(0, 0)], 'change 2')
    for (const { receipt } of first) await wakeUps.hide(receipt, 0)
    // Back again, and the new one behind the first of its lane.
    expect(await receiveAll()).toEqual([0, 1])
  })

  test('of one lane wait for each other', async () => {
    await wakeUps.wake([wakeUpOf(0, 0), wakeUpOf(4, 0)], 'change 1')
    const [first] = await receive(1)
    expect(first!.partition).toBe(0)
    expect(await receiveAll()).toEqual([])
    await wakeUps.hide(first!.receipt, 0)
    expect((await receive(1)).map(({ partition }) => partition)).toEqual([0])
  })

  test('cannot be hidden by somebody who does not have them', async () => {
    await expect(wakeUps.hide('no receipt', 1_000)).rejects.toMatchObject({
      name: 'StoreFailed',
      message: expect.stringContaining('sqs:ChangeMessageVisibility'),
    })
  })

  test('to a queue that is not there say so', async () => {
    const nowhere = new SqsWakeUps(`${url}-not`, { endpoint: awsEndpoint() })
    await expect(nowhere.wake([wakeUpOf(0)], 'change 1')).rejects.toMatchObject({ name: 'StoreFailed' })
    nowhere.close()
  })
})
