import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HttpBroker } from '../../../src/client/http-broker.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { recordsIn } from '../../broker/harness.ts'
import { batchIn } from '../../broker/transactions/staging.ts'
import { type Served, serveBroker } from './served-broker.ts'

let served: Served
let broker: HttpBroker

beforeAll(async () => {
  served = await serveBroker()
  broker = served.client
  await broker.createTopic({ topic: 'orders', partitions: 2 })
})

afterAll(() => served.close())

async function valuesIn(partition: number) {
  const fetched = await broker.fetch({ topic: 'orders', partition, offset: toOffset(0) })
  return recordsIn(fetched.chunks).map(({ value }) => value)
}

async function errorOf(call: Promise<unknown>): Promise<TidemarkError> {
  const error = await call.then(
    () => undefined,
    thrown => thrown,
  )
  if (error instanceof TidemarkError) return error
  throw new Error('it did not fail as it should')
}

describe('transactions over HTTP', () => {
  test('a step at a time', async () => {
    const { producerId, epoch, number } = await broker.initProducer({ transactionalId: 'a/b 🌊' })
    const name = { transactionalId: 'a/b 🌊', producerId, epoch, number: number + 1 }
    const partitions = [{ topic: 'orders', partition: 0 }]
    expect(await broker.addPartitions({ ...name, partitions })).toEqual([
      { topic: 'orders', partition: 0, error: null },
    ])
    const staged = await broker.stage({
      ...name,
      batches: [0, 1].map(partition => ({ topic: 'orders', partition, batches: batchIn(name, 0, ['one']) })),
    })
    expect(staged.map(({ error }) => error?.kafkaName ?? null)).toEqual([null, 'TRANSACTION_ABORTABLE'])
    const offsets = [{ topic: 'orders', partition: 1, offset: toOffset(3) }]
    const pending = await broker.commitTransactionOffsets({ ...name, groupId: 'readers', offsets })
    expect(pending).toEqual([{ topic: 'orders', partition: 1, error: null }])
    expect(await errorOf(broker.fetchOffsets({ groupId: 'readers' }))).toMatchObject({
      kafkaName: 'UNSTABLE_OFFSET_COMMIT',
      retriable: true,
    })
    expect(await broker.fetchOffsets({ groupId: 'readers', tellsPending: true })).toMatchObject([
      { partition: 1, isPending: true },
    ])
    expect(await broker.describeTransaction(name.transactionalId)).toMatchObject({
      producerId,
      epoch: 0,
      state: 'Ongoing',
      partitions: [{ topic: 'orders', partition: 0, records: 1 }],
      offsets: [{ groupId: 'readers', topic: 'orders', partition: 1 }],
    })
    expect(await broker.listTransactions({ states: ['Ongoing'] })).toEqual([
      { transactionalId: name.transactionalId, producerId, state: 'Ongoing' },
    ])
    expect(await broker.listTransactions({ states: ['CompleteCommit'] })).toEqual([])
    expect(await broker.listTransactions({ producerIds: [producerId + 1n] })).toEqual([])
    expect(await broker.endTransaction({ ...name, commit: true })).toEqual({
      number: 1,
      partitions: [{ topic: 'orders', partition: 0, baseOffset: 0, records: 1 }],
    })
    expect(await valuesIn(0)).toEqual(['one'])
    expect(await broker.fetchOffsets({ groupId: 'readers' })).toMatchObject([{ partition: 1, offset: 3 }])
  })

  test('in one request, and by an operator', async () => {
    const { producerId, epoch } = await broker.initProducer({ transactionalId: 'small', timeoutMs: 5_000 })
    const name = { transactionalId: 'small', producerId, epoch }
    const batches = [{ topic: 'orders', partition: 1, batches: batchIn(name, 0, ['whole']) }]
    const offsets = [{ groupId: 'others', offsets: [{ topic: 'orders', partition: 0, offset: toOffset(1) }] }]
    const ended = await broker.endTransaction({ ...name, number: 1, commit: true, batches, offsets })
    expect(ended.partitions).toEqual([{ topic: 'orders', partition: 1, baseOffset: 0, records: 1 }])
    expect(await valuesIn(1)).toEqual(['whole'])
    expect(await broker.fetchOffsets({ groupId: 'others' })).toMatchObject([{ offset: 1 }])
    await broker.stage({
      ...name,
      number: 2,
      adds: true,
      batches: [{ topic: 'orders', partition: 1, batches: batchIn(name, 1, ['never']) }],
    })
    expect(await broker.abortTransaction('small')).toMatchObject({ state: 'Empty', epoch: 1 })
    expect(await errorOf(broker.endTransaction({ ...name, commit: true }))).toMatchObject({
      kafkaName: 'PRODUCER_FENCED',
    })
    expect(await valuesIn(1)).toEqual(['whole'])
  })

  test('what is not there, and what is not so', async () => {
    expect(await errorOf(broker.describeTransaction('none'))).toMatchObject({
      kafkaName: 'TRANSACTIONAL_ID_NOT_FOUND',
    })
    expect(await errorOf(broker.initProducer({ transactionalId: '..' }))).toMatchObject({
      kafkaName: 'INVALID_REQUEST',
    })
    const { status } = await served.send('POST', '/transactions/x/end', { producerId: '1', epoch: 0 })
    expect(status).toBe(400)
  })
})
