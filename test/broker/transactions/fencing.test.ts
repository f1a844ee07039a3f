import { describe, expect, test } from 'vitest'
import type { EndTransaction, TransactionName } from '../../../src/contract/transactions.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { batchIn } from './staging.ts'
import { TransactionWorld } from './world.ts'

const PLACE = { topic: 'orders', partition: 0 }

function staging(name: TransactionName, sequence: number, values: string[]) {
  return { ...name, batches: [{ ...PLACE, batches: batchIn(name, sequence, values) }], adds: true }
}

/** As Kafka's clients name one. */
function uncounted({ number: _, ...name }: TransactionName): TransactionName {
  return name
}

describe('who has been replaced', () => {
  test('is refused at every step, and nothing of what it left open is ever read', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const old = await world.producer(broker)
    await world.run(broker.stage(staging(old, 0, ['left'])))
    const other = world.open()
    const next = await world.producer(other)
    expect(next).toMatchObject({ producerId: old.producerId, epoch: 1, number: 2 })
    const refused = [
      () => broker.addPartitions({ ...old, partitions: [PLACE] }),
      () => broker.stage(staging(old, 1, ['late'])),
      () => broker.commitTransactionOffsets({ ...old, groupId: 'readers', offsets: [] }),
      () => broker.endTransaction({ ...old, commit: true }),
      () => broker.endTransaction({ ...old, commit: false }),
      () => broker.initProducer(old),
    ]
    const names = []
    for (const call of refused) names.push((await world.errorOf(call())).kafkaName)
    expect(names).toEqual([
      'PRODUCER_FENCED',
      'INVALID_PRODUCER_EPOCH',
      'PRODUCER_FENCED',
      'PRODUCER_FENCED',
      'PRODUCER_FENCED',
      'PRODUCER_FENCED',
    ])
    await world.run(
      other.endTransaction({ ...next, commit: true, batches: staging(next, 0, ['new']).batches }),
    )
    expect(await world.values(other)).toEqual(['new'])
  })

  test('has what it had decided finished first', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const old = await world.producer(broker)
    await world.run(broker.stage(staging(old, 0, ['decided'])))
    world.around = (method, _, call) =>
      method === 'appendDecided' ? Promise.reject(new OutcomeUnknown('lost')) : call()
    await world.errorOf(broker.endTransaction({ ...old, commit: true }))
    world.revive()
    const other = world.open()
    await world.producer(other)
    expect(await world.values(other)).toEqual(['decided'])
    expect(await world.errorOf(broker.endTransaction({ ...old, commit: true }))).toMatchObject({
      kafkaName: 'PRODUCER_FENCED',
    })
  })

  test('goes on under its next epoch where it asks for that itself, and once for each time', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const first = await world.run(broker.initProducer(name))
    const again = await world.run(broker.initProducer(name))
    expect([first.epoch, again.epoch]).toEqual([1, 1])
  })
})

describe('ending', () => {
  test('the same twice is told twice, and never ends the next one', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    await world.run(broker.stage(staging(name, 0, ['first'])))
    const end = { ...name, commit: true }
    await world.run(broker.endTransaction(end))
    expect(await world.run(broker.endTransaction(end))).toEqual({ number: 1, partitions: [] })
    await world.run(broker.stage(staging({ ...name, number: 2 }, 1, ['second'])))
    expect(await world.errorOf(broker.endTransaction(end))).toMatchObject({ kafkaName: 'INVALID_TXN_STATE' })
    expect(await world.values(broker)).toEqual(['first'])
  })

  test('another way than before is refused', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    await world.run(broker.stage(staging(name, 0, ['first'])))
    await world.run(broker.endTransaction({ ...name, commit: true }))
    const error = await world.errorOf(broker.endTransaction({ ...name, commit: false }))
    expect(error.kafkaName).toBe('INVALID_TXN_STATE')
    expect(await world.values(broker)).toEqual(['first'])
  })

  test('by one who does not count is not tried on the next one, where the answer was lost and it went on elsewhere', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const other = world.open()
    await world.run(broker.stage(staging(name, 0, ['first'])))
    let hasGoneOn = false
    world.around = async (method, _, call) => {
      const answer = await call()
      if (method !== 'put' || hasGoneOn) return answer
      hasGoneOn = true
      // The client has given this broker up meanwhile.
      await other.endTransaction({ ...uncounted(name), commit: true })
      await other.stage(staging(uncounted(name), 1, ['second']))
      throw new OutcomeUnknown('the answer is lost')
    }
    const late = await world.errorOf(broker.endTransaction({ ...uncounted(name), commit: true }))
    expect(late.kafkaName).toBe('CONCURRENT_TRANSACTIONS')
    world.revive()
    expect(await world.values(broker)).toEqual(['first'])
    expect(await world.run(other.describeTransaction('tx'))).toMatchObject({ state: 'Ongoing', number: 2 })
  })

  test.each(['before it is done', 'after it is done'])(
    'is told once, whichever answer is lost %s',
    async when => {
      for (let lost = 0; ; lost += 1) {
        const world = new TransactionWorld()
        const broker = await world.prepare()
        const name = await world.producer(broker)
        let count = 0
        world.around = async (_, __, call) => {
          const isLost = count === lost
          count += 1
          if (isLost && when === 'before it is done') throw new OutcomeUnknown('lost')
          const answer = await call()
          if (isLost) throw new OutcomeUnknown('lost')
          return answer
        }
        const request: EndTransaction = { ...name, commit: true, batches: staging(name, 0, ['one']).batches }
        const ended = await world.run(broker.endTransaction(request))
        expect(ended.partitions, `call ${lost}`).toMatchObject([{ ...PLACE, records: 1 }])
        await world.pass(1)
        if (count <= lost) break
        world.revive()
        expect(await world.values(broker), `call ${lost}`).toEqual(['one'])
      }
    },
  )
})

describe('numbers', () => {
  test('are checked when batches are staged, against all that were staged under the epoch', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const stage = async (sequence: number, values: string[]) => {
      const [result] = await world.run(broker.stage(staging(name, sequence, values)))
      return result!.error?.kafkaName ?? null
    }
    expect(await stage(0, ['a', 'b'])).toBe(null)
    expect(await stage(0, ['a', 'b'])).toBe(null)
    expect(await stage(3, ['d'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(await stage(2, ['c'])).toBe(null)
    await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(await world.values(broker)).toEqual(['a', 'b', 'c'])
  })

  test('of calls that come at once are taken in their order, by few writes', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    await world.run(broker.addPartitions({ ...name, partitions: [PLACE] }))
    world.calls.length = 0
    const values = Array.from({ length: 20 }, (_, index) => `v${index}`)
    await world.run(Promise.all(values.map((value, index) => broker.stage(staging(name, index, [value])))))
    expect(world.count('put')).toBeLessThanOrEqual(2)
    await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(await world.values(broker)).toEqual(values)
  })
})
