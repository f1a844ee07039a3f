import { describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { TransactionName } from '../../../src/contract/transactions.ts'
import { Harness, readAll } from '../harness.ts'
import { batchIn } from './staging.ts'

const PLACE = { topic: 'orders', partition: 0 }

async function begin(harness: Harness, broker: LogBroker, transactionalId = 'tx'): Promise<TransactionName> {
  const { producerId, epoch, number } = await harness.run(broker.initProducer({ transactionalId }))
  return { transactionalId, producerId, epoch, number: number + 1 }
}

async function valuesIn(harness: Harness, broker: LogBroker, partition = 0, topic = 'orders') {
  return (await harness.run(readAll(broker, { topic, partition }))).map(({ value }) => value)
}

async function opened(partitions = 2) {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions }))
  return { harness, broker }
}

/** Stages one record in a transaction of that number. */
function stagingOf(harness: Harness, broker: LogBroker, name: TransactionName) {
  return (number: number, sequence: number, value: string) =>
    harness.run(
      broker.stage({
        ...name,
        number,
        batches: [{ ...PLACE, batches: batchIn(name, sequence, [value]) }],
        adds: true,
      }),
    )
}

describe('a transaction', () => {
  test('nothing of it is in a log before it is committed, and all of it is afterwards', async () => {
    const { harness, broker } = await opened()
    const name = await begin(harness, broker)
    const batches = [0, 1].map(partition => ({
      topic: 'orders',
      partition,
      batches: batchIn(name, 0, [`a${partition}`, `b${partition}`]),
    }))
    const staged = await harness.run(broker.stage({ ...name, batches, adds: true }))
    expect(staged.map(({ error }) => error)).toEqual([null, null])
    expect(await valuesIn(harness, broker, 0)).toEqual([])
    const ended = await harness.run(broker.endTransaction({ ...name, commit: true }))
    expect(ended).toEqual({
      number: 1,
      partitions: [
        { topic: 'orders', partition: 0, baseOffset: 0, records: 2 },
        { topic: 'orders', partition: 1, baseOffset: 0, records: 2 },
      ],
    })
    expect(await valuesIn(harness, broker, 0)).toEqual(['a0', 'b0'])
    expect(await valuesIn(harness, broker, 1)).toEqual(['a1', 'b1'])
  })

  test('nothing of one that is aborted is ever in a log, and the next one goes on behind its numbers', async () => {
    const { harness, broker } = await opened()
    const name = await begin(harness, broker)
    const stage = stagingOf(harness, broker, name)
    await stage(1, 0, 'aborted')
    await harness.run(broker.endTransaction({ ...name, commit: false }))
    await stage(2, 1, 'kept')
    await harness.run(broker.endTransaction({ ...name, number: 2, commit: true }))
    expect(await valuesIn(harness, broker)).toEqual(['kept'])
  })

  test('a batch of one that was aborted is not taken for one of the next, however late it comes again', async () => {
    const { harness, broker } = await opened()
    const name = await begin(harness, broker)
    const stage = stagingOf(harness, broker, name)
    await stage(1, 0, 'aborted')
    await harness.run(broker.endTransaction({ ...name, commit: false }))
    const [late] = await stage(2, 0, 'aborted')
    expect(late?.error?.kafkaName).toBe('DUPLICATE_SEQUENCE_NUMBER')
    await stage(2, 1, 'kept')
    await harness.run(broker.endTransaction({ ...name, number: 2, commit: true }))
    expect(await valuesIn(harness, broker)).toEqual(['kept'])
  })

  test('with its batches in the call that ends it takes one write to decide, and one for each log', async () => {
    const { harness, broker } = await opened()
    const name = await begin(harness, broker)
    // So that the topic is known.
    await harness.run(broker.addPartitions({ ...name, partitions: [PLACE] }))
    harness.calls.length = 0
    const batches = [{ ...PLACE, batches: batchIn(name, 0, ['a']) }]
    const ended = await harness.run(broker.endTransaction({ ...name, commit: true, batches }))
    expect(ended.partitions).toEqual([{ ...PLACE, baseOffset: 0, records: 1 }])
    await harness.pass(1)
    expect(harness.calls.map(({ method }) => method)).toEqual([
      'put',
      'readHead',
      'readProducer',
      'appendDecided',
      'put',
    ])
  })
})
