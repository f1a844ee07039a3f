import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type AwsStore, type AwsStoreOptions, openAwsStore } from '../../../src/adapters/aws/aws-store.ts'
import { UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { segmentKey } from '../../../src/core/storage-layout.ts'
import { encodeStoreFormat } from '../../../src/core/store-format.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { awsEndpoint, describeAws } from '../../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../../aws/tables.ts'
import { freshId } from '../../conformance/samples.ts'

const FORMAT_KEY = { pk: { S: 'store' }, sk: { S: 'format' } }

describeAws('what a store on AWS says of itself:', () => {
  let dynamodb: DynamoDBClient
  let s3: S3Client
  let table: Awaited<ReturnType<typeof createTestTable>>
  let bucket: Awaited<ReturnType<typeof createTestBucket>>
  let meter: UsageMeter
  const open: AwsStore[] = []

  beforeAll(() => {
    dynamodb = new DynamoDBClient({ endpoint: awsEndpoint() })
    s3 = new S3Client({ endpoint: awsEndpoint(), forcePathStyle: true })
  })
  afterAll(() => {
    dynamodb.destroy()
    s3.destroy()
  })
  beforeEach(async () => {
    table = await createTestTable(awsEndpoint())
    bucket = await createTestBucket(awsEndpoint())
    meter = new UsageMeter()
  })
  afterEach(async () => {
    for (const store of open.splice(0)) store.close()
    await table.remove()
    await bucket.remove()
  })

  function openStore(options: Partial<AwsStoreOptions> = {}): AwsStore {
    const store = openAwsStore({
      table: table.table,
      bucket: bucket.bucket,
      endpoint: awsEndpoint(),
      meter,
      ...options,
    })
    open.push(store)
    return store
  }

  const topicOf = (name: string): TopicItem => ({
    name,
    topicId: freshId(),
    partitions: 1,
    configs: {},
    createdMs: 1,
    state: 'live',
    version: freshId(),
  })
  const createTopic = (store: AwsStore, name = 'tides') => store.topics.put(topicOf(name), undefined)
  const put = (store: AwsStore) => store.objects.put(segmentKey(freshId()), [Buffer.from('x')])
  const requests = () =>
    Object.fromEntries(Object.entries(meter.usage()).map(([name, { requests: count }]) => [name, count]))

  async function inTable(): Promise<string | undefined> {
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName: table.table, Key: FORMAT_KEY }))
    return Item?.statement?.S
  }
  async function setTable(statement: string): Promise<void> {
    const item = { ...FORMAT_KEY, statement: { S: statement } }
    await dynamodb.send(new PutItemCommand({ TableName: table.table, Item: item }))
  }
  async function inBucket(): Promise<string | undefined> {
    const command = new GetObjectCommand({ Bucket: bucket.bucket, Key: 'format.json' })
    return await s3.send(command).then(
      ({ Body }) => Body?.transformToString(),
      () => undefined,
    )
  }
  async function setBucket(statement: string): Promise<void> {
    const command = new PutObjectCommand({ Bucket: bucket.bucket, Key: 'format.json', Body: statement })
    await s3.send(command)
  }
  const statementOf = (version: number, storeId = '00'.repeat(16)) =>
    new TextDecoder().decode(encodeStoreFormat({ version, storeId, createdMs: 5 }))

  test('the first write gives the table a statement, the first object the bucket, the same', async () => {
    const store = openStore()
    expect(await store.topics.get('tides')).toBeUndefined()
    expect(await inTable()).toBeUndefined()
    await createTopic(store)
    const stated = await inTable()
    expect(JSON.parse(stated!)).toEqual({
      format: 'tidemark',
      version: 5,
      storeId: expect.stringMatching(/^[0-9a-f]{32}$/),
      createdMs: expect.any(Number),
    })
    expect(await inBucket()).toBeUndefined()
    await put(store)
    expect(await inBucket()).toBe(stated)
    const listed: string[] = []
    for await (const { key } of store.objects.list()) listed.push(key)
    expect(listed).toEqual([expect.stringContaining('segments/')])
  })

  test('it is asked once in a process, beside a read that is made anyway', async () => {
    await createTopic(openStore())
    await put(openStore())
    meter.reset()
    const store = openStore()
    await store.topics.get('tides')
    expect(requests()).toEqual({ GetItem: 2 })
    for (let times = 0; times < 3; times += 1) {
      await store.topics.get('tides')
      await createTopic(store, `tides-${times}`)
    }
    expect(requests()).toEqual({ GetItem: 5, PutItem: 3 })
    meter.reset()
    for (let times = 0; times < 3; times += 1) await put(store)
    expect(requests()).toEqual({ GetObject: 1, PutObject: 3 })
  })

  test('brokers that begin at the same time agree', async () => {
    const stores = Array.from({ length: 6 }, () => openStore())
    await Promise.all(stores.map((store, number) => createTopic(store, `tides-${number}`)))
    await Promise.all(stores.map(put))
    expect(await inBucket()).toBe(await inTable())
  })

  test('what only reads, or may not, states nothing', async () => {
    const store = openStore({ states: false })
    expect(await store.topics.get('tides')).toBeUndefined()
    expect(await store.objects.get(segmentKey(freshId()), toPosition(0), 1)).toBeUndefined()
    await createTopic(store)
    await put(store)
    expect([await inTable(), await inBucket()]).toEqual([undefined, undefined])
  })

  test('a store from before is given a statement, which does not say when its index was made', async () => {
    const before = openStore({ states: false })
    await createTopic(before)
    await put(before)
    const store = openStore()
    await put(store)
    expect(JSON.parse((await inTable())!)).toMatchObject({ version: 5, createdMs: null })
    expect(await inBucket()).toBe(await inTable())
    expect(await store.topics.get('tides')).toMatchObject({ name: 'tides' })
  })

  test('who may not raise what a table says begins no transaction, which older programs know nothing of', async () => {
    await setTable(statementOf(4))
    const older = openStore({ states: false })
    await expect(older.transactions.register('billing')).rejects.toThrow(/format 4, and they begin with 5/)
    expect(await inTable()).toBe(statementOf(4))
    await openStore().transactions.register('billing')
    expect(await inTable()).toBe(statementOf(5))
    await openStore({ states: false }).transactions.register('billing-2')
  })

  test('a store of version 1 is read as it is, and raised by the first who may: the table, then the bucket', async () => {
    await setTable(statementOf(1))
    await setBucket(statementOf(1))
    const reading = openStore({ states: false })
    await createTopic(reading)
    await put(reading)
    expect([await inTable(), await inBucket()]).toEqual([statementOf(1), statementOf(1)])
    const stores = Array.from({ length: 4 }, () => openStore())
    expect(await stores[0]!.topics.get('tides')).toMatchObject({ name: 'tides' })
    await Promise.all(stores.map((store, number) => createTopic(store, `tides-${number}`)))
    expect([await inTable(), await inBucket()]).toEqual([statementOf(5), statementOf(1)])
    await put(openStore())
    expect(await inBucket()).toBe(statementOf(5))
  })

  test.each([
    ['a newer table', 'is of a newer Tidemark (format 6', () => setTable(statementOf(6))],
    ['a table of something else', "is not of a store of Tidemark's", () => setTable('{}')],
  ])('%s is refused, for reading and writing', async (_, words, prepare) => {
    await prepare()
    const store = openStore()
    await expect(store.topics.get('tides')).rejects.toThrow(words)
    await expect(createTopic(store)).rejects.toThrow(words)
    await expect(put(store)).rejects.toThrow(words)
    await expect(store.objects.get(segmentKey(freshId()), toPosition(0), 1)).rejects.toThrow(words)
    // A person has seen to it: nobody needs to start again.
    await setTable(statementOf(1))
    expect(await store.topics.get('tides')).toBeUndefined()
    await createTopic(store)
  })

  test('a bucket of another table is refused, and one whose table has been lost', async () => {
    await setBucket(statementOf(1))
    const fresh = openStore({ states: false })
    await expect(put(fresh)).rejects.toThrow('has an index been lost?')
    await setTable(statementOf(1, '11'.repeat(16)))
    const store = openStore()
    await expect(put(store)).rejects.toThrow('do not belong together')
    await expect(store.objects.list()[Symbol.asyncIterator]().next()).rejects.toThrow(
      'do not belong together',
    )
    const command = new DeleteObjectCommand({ Bucket: bucket.bucket, Key: 'format.json' })
    await s3.send(command)
    await put(store)
    expect(await inBucket()).toBe(statementOf(5, '11'.repeat(16)))
  })
})
