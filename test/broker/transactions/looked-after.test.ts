import { describe, expect, test } from 'vitest'
import { maintain } from '../../../src/broker/settling/maintain.ts'
import { settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import type { TransactionName } from '../../../src/contract/transactions.ts'
import {
  EPOCH_INTERVAL_MS,
  GARBAGE_GRACE_MS,
  TRANSACTIONAL_ID_EXPIRATION_MS,
} from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { batchIn } from './staging.ts'
import { TransactionWorld } from './world.ts'

const PLACE = { topic: 'orders', partition: 0 }

function staging(name: TransactionName, sequence: number, values: string[], padding = 0) {
  return {
    ...name,
    batches: [{ ...PLACE, batches: batchIn(name, sequence, values, { padding }) }],
    adds: true,
  }
}

async function maintained(world: TransactionWorld) {
  const deadlineMs = world.clock.monotonicMs() + 60_000
  const budget = { deadlineMs, pace: async () => {} }
  const settings = settlingSettings({ roundMs: EPOCH_INTERVAL_MS })
  const troubles: unknown[] = []
  await world.run(
    maintain(world.ports, settings, { upkeep: true, partitions: [] }, budget, progress => {
      if (progress.kind === 'trouble') troubles.push(progress.error)
    }),
  )
  expect(troubles).toEqual([])
}

/** So many hours, each with a run, and with something written, so that epochs go on. */
async function hours(world: TransactionWorld, count: number, between: () => Promise<void> = async () => {}) {
  for (let hour = 0; hour < count; hour += 1) {
    await world.pass(EPOCH_INTERVAL_MS)
    await between()
    await maintained(world)
  }
}

describe('one that is left open', () => {
  test.each(['maintenance', 'the process itself'])(
    'past its time is aborted by %s, and its producer fenced',
    async by => {
      const world = new TransactionWorld()
      const broker = await world.prepare()
      if (by === 'the process itself') broker.start()
      const name = await world.producer(broker, 'tx', 30_000)
      await world.run(broker.stage(staging(name, 0, ['left'])))
      await world.run(
        broker.commitTransactionOffsets({
          ...name,
          groupId: 'readers',
          offsets: [{ topic: 'input', partition: 0, offset: toOffset(5) }],
        }),
      )
      expect(await world.errorOf(broker.fetchOffsets({ groupId: 'readers' }))).toMatchObject({
        kafkaName: 'UNSTABLE_OFFSET_COMMIT',
        retriable: true,
      })
      await world.pass(40_000)
      if (by === 'maintenance') await maintained(world)
      expect(await world.run(broker.describeTransaction('tx'))).toMatchObject({ state: 'Empty', epoch: 1 })
      const claim = await world.run(world.plain.groups.readClaim('readers', await world.partitionId('input')))
      expect(claim).toBe(undefined)
      expect(await world.errorOf(broker.endTransaction({ ...name, commit: true }))).toMatchObject({
        kafkaName: 'PRODUCER_FENCED',
      })
      expect(await world.values(broker)).toEqual([])
      await world.run(broker.close())
      expect(world.errors).toEqual([])
    },
  )

  test('past its time is aborted by whoever asks for offsets, and before it nobody is told any', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker, 'tx', 30_000)
    const offsets = [{ topic: 'input', partition: 0, offset: toOffset(5) }]
    await world.run(broker.commitTransactionOffsets({ ...name, groupId: 'readers', offsets }))
    const asked = { groupId: 'readers', tellsPending: true }
    expect(await world.run(broker.fetchOffsets(asked))).toMatchObject([{ isPending: true, committedMs: 0 }])
    await world.pass(40_000)
    expect(await world.run(broker.fetchOffsets({ groupId: 'readers' }))).toEqual([])
  })
})

test('one that was decided and left is finished by a process that begins', async () => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker)
  world.around = (method, _, call) =>
    method === 'appendDecided' ? Promise.reject(new OutcomeUnknown('lost')) : call()
  const request = { ...name, commit: true, batches: staging(name, 0, ['decided']).batches }
  await world.errorOf(broker.endTransaction(request))
  world.revive()
  const other = world.open()
  other.start()
  await world.pass(1_000)
  expect(await world.values(other)).toEqual(['decided'])
  await world.run(other.close())
})

test.each(['as it begins', 'later'])('one that could not be finished %s is tried again', async when => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker)
  const isDown = (method: string) => method === 'appendDecided' || (when === 'later' && method === 'read')
  const fail = () => {
    world.around = (method, _, call) => (isDown(method) ? Promise.reject(new OutcomeUnknown('lost')) : call())
  }
  if (when === 'later') broker.start()
  world.around = (method, _, call) =>
    method === 'appendDecided' ? Promise.reject(new OutcomeUnknown('lost')) : call()
  const request = { ...name, commit: true, batches: staging(name, 0, ['decided']).batches }
  await world.errorOf(broker.endTransaction(request))
  fail()
  const other = world.open()
  if (when === 'as it begins') other.start()
  await world.pass(60_000)
  expect(world.errors.length).toBeGreaterThan(0)
  world.revive()
  await world.pass(30_000)
  const item = await world.run(world.plain.transactions.read('tx'))
  expect(item!.state).toBe('committed')
  expect(await world.values(other)).toEqual(['decided'])
  await world.run(broker.close())
  await world.run(other.close())
})

test('one that was begun by a clock that is years ahead does not stay open for years', async () => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  broker.start()
  const yearMs = 365 * 24 * 60 * 60_000
  world.clock.stepWall(yearMs)
  const name = await world.producer(broker, 'tx', 30_000)
  await world.run(broker.stage(staging(name, 0, ['left'])))
  world.clock.stepWall(-yearMs)
  await world.pass(40_000)
  const item = await world.run(world.plain.transactions.read('tx'))
  expect(item).toMatchObject({ state: 'empty', epoch: 1 })
  await world.run(broker.close())
})

test('an id that nobody has used for a week is forgotten, and whoever comes back is a new producer', async () => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker)
  await world.run(broker.stage(staging(name, 0, ['open'])))
  await world.pass(TRANSACTIONAL_ID_EXPIRATION_MS - 1_000)
  await maintained(world)
  // It was aborted just now, which is when it was used last.
  expect(await world.run(broker.listTransactions())).toMatchObject([
    { transactionalId: 'tx', state: 'Empty' },
  ])
  await world.pass(TRANSACTIONAL_ID_EXPIRATION_MS + 1_000)
  await maintained(world)
  expect(await world.run(broker.listTransactions())).toEqual([])
  expect(await world.errorOf(broker.describeTransaction('tx'))).toMatchObject({
    kafkaName: 'TRANSACTIONAL_ID_NOT_FOUND',
  })
  expect(await world.errorOf(broker.stage(staging(name, 0, ['late'])))).toMatchObject({
    kafkaName: 'INVALID_PRODUCER_ID_MAPPING',
  })
  const next = await world.producer(broker)
  expect(next).toMatchObject({ epoch: 0, number: 1 })
  expect(next.producerId).not.toBe(name.producerId)
})

test('what is staged in objects outlives ingest epochs that end meanwhile', async () => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker, 'tx', 900_000)
  await maintained(world)
  // Open all the time, by a clock that does not go on: the longest time-out is shorter than an epoch.
  await world.run(broker.stage(staging(name, 0, ['early'], 5_000)))
  const plain = await world.producer(broker, 'other')
  let sequence = 0
  const write = async () => {
    const item = await world.run(world.plain.transactions.read('tx'))
    await world.run(
      world.plain.transactions.put(
        { ...item!, startedMs: world.clock.nowMs(), version: world.entropy.id() },
        item!.version,
      ),
    )
    const number = 1 + sequence
    await world.run(
      broker.endTransaction({
        ...plain,
        number,
        commit: true,
        batches: staging(plain, sequence, [`filler ${number}`], 5_000).batches,
      }),
    )
    sequence += 1
  }
  await hours(world, 8, write)
  const ingest = await world.run(world.plain.upkeep.readIngest())
  expect(ingest!.floor).toBeGreaterThan(1)
  // The round waits for it.
  expect(ingest!.drained).toBeLessThan(ingest!.floor)
  await world.run(broker.endTransaction({ ...name, commit: true }))
  expect((await world.values(broker)).at(-1)).toBe('early')
  await hours(world, 4)
  await world.pass(GARBAGE_GRACE_MS)
  await maintained(world)
  const after = await world.run(world.plain.upkeep.readIngest())
  expect(after!.drained).toBeGreaterThan(1)
  expect(after!.swept).toBeGreaterThan(1)
  expect((await world.values(broker)).at(-1)).toBe('early')
  expect((await world.verify()).findings).toEqual([])
})

test('what another has finished since it was seen is not tried again, whose receipts may be gone', async () => {
  const world = new TransactionWorld()
  const broker = await world.prepare()
  const name = await world.producer(broker)
  world.around = (method, _, call) =>
    method === 'appendDecided' ? Promise.reject(new OutcomeUnknown('lost')) : call()
  await world.errorOf(
    broker.endTransaction({ ...name, commit: true, batches: staging(name, 0, ['first']).batches }),
  )
  world.revive()
  await maintained(world)
  const tried = world.count('appendDecided')
  await world.run(
    broker.endTransaction({
      ...name,
      number: 2,
      commit: true,
      batches: staging(name, 1, ['second']).batches,
      offsets: [{ groupId: 'readers', offsets: [{ topic: 'input', partition: 0, offset: toOffset(5) }] }],
    }),
  )
  expect(world.count('appendDecided')).toBe(tried + 1)
  expect(await world.values(broker)).toEqual(['first', 'second'])
})
