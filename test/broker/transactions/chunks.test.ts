import { expect, test } from 'vitest'
import { TRANSACTION_RUNS_MAX } from '../../../src/core/limits.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'
import { batchIn } from './staging.ts'
import { TransactionWorld } from './world.ts'

const CALLS = TRANSACTION_RUNS_MAX + 6

/** A transaction with a run more than stands in its item, and the chunks that it has put. */
async function spilled() {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker)
  const stage = async (number: number, value: number) => {
    const batches = [{ topic: 'orders', partition: 0, batches: batchIn(name, value, [`${value}`]) }]
    const [staged] = await world.run(broker.stage({ ...name, number, batches, adds: true }))
    expect(staged?.error).toBe(null)
  }
  for (let value = 0; value < CALLS; value += 1) await stage(1, value)
  const chunks = world.calls.flatMap(({ method, args }) =>
    method === 'putChunk' ? [args[1] as { id: string; number: number }] : [],
  )
  expect(chunks).toHaveLength(1)
  const readChunk = () => world.plain.transactions.readChunk('tx', chunks[0]!)
  return { world, broker, name, stage, readChunk }
}

const VALUES = Array.from({ length: CALLS }, (_, value) => `${value}`)

test.each([true, false])(
  'what has moved into chunks is part of it, and goes with it (commit: %s)',
  async commit => {
    const { world, broker, name, readChunk } = await spilled()
    expect((await readChunk())?.number).toBe(1)
    await world.run(broker.endTransaction({ ...name, number: 1, commit }))
    await world.pass(1)
    expect(await world.values(broker)).toEqual(commit ? VALUES : [])
    expect(await readChunk()).toBe(undefined)
    expect((await world.verify()).findings).toEqual([])
  },
)

test('a store that does not remove them holds nobody up', async () => {
  const { world, broker, name, stage, readChunk } = await spilled()
  world.around = async (method, _, perform) => {
    if (method === 'removeChunksBelow') throw new NotApplied('not now')
    return await perform()
  }
  await world.run(broker.endTransaction({ ...name, number: 1, commit: true }))
  await stage(2, CALLS)
  await world.run(broker.endTransaction({ ...name, number: 2, commit: true }))
  expect(await world.values(broker)).toEqual([...VALUES, `${CALLS}`])
  expect((await readChunk())?.number).toBe(1)
})

test("objects that only transactions name are nobody's leftovers, in chunks too", async () => {
  const { world, broker, name, stage } = await spilled()
  const batches = batchIn(name, CALLS, ['large'], { padding: 5_000 })
  await world.run(broker.stage({ ...name, number: 1, batches: [{ topic: 'orders', partition: 0, batches }] }))
  await world.pass(120_000)
  expect((await world.verify()).findings).toEqual([])
  for (let value = CALLS + 1; value < 2 * CALLS; value += 1) await stage(1, value)
  expect((await world.verify()).findings).toEqual([])
})

test('one with a thousand objects in one partition is committed within a call, however slow each is', async () => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker, 'tx', 900_000)
  const staged = Array.from({ length: 1_000 }, (_, value) => {
    const batches = batchIn(name, value, [`${value}`], { padding: 4_100 })
    return broker.stage({ ...name, batches: [{ topic: 'orders', partition: 0, batches }], adds: true })
  })
  await world.run(Promise.all(staged))
  world.around = async (method, args, perform) => {
    if (method === 'get' && String(args[0]).includes('/')) await world.clock.sleep(50)
    return await perform()
  }
  await world.run(broker.endTransaction({ ...name, commit: true }))
  world.revive()
  expect(await world.values(broker)).toHaveLength(1_000)
})
