import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { decodeHeadItem } from '../../src/adapters/aws/items/head.ts'
import { makeTableClients } from '../../src/adapters/aws/table/aws-table.ts'
import { fetchLocated } from '../../src/client/located.ts'
import { countInlineBytes } from '../../src/core/log/entry.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches } from '../../src/core/record/index.ts'
import { openAws } from '../../src/embedded/aws.ts'
import type { Embedded } from '../../src/embedded/embedded.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../aws/tables.ts'
import { batchOf, readAll } from '../broker/harness.ts'

describeAws('a broker in this process on S3 and DynamoDB', () => {
  let table: Awaited<ReturnType<typeof createTestTable>>
  let bucket: Awaited<ReturnType<typeof createTestBucket>>
  const opened: Embedded[] = []

  beforeAll(async () => {
    table = await createTestTable(awsEndpoint())
    bucket = await createTestBucket(awsEndpoint())
  })
  afterEach(async () => {
    for (const embedded of opened.splice(0)) await embedded.close()
  })
  afterAll(async () => {
    await table.remove()
    await bucket.remove()
  })

  function open(names: { table?: string; bucket?: string } = {}): Embedded {
    const options = { table: table.table, bucket: bucket.bucket, endpoint: awsEndpoint(), ...names }
    const embedded = openAws({ ...options, flushes: names.table ? 'elsewhere' : 'in-background' })
    opened.push(embedded)
    return embedded
  }

  /** Of all heads that stand in the table. */
  async function inlineBytes(): Promise<number> {
    const clients = makeTableClients({ endpoint: awsEndpoint() })
    const { Items = [] } = await clients.repeating.send(new ScanCommand({ TableName: table.table }))
    clients.close()
    const heads = Items.filter(({ sk }) => sk?.S === 'head').map(decodeHeadItem)
    return heads.reduce((sum, { tail }) => sum + countInlineBytes(tail), 0)
  }

  test('has all that another acknowledged, none of it in a head once that one has closed', async () => {
    const first = open()
    await first.broker.createTopic({ topic: 'tides', partitions: 2, configs: { 'flush.ms': '600000' } })
    const values = Array.from({ length: 40 }, (_, number) => `record ${number}`)
    for (const value of values) {
      await first.broker.produce({ topic: 'tides', partition: 0, batches: batchOf([value]) })
    }
    const batches = batchOf(['large'], { padding: 100_000 })
    await first.broker.produce({ topic: 'tides', partition: 0, batches })
    // The large one took the tail along into a block.
    await first.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['last']) })
    expect(await inlineBytes()).toBeGreaterThan(0)
    await first.close()
    expect(await inlineBytes()).toBe(0)

    const second = open()
    const read = await readAll(second.broker, { topic: 'tides', partition: 0 })
    expect(read.map(({ value }) => value)).toEqual([...values, 'large', 'last'])
    const { findings, summary } = second.verify()
    const found = []
    for await (const finding of findings) found.push(finding)
    expect(found).toEqual([])
    expect(summary.partitions).toBe(2)
  })

  test('hands out URLs from which anybody reads just the range', async () => {
    const { broker } = open()
    await broker.createTopic({ topic: 'located' })
    const batches = batchOf(['large'], { padding: 100_000 })
    await broker.produce({ topic: 'located', partition: 0, batches })
    const located = await broker.locate({ topic: 'located', partition: 0, offset: toOffset(0) })
    expect(located.ranges).toMatchObject([{ records: 1, url: expect.stringContaining('X-Amz-Signature') }])
    const { chunks } = await fetchLocated(located)
    expect(chunks.flatMap(decodeBatches).map(({ value }) => Buffer.from(value!).toString())).toEqual([
      'large',
    ])
  })

  test('says what is missing where there is no such table', async () => {
    const { broker } = open({ table: 'no-such-table' })
    await expect(broker.describeTopic('tides')).rejects.toMatchObject({
      kafkaName: 'KAFKA_STORAGE_ERROR',
      message: expect.stringContaining('there is no table "no-such-table" in this account and region'),
    })
  })
})
