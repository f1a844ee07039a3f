import { beforeEach, expect, test } from 'vitest'
import { topicFailures } from '../../../../src/broker/triggers/delivering/topic-destination.ts'
import type { Produce } from '../../../../src/contract/broker.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { FAILED_BATCH_BYTES } from '../../../../src/core/limits.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { decodeBatches } from '../../../../src/core/record/index.ts'
import type { TriggerRecord } from '../../../../src/core/trigger/trigger.ts'
import { openInMemory } from '../../../../src/embedded/embedded.ts'
import type { GivenUp } from '../../../../src/ports/failure-destinations.ts'

const TRIGGER: GivenUp['trigger'] = {
  triggerId: '0123456789abcdef0123456789abcdef',
  groupId: 'shipping',
  topic: 'orders',
  target: 'arn:aws:lambda:us-east-1:123456789012:function:ship',
  state: 'active',
  settings: {} as GivenUp['trigger']['settings'],
  createdMs: 1,
  version: 1,
}

function givenUp(records: readonly TriggerRecord[], partition = 5): GivenUp {
  return {
    trigger: TRIGGER,
    partition: { topicId: '2f1d7e0c-7a4b-4b43-9d5c-0d2c8a1f3b11', partition },
    records,
    report: JSON.stringify({ requestContext: { condition: 'RetryAttemptsExhausted' } }),
    event: '{}',
  }
}

function recordOf(offset: number, value: string): TriggerRecord {
  return {
    offset: toOffset(offset),
    timestampMs: 1_700_000_000_000 + offset,
    timestampType: 'CREATE_TIME',
    key: Buffer.from(`key ${offset}`),
    value: Buffer.from(value),
    headers: [{ key: 'trace', value: Buffer.from('t') }],
  }
}

let embedded: ReturnType<typeof openInMemory>

beforeEach(async () => {
  embedded = openInMemory()
  await embedded.broker.createTopic({ topic: 'failed', partitions: 3 })
  return () => embedded.close()
})

async function recordsIn(partition: number) {
  const { chunks } = await embedded.broker.fetch({
    topic: 'failed',
    partition,
    offset: toOffset(0),
    maxBytes: 4_000_000,
  })
  return chunks.flatMap(chunk => decodeBatches(chunk))
}

test('records go as they are, with headers that say where they come from and why', async () => {
  await topicFailures(embedded.broker).send('tidemark://failed', givenUp([recordOf(17, 'x')]))
  const [record] = await recordsIn(2)
  expect(record).toMatchObject({ timestampMs: 1_700_000_000_017 })
  expect(Buffer.from(record!.value!).toString()).toBe('x')
  expect(Buffer.from(record!.key!).toString()).toBe('key 17')
  expect(record!.headers.map(({ key, value }) => [key, Buffer.from(value!).toString()])).toEqual([
    ['trace', 't'],
    ['tidemark.failed.topic', 'orders'],
    ['tidemark.failed.partition', '5'],
    ['tidemark.failed.offset', '17'],
    ['tidemark.failed.group', 'shipping'],
    ['tidemark.failed.function', TRIGGER.target],
    ['tidemark.failed.condition', 'RetryAttemptsExhausted'],
  ])
})

test('too many for one batch stay in order', async () => {
  const records = Array.from({ length: 7 }, (_, offset) => recordOf(offset, `${offset}`.repeat(200_000)))
  await topicFailures(embedded.broker).send('tidemark://failed', givenUp(records, 0))
  const values = (await recordsIn(0)).map(({ value }) => Buffer.from(value!).toString()[0])
  expect(values).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test('one that is as large as a topic takes is a batch by itself', async () => {
  const sizes: number[] = []
  const broker = {
    describeTopic: (topic: string) => embedded.broker.describeTopic(topic),
    produce: async (request: Produce) => {
      sizes.push(request.batches.length)
      return await embedded.broker.produce(request)
    },
  }
  const records = [recordOf(0, 'a'), recordOf(1, 'b'.repeat(FAILED_BATCH_BYTES)), recordOf(2, 'c')]
  await topicFailures(broker).send('tidemark://failed', givenUp(records, 0))
  expect(sizes).toHaveLength(3)
})

test('one that came compressed, and is more than a topic takes otherwise, goes compressed', async () => {
  await topicFailures(embedded.broker).send(
    'tidemark://failed',
    givenUp([recordOf(0, 'x'.repeat(5_000_000))], 0),
  )
  const [record] = await recordsIn(0)
  expect(record!.value!.length).toBe(5_000_000)
})

test.each([
  ['tidemark://nowhere', 'StoreFailed', 'nowhere'],
  ['arn:aws:sqs:us-east-1:123456789012:failures', 'StoreFailed', 'tidemark://<topic>'],
])('%s is no place for them: %s', async (destination, name, message) => {
  const sent = topicFailures(embedded.broker).send(destination, givenUp([recordOf(0, 'x')]))
  await expect(sent).rejects.toMatchObject({ name, message: expect.stringContaining(message) })
})

test.each([
  ['no', 'THROTTLING_QUOTA_EXCEEDED', 'NotApplied'],
  ['unknown', 'REQUEST_TIMED_OUT', 'OutcomeUnknown'],
  ['no', 'MESSAGE_TOO_LARGE', 'StoreFailed'],
] as const)('a topic that does not take them (written: %s, %s) is %s', async (written, kafkaName, name) => {
  const broker = {
    describeTopic: (topic: string) => embedded.broker.describeTopic(topic),
    produce: async () => {
      throw new TidemarkError(kafkaName, 'no', written)
    },
  }
  const sent = topicFailures(broker).send('tidemark://failed', givenUp([recordOf(0, 'x')]))
  await expect(sent).rejects.toMatchObject({ name })
})
