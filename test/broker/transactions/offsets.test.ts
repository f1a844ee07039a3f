import { describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { GroupOffsets } from '../../../src/contract/transactions.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { TransactionWorld } from './world.ts'

function offsetsOf(offset: number, more: Partial<GroupOffsets> = {}, generation?: number): GroupOffsets {
  const each = {
    topic: 'input',
    partition: 0,
    offset: toOffset(offset),
    ...(generation !== undefined && { generation }),
  }
  return { groupId: 'readers', ...more, offsets: [each] }
}

function heartbeat(
  world: TransactionWorld,
  broker: LogBroker,
  memberId: string,
  memberEpoch = 0,
  owned: never[] = [],
) {
  return world.run(broker.heartbeat({ groupId: 'readers', memberId, memberEpoch, topics: ['input'], owned }))
}

const MEMBER = { groupId: 'readers', clientId: 'client', clientHost: '/127.0.0.1', sessionTimeoutMs: 10_000 }

async function joinClassic(world: TransactionWorld, broker: LogBroker, memberId = '') {
  const joined = await world.run(
    broker.joinGroup({
      ...MEMBER,
      memberId,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: new Uint8Array(1) }],
      requiresMemberId: false,
      canSkipAssignment: false,
    }),
  )
  const name = { groupId: 'readers', memberId: joined.memberId, generation: joined.generation }
  const assignments = [{ memberId: joined.memberId, assignment: new Uint8Array(1) }]
  await world.run(broker.syncGroup({ ...name, assignments }))
  return name
}

describe('offsets in a transaction', () => {
  test('of a member that has lost the partition meanwhile count all the same, and whoever has it waits', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const first = await heartbeat(world, broker, 'first')
    const [owned] = first.assigned
    const pended = await world.run(
      broker.commitTransactionOffsets({ ...name, ...offsetsOf(5, { memberId: 'first' }, owned!.generation) }),
    )
    expect(pended).toEqual([{ topic: 'input', partition: 0, error: null }])
    await world.run(broker.leaveGroup({ groupId: 'readers', memberId: 'first' }))
    const second = await heartbeat(world, broker, 'second')
    expect(second).toMatchObject({ assigned: [], isSettled: false })
    // It has lost the partition, so nothing more of it becomes pending.
    const late = await world.run(
      broker.commitTransactionOffsets({ ...name, ...offsetsOf(6, { memberId: 'first' }, owned!.generation) }),
    )
    expect(late[0]!.error?.kafkaName).toBe('FENCED_MEMBER_EPOCH')
    await world.run(broker.endTransaction({ ...name, commit: true }))
    const later = await heartbeat(world, broker, 'second', second.memberEpoch)
    expect(later.assigned).toMatchObject([{ partition: 0, committedOffset: 5 }])
  })

  test('are dropped where it is aborted', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    await world.run(broker.commitOffsets(offsetsOf(3) as never))
    await world.run(broker.commitTransactionOffsets({ ...name, ...offsetsOf(5) }))
    await world.run(broker.endTransaction({ ...name, commit: false }))
    expect(await world.committed(broker)).toBe(3)
  })

  test('of a classic member are taken in its generation only', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const { generation, memberId } = await joinClassic(world, broker)
    const commit = (offset: number, of: number, id = memberId) =>
      broker.commitTransactionOffsets({ ...name, ...offsetsOf(offset, { memberId: id, generation: of }) })
    expect(await world.errorOf(commit(1, generation + 1))).toMatchObject({ kafkaName: 'ILLEGAL_GENERATION' })
    expect(await world.errorOf(commit(1, generation, 'nobody'))).toMatchObject({
      kafkaName: 'UNKNOWN_MEMBER_ID',
    })
    expect((await world.run(commit(4, generation)))[0]!.error).toBe(null)
    await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(await world.committed(broker)).toBe(4)
  })

  test('of a classic member that is out while they become pending are refused, and wait for nobody', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const { generation, memberId } = await joinClassic(world, broker)
    const other = world.open()
    world.around = async (method, _, call) => {
      if (method === 'setPending') await other.leaveClassic({ groupId: 'readers', members: [{ memberId }] })
      return await call()
    }
    const [refused] = await world.run(
      broker.commitTransactionOffsets({ ...name, ...offsetsOf(4, { memberId, generation }) }),
    )
    expect(refused!.error?.kafkaName).toBe('UNKNOWN_MEMBER_ID')
    world.revive()
    await world.run(broker.endTransaction({ ...name, commit: false }))
    expect(await world.committed(broker)).toBe(undefined)
  })

  test('of somebody who is no member are taken, also while there are members', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    await heartbeat(world, broker, 'first')
    expect((await world.run(broker.commitTransactionOffsets({ ...name, ...offsetsOf(4) })))[0]!.error).toBe(
      null,
    )
    await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(await world.committed(broker)).toBe(4)
  })

  test('of which nothing counts yet stay where their transaction has not begun by the time somebody looks', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const other = world.open()
    let hasLooked = false
    world.around = async (method, args, call) => {
      // Just before the write that decides: somebody asks for the offsets, and removes what is pending.
      const isDeciding = method === 'put' && (args[0] as { state: string }).state === 'committing'
      if (isDeciding && !hasLooked) {
        hasLooked = true
        expect(await other.fetchOffsets({ groupId: 'readers' })).toEqual([])
      }
      return await call()
    }
    await world.run(broker.endTransaction({ ...name, commit: true, offsets: [offsetsOf(9)] }))
    expect(hasLooked).toBe(true)
    world.revive()
    expect(await world.committed(other)).toBe(9)
  })

  test('of the next transaction take no read more, and one write each', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    for (const number of [1, 2, 3]) {
      world.calls.length = 0
      const offsets = [
        { groupId: 'readers', offsets: [{ topic: 'input', partition: 0, offset: toOffset(number) }] },
      ]
      await world.run(broker.endTransaction({ ...name, number, commit: true, offsets }))
      await world.pass(1)
    }
    const methods = world.calls.map(({ method }) => method)
    expect(methods).toEqual(['readGroup', 'setPending', 'put', 'resolvePending', 'put'])
    expect(await world.committed(broker)).toBe(3)
  })
})
