/** Calls of ports that make several changes, broken off at each of them. What a repetition promises must hold then. */
import { describe, expect, test } from 'vitest'
import type { ItemStores } from '../../../src/adapters/items/stores.ts'
import type { Fault } from '../../../src/adapters/memory/network.ts'
import type { Member } from '../../../src/core/group/group.ts'
import { newGroup } from '../../../src/core/group/group-changes.ts'
import { PRODUCER_EXPIRATION_MS } from '../../../src/core/limits.ts'
import type { FlushedProducer } from '../../../src/core/log/producers/flushed-producer.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { targetIdOf } from '../../../src/core/storage-layout.ts'
import { inlineEntry, looseBlock } from '../../conformance/samples.ts'
import { segmentOf } from '../../conformance/settled-log.ts'
import { type Blow, FarStores } from './far-stores.ts'

const FAULTS: readonly Fault[] = [
  'refused',
  'lost request',
  'lost answer',
  'late',
  'duplicate',
  'crash before',
  'crash after',
]
/** Those after which the change has been made, or never will be. */
const PROMPT = FAULTS.filter(fault => fault !== 'late' && fault !== 'duplicate')

interface Place extends Blow {
  readonly change: string
}

/** Every fault at every change. */
function everywhere(changes: readonly string[], faults = FAULTS): Place[] {
  return changes.flatMap((change, place) => faults.map(fault => ({ change, place, fault })))
}

const endOf = ({ fault }: Blow) =>
  fault.startsWith('crash') ? 'died' : fault === 'duplicate' || fault === 'slow' ? 'done' : 'failed'

const GROUP = 'orders'
const TOPIC_ID = '136b8372-4c5f-4c5e-8b0a-9d2f3c1e7a60'
const PARTITION = { topicId: TOPIC_ID, partition: 0 }
const NOW_MS = 1_750_000_000_000

async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of iterable) found.push(each)
  return found
}

describe('making a group', () => {
  const make = ({ groups }: ItemStores) => groups.createGroup(GROUP, 'range')
  const CHANGES = ['groups/orders', 'group#orders/meta', 'groups/orders']

  test('makes these changes, in this order', async () => {
    const stores = new FarStores()
    expect(await stores.call(make)).toEqual({ changes: CHANGES, end: 'done' })
    // Where it is there already, nothing but its entry in the list.
    const again = await stores.call(make)
    expect(again.changes.toSorted()).toEqual(['group#orders/meta', 'groups/orders'])
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const stores = new FarStores()
      expect((await stores.call(make, blow)).end).toBe(endOf(blow))
      // A name without a group is nothing that anybody takes for one; a group without a name would be lost.
      if (await stores.near.groups.readGroup(GROUP)) {
        expect(await all(stores.near.groups.groups())).toEqual([GROUP])
      }
      expect((await stores.call(make)).end).toBe('done')
      await stores.settle()
      expect(await stores.near.groups.readGroup(GROUP)).toEqual(newGroup(GROUP, 'range'))
      expect(await all(stores.near.groups.groups())).toEqual([GROUP])
      expect(await stores.keys()).toEqual(['group#orders/meta', 'groups/orders'])
    },
  )

  test.each(everywhere(CHANGES.slice(1)))(
    'that is there leaves it as it is, though $fault broke it off at $place, $change',
    async blow => {
      const stores = new FarStores()
      await stores.near.groups.createGroup(GROUP, 'round-robin')
      await stores.near.groups.markGroup(GROUP)
      const before = await stores.near.groups.readGroup(GROUP)
      await stores.call(make, blow)
      await stores.settle()
      expect(await stores.near.groups.readGroup(GROUP)).toEqual(before)
      expect(await all(stores.near.groups.groups())).toEqual([GROUP])
    },
  )

  test.each(everywhere(CHANGES))(
    'can be followed by a removal when $fault broke it off at $place, $change',
    async blow => {
      const stores = new FarStores()
      await stores.call(make, blow)
      await stores.settle()
      await stores.call(({ groups }) => groups.removeGroup(GROUP))
      expect(await stores.keys()).toEqual([])
    },
  )
})

const MEMBERS = ['a', 'z'].map(
  (memberId): Member => ({
    memberId,
    incarnation: memberId,
    instanceId: null,
    clientId: '',
    topics: ['tides'],
    topicPattern: null,
    assignor: 'range',
    sessionTimeoutMs: 45_000,
    joinedMs: NOW_MS,
    leaseUntilMs: NOW_MS + 45_000,
    settledEpoch: 0,
  }),
)
const TARGET_ID = targetIdOf(1, '00'.repeat(16))

async function fillGroup({ groups }: ItemStores, groupId = GROUP): Promise<void> {
  await groups.createGroup(groupId, 'range')
  for (const member of MEMBERS) await groups.putMember(groupId, member)
  for (const chunk of [0, 1]) await groups.putTargetChunk(groupId, TARGET_ID, chunk, new Map())
  for (const partition of [0, 1]) {
    const committed = { offset: toOffset(5), leaderEpoch: -1, metadata: '', committedMs: NOW_MS }
    await groups.commit(groupId, { topicId: TOPIC_ID, partition }, committed, 'unowned', null)
  }
}

describe('removing a group', () => {
  const remove = ({ groups }: ItemStores) => groups.removeGroup(GROUP)
  const CHANGES = [
    'group#orders/meta',
    `-group#orders/claim#${TOPIC_ID}#0`,
    `-group#orders/claim#${TOPIC_ID}#1`,
    '-group#orders/member#a',
    '-group#orders/member#z',
    `-group#orders/target#${TARGET_ID}#0`,
    `-group#orders/target#${TARGET_ID}#1`,
    'groups/orders',
  ]

  const filled = async () => {
    const stores = new FarStores()
    await fillGroup(stores.near)
    // Whatever becomes of the one, its neighbours' keys stay.
    for (const other of ['order', 'orders0', 'orders/']) await fillGroup(stores.near, other)
    const others = (await stores.keys()).filter(key => !/^group#orders\/|^groups\/orders$/.test(key))
    return { stores, others }
  }

  test('makes these changes, in this order', async () => {
    const { stores, others } = await filled()
    expect(await stores.call(remove)).toEqual({ changes: CHANGES, end: 'done' })
    expect(await stores.keys()).toEqual(others)
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const { stores, others } = await filled()
      expect((await stores.call(remove, blow)).end).toBe(endOf(blow))
      const left = await stores.keys('group#orders/')
      // Whoever looks for what is left finds its name, as long as there is anything.
      if (left.length > 0) expect(await all(stores.near.groups.groups())).toContain(GROUP)
      // Nobody takes for a group what has lost something.
      if (left.length < CHANGES.length - 1) {
        expect(await stores.near.groups.readGroup(GROUP)).toBeUndefined()
        expect(await stores.near.groups.markGroup(GROUP)).toBe(false)
      }
      expect((await stores.call(remove)).end).toBe('done')
      await stores.settle()
      expect(await stores.keys()).toEqual(others)
    },
  )

  test.each(everywhere(CHANGES, PROMPT))(
    'leaves a group that is made after $fault broke it off at $place, $change',
    async blow => {
      const { stores } = await filled()
      await stores.call(remove, blow)
      await stores.near.groups.createGroup(GROUP, 'round-robin')
      await stores.settle()
      expect(await stores.near.groups.readGroup(GROUP)).toMatchObject({ groupId: GROUP, epoch: 0 })
      expect(await all(stores.near.groups.groups())).toContain(GROUP)
    },
  )

  test.each(everywhere(CHANGES, ['late', 'duplicate', 'slow']))(
    'leaves no group without a name, when one is made before $place, $change, is done ($fault)',
    async blow => {
      const { stores } = await filled()
      const removing = stores.begin(remove, blow)
      const making = (async () => {
        await stores.clock.sleep(200)
        await stores.near.groups.createGroup(GROUP, 'round-robin')
      })()
      await stores.run(Promise.all([removing, making]))
      await stores.settle()
      // It may be gone again, as what is made while a removal is under way can be. But it is seen if it is there.
      const group = await stores.near.groups.readGroup(GROUP)
      if (group) expect(await all(stores.near.groups.groups())).toContain(GROUP)
      // The change of the group's own item is the one that a group made meanwhile can fall to.
      if (blow.place > 0) expect(group).toEqual(newGroup(GROUP, 'round-robin'))
    },
  )
})

describe('making a group that is removed meanwhile', () => {
  const make = ({ groups }: ItemStores) => groups.createGroup(GROUP, 'round-robin')
  const PLACES = everywhere(
    ['groups/orders', 'group#orders/meta', 'groups/orders'],
    ['slow', 'late', 'duplicate'],
  )

  const atTheSameTime = async (blow: Blow) => {
    const stores = new FarStores()
    const making = stores.begin(make, blow)
    const removing = (async () => {
      await stores.clock.sleep(200)
      await stores.near.groups.removeGroup(GROUP)
    })()
    const [{ end }] = await stores.run(Promise.all([making, removing]))
    await stores.settle()
    return { stores, end }
  }

  test.each(PLACES)('lists what it has made, with $fault at $place, $change', async blow => {
    const { stores, end } = await atTheSameTime(blow)
    const group = await stores.near.groups.readGroup(GROUP)
    // One of which nobody was told that it is made may be there without being listed, until somebody uses it.
    const isTold = blow.fault === 'slow' && end === 'done'
    if (group && isTold) expect(await all(stores.near.groups.groups())).toEqual([GROUP])
    expect((await stores.call(make)).end).toBe('done')
    expect(await all(stores.near.groups.groups())).toEqual([GROUP])
    expect(await stores.near.groups.readGroup(GROUP)).toEqual(newGroup(GROUP, 'round-robin'))
  })

  test.each(PLACES)('leaves nothing once it is removed again, with $fault at $place, $change', async blow => {
    const { stores } = await atTheSameTime(blow)
    await stores.near.groups.removeGroup(GROUP)
    expect(await stores.keys()).toEqual([])
  })
})

const producer = (createdMs: number, sequence = 0): FlushedProducer => ({
  epoch: 0,
  createdMs,
  runs: [{ sequence, records: 1, baseOffset: toOffset(sequence) }],
})
const YOUNG = producer(NOW_MS - 1)
const OLD = producer(NOW_MS - PRODUCER_EXPIRATION_MS)

describe('removing a log', () => {
  const remove = ({ index }: ItemStores) => index.removePartition(PARTITION)
  const LOG = `log#${TOPIC_ID}#0`
  const CHANGES = [
    `${LOG}/head`,
    `-${LOG}/block#0000000000000000`,
    `-${LOG}/block#0000000000000010`,
    `-${LOG}/merged#0000000003#0000000000000000`,
    `-${LOG}/producer#-1`,
    `-${LOG}/producer#7`,
    `-${LOG}/segment#0000000000000000`,
  ]

  const filled = async () => {
    const stores = new FarStores()
    const { index } = stores.near
    for (const partition of [PARTITION, { ...PARTITION, partition: 1 }]) {
      await index.createHead(partition, 0)
      for (const offset of [0, 10]) await index.putBlock(partition, looseBlock(offset, 10))
      for (const id of [-1n, 7n]) await index.putProducer(partition, id, YOUNG, NOW_MS)
      for (const level of ['rolled', 3] as const) await index.putSegment(partition, level, segmentOf(0, 10))
    }
    // Its head stays, closed.
    return { stores, after: [`${LOG}/head`, ...(await stores.keys(`log#${TOPIC_ID}#1/`))] }
  }

  test('makes these changes, in this order', async () => {
    const { stores, after } = await filled()
    expect(await stores.call(remove)).toEqual({ changes: CHANGES, end: 'done' })
    expect(await stores.keys()).toEqual(after)
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const { stores, after } = await filled()
      const { index } = stores.near
      expect((await stores.call(remove, blow)).end).toBe(endOf(blow))
      const left = await stores.keys(LOG)
      // What has lost something takes no records any more.
      if (left.length < CHANGES.length) {
        expect(await index.append(PARTITION, inlineEntry(1), toOffset(0))).toEqual({ kind: 'missing' })
      }
      // And what is left can be found.
      expect((await all(index.partitions())).length).toBe(left.length > 1 ? 2 : 1)
      expect((await stores.call(remove)).end).toBe('done')
      await stores.settle()
      expect(await stores.keys()).toEqual(after)
    },
  )
})

describe('removing the blocks below an offset', () => {
  const remove = ({ index }: ItemStores) => index.removeBlocksBelow(PARTITION, toOffset(25))
  const keyOf = (offset: number) => `-log#${TOPIC_ID}#0/block#${String(offset).padStart(16, '0')}`
  const CHANGES = [0, 10, 20].map(keyOf)

  const filled = async () => {
    const stores = new FarStores()
    await stores.near.index.createHead(PARTITION, 0)
    for (const offset of [0, 10, 20, 30, 40])
      await stores.near.index.putBlock(PARTITION, looseBlock(offset, 10))
    return stores
  }
  const offsets = async ({ near }: FarStores) =>
    (await near.index.readBlocks(PARTITION, toOffset(0), 100)).map(({ baseOffset }) => Number(baseOffset))

  test('makes these changes, in this order', async () => {
    const stores = await filled()
    expect(await stores.call(remove)).toEqual({ changes: CHANGES, end: 'done' })
    expect(await offsets(stores)).toEqual([30, 40])
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const stores = await filled()
      expect((await stores.call(remove, blow)).end).toBe(endOf(blow))
      // The oldest go first: what is left has no gap.
      const left = await offsets(stores)
      expect(left).toEqual([0, 10, 20, 30, 40].slice(-left.length))
      expect((await stores.call(remove)).end).toBe('done')
      await stores.settle()
      expect(await offsets(stores)).toEqual([30, 40])
    },
  )
})

describe('dropping the producers that have expired', () => {
  const OLD: FlushedProducer = { ...YOUNG, createdMs: NOW_MS - PRODUCER_EXPIRATION_MS }
  const drop = ({ index }: ItemStores) => index.dropExpiredProducers(PARTITION, NOW_MS)
  const expired = Array.from({ length: 3 }, (_, number) => BigInt(100 + number * 60))
  const CHANGES = expired.map(id => `log#${TOPIC_ID}#0/producer#${id}`)

  /** More than it looks at together. */
  const filled = async () => {
    const stores = new FarStores()
    for (let id = 100n; id < 300n; id += 1n) {
      // A time at which nobody has expired: a put drops others.
      await stores.near.index.putProducer(PARTITION, id, expired.includes(id) ? OLD : YOUNG, 0)
    }
    return stores
  }

  test('makes these changes, and leaves the others', async () => {
    const stores = await filled()
    const { changes, end } = await stores.call(drop)
    expect([changes.toSorted(), end]).toEqual([CHANGES, 'done'])
    for (let id = 100n; id < 300n; id += 1n) {
      const left = await stores.near.index.readProducer(PARTITION, id)
      expect(left).toEqual(expired.includes(id) ? undefined : YOUNG)
    }
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const stores = await filled()
      expect((await stores.call(drop, blow)).end).toBe(endOf(blow))
      expect((await stores.call(drop)).end).toBe('done')
      await stores.settle()
      const left = await Promise.all(expired.map(id => stores.near.index.readProducer(PARTITION, id)))
      expect(left).toEqual(expired.map(() => undefined))
    },
  )
})

describe('removing older targets', () => {
  const [older, standing, later] = [1, 2, 3].map(epoch => targetIdOf(epoch, '00'.repeat(16))) as [
    string,
    string,
    string,
  ]
  const remove = ({ groups }: ItemStores) => groups.removeOlderTargets(GROUP, standing)
  const CHANGES = [0, 1].map(chunk => `-group#orders/target#${older}#${chunk}`)

  const filled = async () => {
    const stores = new FarStores()
    for (const targetId of [older, standing, later]) {
      for (const chunk of [0, 1]) await stores.near.groups.putTargetChunk(GROUP, targetId, chunk, new Map())
    }
    return stores
  }

  test('makes these changes, in this order', async () => {
    const stores = await filled()
    expect(await stores.call(remove)).toEqual({ changes: CHANGES, end: 'done' })
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const stores = await filled()
      expect((await stores.call(remove, blow)).end).toBe(endOf(blow))
      expect((await stores.call(remove)).end).toBe('done')
      await stores.settle()
      const left = [standing, later].flatMap(targetId =>
        [0, 1].map(n => `group#orders/target#${targetId}#${n}`),
      )
      expect(await stores.keys()).toEqual(left)
    },
  )
})

describe('putting a producer', () => {
  const put = ({ index }: ItemStores) => index.putProducer(PARTITION, 5n, YOUNG, NOW_MS)
  const keyOf = (id: number) => `log#${TOPIC_ID}#0/producer#${id}`
  // Behind it in the order of keys, and around the end to the first ones.
  const EXPIRED = [6, 1, 2]
  const CHANGES = [5, ...EXPIRED].map(keyOf)

  const filled = async () => {
    const stores = new FarStores()
    const { index } = stores.near
    // With the clock of then, so that none of them drops another.
    for (const id of EXPIRED) await index.putProducer(PARTITION, BigInt(id), OLD, OLD.createdMs)
    return stores
  }
  const read = (stores: FarStores, id: bigint) => stores.near.index.readProducer(PARTITION, id)

  test('makes these changes, the first before all others', async () => {
    const stores = await filled()
    const { changes, end } = await stores.call(put)
    expect([changes[0], changes.toSorted(), end]).toEqual([CHANGES[0], CHANGES.toSorted(), 'done'])
    expect(await stores.keys()).toEqual([keyOf(5)])
  })

  test.each(everywhere(CHANGES))(
    'can be repeated when $fault broke it off at $place, $change',
    async blow => {
      const stores = await filled()
      expect((await stores.call(put, blow)).end).toBe(endOf(blow))
      // Nothing goes before what is put stands.
      if (!(await read(stores, 5n))) expect(await stores.keys()).toHaveLength(EXPIRED.length)
      expect((await stores.call(put)).end).toBe('done')
      await stores.settle()
      expect(await read(stores, 5n)).toEqual(YOUNG)
      expect(await stores.keys()).toEqual([keyOf(5)])
    },
  )

  test.each(everywhere(CHANGES))(
    'takes nothing back that was put since $fault broke it off at $place, $change',
    async blow => {
      const stores = await filled()
      await stores.call(put, blow)
      const newer = producer(NOW_MS, 9)
      for (const id of [5, ...EXPIRED]) {
        await stores.near.index.putProducer(PARTITION, BigInt(id), newer, NOW_MS)
      }
      await stores.settle()
      for (const id of [5, ...EXPIRED]) {
        expect((await read(stores, BigInt(id)))?.runs.at(-1)).toEqual(newer.runs[0])
      }
    },
  )
})
