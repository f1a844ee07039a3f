import { describe, expect, test } from 'vitest'
import type { EndTransaction, TransactionName } from '../../../src/contract/transactions.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { batchIn } from './staging.ts'
import { TransactionWorld } from './world.ts'

/** More than any of these takes. */
const CALLS_MAX = 60

function requestOf(name: TransactionName, padding: number): EndTransaction {
  return {
    ...name,
    commit: true,
    batches: [0, 1].map(partition => ({
      topic: 'orders',
      partition,
      batches: batchIn(name, 0, [`a${partition}`, `b${partition}`], { padding }),
    })),
    offsets: [{ groupId: 'readers', offsets: [{ topic: 'input', partition: 0, offset: toOffset(7) }] }],
  }
}

const ALL = { first: ['a0', 'b0'], second: ['a1', 'b1'], committed: 7 }
const NOTHING = { first: [], second: [], committed: undefined }

describe.each([
  ['inline', 0, false],
  ['in objects', 3_000, false],
  ['inline, and put with all else in one step', 0, true],
  ['in objects, and put with all else in one step', 3_000, true],
])('a transaction whose records are %s, and whose process dies', (_, padding, takesEffects) => {
  for (const when of ['before', 'after'] as const) {
    test(`${when} any of its calls: a successor finds all of it or nothing`, async () => {
      const found = new Set<string>()
      for (let call = 0; ; call += 1) {
        expect(call).toBeLessThan(CALLS_MAX)
        const world = new TransactionWorld(1, takesEffects)
        const broker = await world.prepare()
        const name = await world.producer(broker)
        world.dieAt(call, when)
        const ended = await world.run(broker.endTransaction(requestOf(name, padding))).then(
          () => true,
          () => false,
        )
        await world.pass(1)
        const { hasDied } = world
        world.revive()
        const other = world.open()
        await world.producer(other)
        const state = {
          first: await world.values(other, 0),
          second: await world.values(other, 1),
          committed: await world.committed(other),
        }
        expect([ALL, NOTHING], `at call ${call}`).toContainEqual(state)
        if (ended) expect(state, `at call ${call}`).toEqual(ALL)
        found.add(state.committed === undefined ? 'nothing' : 'all')
        if (!hasDied) break
      }
      expect([...found].sort()).toEqual(['all', 'nothing'])
    })

    test(`${when} any of its calls: the same call to another broker commits it once`, async () => {
      for (let call = 0; ; call += 1) {
        expect(call).toBeLessThan(CALLS_MAX)
        const world = new TransactionWorld(1, takesEffects)
        const broker = await world.prepare()
        const name = await world.producer(broker)
        world.dieAt(call, when)
        await world.run(broker.endTransaction(requestOf(name, padding))).catch(() => {})
        await world.pass(1)
        const { hasDied } = world
        world.revive()
        const other = world.open()
        const ended = await world.run(other.endTransaction(requestOf(name, padding)))
        expect(ended.number, `at call ${call}`).toBe(1)
        const state = {
          first: await world.values(other, 0),
          second: await world.values(other, 1),
          committed: await world.committed(other),
        }
        expect(state, `at call ${call}`).toEqual(ALL)
        expect((await world.verify()).findings).toEqual([])
        if (!hasDied) break
      }
    })
  }
})
