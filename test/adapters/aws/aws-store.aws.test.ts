import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type AwsStore, openAwsStore } from '../../../src/adapters/aws/aws-store.ts'
import { countTableWrites, UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { systemClock, systemEntropy } from '../../../src/embedded/system.ts'
import { awsEndpoint, describeAws } from '../../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../../aws/tables.ts'
import { batchOf } from '../../broker/harness.ts'

const HOUR_MS = 3_600_000

describeAws('what a broker asks of AWS:', () => {
  const meter = new UsageMeter()
  let table: Awaited<ReturnType<typeof createTestTable>>
  let bucket: Awaited<ReturnType<typeof createTestBucket>>
  let store: AwsStore
  let broker: LogBroker
  let topic: string
  let topics = 0

  beforeAll(async () => {
    table = await createTestTable(awsEndpoint())
    bucket = await createTestBucket(awsEndpoint())
    store = openAwsStore({ table: table.table, bucket: bucket.bucket, endpoint: awsEndpoint(), meter })
    broker = newBroker()
    // What the store says of itself is asked once in a process, and given once in a store's life.
    await broker.createTopic({ topic: 'statement' })
    await broker.produce({ topic: 'statement', partition: 0, batches: large() })
  })
  afterAll(async () => {
    await broker.close()
    store.close()
    await table.remove()
    await bucket.remove()
  })
  beforeEach(async () => {
    topics += 1
    topic = `tides-${topics}`
    await broker.createTopic({ topic, partitions: 2 })
    // So that the broker knows the topic, as it does in all but its first request.
    await broker.produce({ topic, partition: 0, batches: batchOf(['first']) })
    meter.reset()
  })

  function newBroker(): LogBroker {
    const settings = {
      lingerMs: 0,
      flushes: 'elsewhere',
      topicCacheMs: HOUR_MS,
      reportError: console.error,
    } as const
    return new LogBroker({ ...store, clock: systemClock, entropy: systemEntropy }, settings, store.locator)
  }

  function requests(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(meter.usage()).map(([name, { requests: count }]) => [name, count]),
    )
  }

  const large = () => batchOf(['large'], { padding: 100_000 })

  test('a small produce call is one UpdateItem', async () => {
    await broker.produce({ topic, partition: 0, batches: batchOf(['small']) })
    expect(requests()).toEqual({ UpdateItem: 1 })
  })

  test('a large one is one PutObject and one UpdateItem', async () => {
    await broker.produce({ topic, partition: 0, batches: large() })
    expect(requests()).toEqual({ PutObject: 1, UpdateItem: 1 })
    expect(meter.usage().PutObject?.bytesSent).toBeGreaterThan(100_000)
  })

  test('calls at the same time share commits, and the writes per call are less than one', async () => {
    const calls = Array.from({ length: 64 }, () =>
      broker.produce({ topic, partition: 0, batches: batchOf(['small']) }),
    )
    const offsets = (await Promise.all(calls)).map(({ baseOffset }) => baseOffset)
    expect(new Set(offsets).size).toBe(64)
    expect(countTableWrites(meter.usage())).toBeLessThan(16)
  })

  test('a fetch of what is inline is one GetItem', async () => {
    const { chunks } = await broker.fetch({ topic, partition: 0, offset: toOffset(0) })
    expect(chunks).toHaveLength(1)
    expect(requests()).toEqual({ GetItem: 1 })
  })

  test('a fetch at the tail is one GetItem and one ranged GET of just the bytes', async () => {
    const { baseOffset } = await broker.produce({ topic, partition: 1, batches: large() })
    meter.reset()
    const { chunks } = await broker.fetch({ topic, partition: 1, offset: baseOffset })
    expect(requests()).toEqual({ GetItem: 1, GetObject: 1 })
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    expect(meter.usage().GetObject?.bytesReceived).toBe(bytes)
  })

  test('a broker that knows nothing asks for the topic once more', async () => {
    const fresh = newBroker()
    await fresh.fetch({ topic, partition: 0, offset: toOffset(0) })
    expect(requests()).toEqual({ GetItem: 2 })
    await fresh.close()
  })
})
