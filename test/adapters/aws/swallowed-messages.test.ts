import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { awsFailureDestinations } from '../../../src/adapters/aws/delivery/failure-destinations.ts'
import { SqsWakeUps } from '../../../src/adapters/aws/delivery/sqs-wake-ups.ts'
import { listenLocally } from './local-server.ts'
import { heldRequestTimes } from './request-times.ts'

const QUEUE = 'https://sqs.us-east-1.amazonaws.com/123456789012/wake-ups.fifo'

/** A service that swallows so many requests and takes the others. */
async function swallowing(requests: number) {
  let left = requests
  let seen = 0
  const expire = heldRequestTimes()
  const server = createServer(async (request, response) => {
    seen += 1
    await buffer(request)
    if (left-- > 0) return expire()
    response.setHeader('content-type', 'application/x-amz-json-1.0')
    response.end('{}')
  })
  const { url: endpoint, close } = await listenLocally(server)
  onTestFinished(close)
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
  return { connection: { endpoint, region: 'us-east-1', credentials }, seen: () => seen }
}

test('a message is hidden by the second request where the first was swallowed', async () => {
  const { connection, seen } = await swallowing(1)
  const wakeUps = new SqsWakeUps(QUEUE, connection)
  onTestFinished(() => wakeUps.close())
  await wakeUps.hide('receipt', 1_000)
  expect(seen()).toBe(2)
})

test('a queue that swallows everything is given up in time, and nobody knows what became of it', async () => {
  const { connection, seen } = await swallowing(Number.POSITIVE_INFINITY)
  const wakeUps = new SqsWakeUps(QUEUE, connection)
  onTestFinished(() => wakeUps.close())
  await expect(wakeUps.hide('receipt', 1_000)).rejects.toMatchObject({ name: 'OutcomeUnknown' })
  expect(seen()).toBe(2)
})

test('so is a bucket told of what was given up', async () => {
  const { connection, seen } = await swallowing(1)
  const destinations = awsFailureDestinations(() => 0, connection)
  const partition = { topicId: 'ab'.repeat(16), partition: 0 }
  const trigger = { triggerId: 'a trigger', topic: 'tides' }
  const givenUp = { trigger, partition, records: [], report: '{}', event: '{}' } as never
  await destinations.send('arn:aws:s3:::failures', givenUp)
  expect(seen()).toBe(2)
})
