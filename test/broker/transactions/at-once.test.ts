import { describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { EndTransaction, TransactionName } from '../../../src/contract/transactions.ts'
import { TAIL_ENTRIES_HARD_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { batchOf } from '../harness.ts'
import { batchIn } from './staging.ts'
import { TransactionWorld } from './world.ts'

const WRITES = ['put', 'putWithEffects', 'appendDecided', 'setPending', 'resolvePending']

async function opened() {
  const world = new TransactionWorld(1, true)
  const broker = await world.prepare()
  return { world, broker, name: await world.producer(broker) }
}

function requestOf(name: Required<TransactionName>, sequence: number, offset?: number): EndTransaction {
  return {
    ...name,
    commit: true,
    batches: [0, 1].map(partition => ({
      topic: 'orders',
      partition,
      batches: batchIn(name, sequence, [`${name.number}-${partition}`, 'more']),
    })),
    ...(offset !== undefined && {
      offsets: [
        { groupId: 'readers', offsets: [{ topic: 'input', partition: 0, offset: toOffset(offset) }] },
      ],
    }),
  }
}

/** Commits, and tells what it was told and by which writes of the store it was done. */
async function commit(world: TransactionWorld, broker: LogBroker, request: EndTransaction) {
  world.calls.length = 0
  const { partitions } = await world.run(broker.endTransaction(request))
  const writes = world.calls.map(({ method }) => method).filter(method => WRITES.includes(method))
  return { offsets: partitions.map(({ baseOffset }) => baseOffset), writes }
}

describe('where the store changes several items in one step, a commit', () => {
  test('is one step, with all that it gets at its end', async () => {
    const { world, broker, name } = await opened()
    const first = await commit(world, broker, requestOf(name, 0))
    expect(first).toEqual({ offsets: [0, 0], writes: ['putWithEffects'] })
    const second = await commit(world, broker, requestOf({ ...name, number: 2 }, 2))
    expect(second).toEqual({ offsets: [2, 2], writes: ['putWithEffects'] })
    expect(await world.values(broker, 1)).toEqual(['1-1', 'more', '2-1', 'more'])
    expect(await world.run(broker.describeTransaction('tx'))).toMatchObject({
      state: 'CompleteCommit',
      number: 2,
    })
    expect((await world.verify()).findings).toEqual([])
  })

  test('has its offsets count in the same step', async () => {
    const { world, broker, name } = await opened()
    const { writes } = await commit(world, broker, requestOf(name, 0, 7))
    expect(writes).toEqual(['setPending', 'putWithEffects'])
    expect(await world.committed(broker)).toBe(7)
    await commit(world, broker, requestOf({ ...name, number: 2 }, 2, 9))
    expect(await world.committed(broker)).toBe(9)
  })

  test('is told again without a second one', async () => {
    const { world, broker, name } = await opened()
    await commit(world, broker, requestOf(name, 0))
    const again = await commit(world, world.open(), requestOf(name, 0))
    expect(again).toEqual({ offsets: [], writes: [] })
    expect(await world.values(broker)).toEqual(['1-0', 'more'])
  })

  test('goes on where others have appended and cut meanwhile', async () => {
    const { world, broker, name } = await opened()
    await commit(world, broker, requestOf(name, 0))
    const other = world.open()
    for (let count = 0; count < TAIL_ENTRIES_HARD_MAX; count += 1) {
      await world.run(other.produce({ topic: 'orders', partition: 0, batches: batchOf(['plain']) }))
    }
    const { offsets, writes } = await commit(world, broker, requestOf({ ...name, number: 2 }, 2))
    expect(offsets).toEqual([2 + TAIL_ENTRIES_HARD_MAX, 2])
    expect(writes.filter(method => method === 'putWithEffects').length).toBeLessThanOrEqual(2)
    expect(await world.values(broker, 1)).toEqual(['1-1', 'more', '2-1', 'more'])
    expect((await world.verify()).findings).toEqual([])
  })

  test('takes single steps where one of its partitions is gone', async () => {
    const { world, broker, name } = await opened()
    await world.run(broker.createTopic({ topic: 'gone', partitions: 1 }))
    const gone = { topic: 'gone', partition: 0, batches: batchIn(name, 0, ['gone']) }
    await world.run(broker.stage({ ...name, batches: [gone], adds: true }))
    await world.run(broker.deleteTopic('gone'))
    const { offsets, writes } = await commit(world, broker, requestOf(name, 0))
    expect(offsets).toEqual([null, 0, 0])
    expect(writes).toContain('appendDecided')
    expect(await world.values(broker)).toEqual(['1-0', 'more'])
  })

  test('whose answer is lost has been done once', async () => {
    const { world, broker, name } = await opened()
    world.around = async (method, _, perform) => {
      const answer = await perform()
      if (method !== 'putWithEffects') return answer
      world.around = (_method, _args, go) => go()
      throw new OutcomeUnknown('lost')
    }
    const { offsets, writes } = await commit(world, broker, requestOf(name, 0, 7))
    expect(offsets).toEqual([null, null])
    expect(writes).toEqual(['setPending', 'putWithEffects'])
    expect(await world.values(broker)).toEqual(['1-0', 'more'])
    expect(await world.committed(broker)).toBe(7)
  })
})
