/** Transactions through a deployed API: what commits, aborts and fences, and what becomes of one whose process died. */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deleteStack, deployStack } from '../../localstack/stack.ts'
import { type AwsStore, openAwsStore } from '../../src/adapters/aws/aws-store.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches } from '../../src/core/record/index.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import type { Ports } from '../../src/ports/index.ts'
import { StoreFailed } from '../../src/ports/outcome.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'

/** The stream's window, and some time for a function that starts anew. */
const FINISHED_MS_MAX = 90_000

describeAws('transactions over a deployed API', () => {
  const stackName = `Transactions-${randomUUID().slice(0, 8)}`
  let directory: string
  let store: AwsStore
  let broker: HttpBroker
  let tidemark: Tidemark

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-transactions-'))
    const outputs = await deployStack({
      endpoint: awsEndpoint(),
      stackName,
      outputsFile: join(directory, 'outputs.json'),
      context: { production: 'false' },
    })
    const url = outputs.ApiUrl!
    broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
    tidemark = new Tidemark({ broker })
    store = openAwsStore({ endpoint: awsEndpoint(), table: outputs.TableName!, bucket: outputs.BucketName! })
    for (const topic of ['tides', 'ledger']) await broker.createTopic({ topic, partitions: 2 })
  }, 300_000)

  afterAll(async () => {
    store?.close()
    await deleteStack(awsEndpoint(), stackName)
    await rm(directory, { recursive: true })
  }, 180_000)

  async function read(topic: string, partition: number): Promise<string[]> {
    const values: string[] = []
    for (let offset = toOffset(0); ; ) {
      const { chunks, nextOffset, endOffset } = await broker.fetch({ topic, partition, offset })
      for (const record of chunks.flatMap(chunk => decodeBatches(chunk)))
        if (record.offset >= offset) values.push(Buffer.from(record.value!).toString('latin1'))
      if (nextOffset >= endOffset) return values
      offset = nextOffset
    }
  }

  async function committed(groupId: string): Promise<number[]> {
    return (await broker.fetchOffsets({ groupId })).map(({ offset }) => offset)
  }

  /** So much that it is staged before the transaction ends. */
  const shipped = (value: string) =>
    Array.from({ length: 20 }, (_, partition) => ({
      partition: partition % 2,
      value: Buffer.concat([Buffer.from(value), randomBytes(100_000)]),
    }))

  const offsetsOf = (consumerGroupId: string, offset: number) => ({
    consumerGroupId,
    topics: [{ topic: 'tides', partitions: [{ partition: 0, offset: String(offset) }] }],
  })

  test('records of two topics and offsets are there together, or not at all', {
    timeout: 120_000,
  }, async () => {
    const producer = tidemark.producer({ transactionalId: 'billing' })
    const first = await producer.transaction()
    // Too large for the table: it goes through an object.
    const large = randomBytes(200_000).toString('latin1')
    await first.send({ topic: 'tides', messages: [{ partition: 0, value: Buffer.from(large, 'latin1') }] })
    await first.send({ topic: 'ledger', messages: [{ partition: 1, value: 'billed' }] })
    await first.sendOffsets(offsetsOf('billers', 7))
    expect(await read('tides', 0)).toEqual([])
    const places = await first.commit()
    expect(places).toHaveLength(2)
    expect(await read('tides', 0)).toEqual([large])
    expect(await read('ledger', 1)).toEqual(['billed'])
    expect(await committed('billers')).toEqual([7])

    const second = await producer.transaction()
    await second.sendOffsets(offsetsOf('billers', 9))
    await second.send({ topic: 'ledger', messages: shipped('never') })
    expect(await broker.describeTransaction('billing')).toMatchObject({ state: 'Ongoing' })
    await second.abort()
    expect(await read('ledger', 1)).toEqual(['billed'])
    expect(await committed('billers')).toEqual([7])
    expect(await broker.describeTransaction('billing')).toMatchObject({ state: 'CompleteAbort' })
    await producer.disconnect()
  })

  test('who comes later fences who was there, and ends what it left', { timeout: 120_000 }, async () => {
    const old = tidemark.producer({ transactionalId: 'fenced' })
    const left = await old.transaction()
    await left.send({ topic: 'ledger', messages: shipped('of the zombie') })
    expect(await broker.describeTransaction('fenced')).toMatchObject({ state: 'Ongoing' })
    const next = tidemark.producer({ transactionalId: 'fenced' })
    const transaction = await next.transaction()
    await transaction.send({ topic: 'ledger', messages: [{ partition: 0, value: 'of the successor' }] })
    await transaction.commit()
    await expect(left.commit()).rejects.toMatchObject({ type: 'PRODUCER_FENCED' })
    expect(await read('ledger', 0)).toEqual(['of the successor'])
    await next.disconnect()
  })

  test('what somebody decided who died is finished by the functions', { timeout: 180_000 }, async () => {
    const dies = async () => {
      throw new StoreFailed('the process has died')
    }
    const { index, groups } = store
    const ports: Ports = {
      ...store,
      index: { ...index, appendDecided: dies },
      groups: { ...groups, resolvePending: dies },
      clock: systemClock,
      entropy: systemEntropy,
    }
    const dying = new LogBroker(ports, { lingerMs: 0, reportError: () => {}, flushes: 'elsewhere' })
    const producer = new Tidemark({ broker: dying }).producer({ transactionalId: 'orphan' })
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'tides', messages: [{ partition: 1, value: 'decided' }] })
    await transaction.send({ topic: 'ledger', messages: [{ partition: 0, value: 'decided' }] })
    await transaction.sendOffsets(offsetsOf('orphans', 3))
    await expect(transaction.commit()).rejects.toThrow('died')
    expect((await store.transactions.read('orphan'))?.state).toBe('committing')
    await expect
      .poll(async () => (await store.transactions.read('orphan'))?.state, {
        timeout: FINISHED_MS_MAX,
        interval: 500,
      })
      .toBe('committed')
    expect(await read('tides', 1)).toEqual(['decided'])
    expect(await read('ledger', 0)).toEqual(['of the successor', 'decided'])
    expect(await committed('orphans')).toEqual([3])
  })
})
