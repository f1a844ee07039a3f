import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClassicGroup, newClassicGroup } from '../../src/core/group/classic/classic-group.ts'
import type { PartName } from '../../src/core/group/classic/parts.ts'
import { newGroup } from '../../src/core/group/group-changes.ts'
import { CLASSIC_MEMBER_ITEMS_MAX, CLASSIC_PART_BYTES_MAX } from '../../src/core/limits.ts'
import { targetIdOf } from '../../src/core/storage-layout.ts'
import type { OpenedGroupStore } from './group-store.ts'
import { freshId } from './samples.ts'

/** What every ClassicGroupStore promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeClassicGroupStore(name: string, open: () => Promise<OpenedGroupStore>): void {
  describe(`${name} as a store of classic groups`, () => {
    let opened: OpenedGroupStore
    let groups: OpenedGroupStore['groups']

    beforeAll(async () => {
      opened = await open()
      groups = opened.groups
    })
    afterAll(async () => {
      await opened.close()
    })

    async function createdGroup(): Promise<string> {
      const groupId = `classic-${freshId()}`
      await groups.createGroup(groupId, 'range')
      return groupId
    }

    test('a group becomes a classic one, changes by its versions, and is none again', async () => {
      const groupId = await createdGroup()
      const first = sampleClassic(freshId())
      const made = { ...newGroup(groupId, 'range'), classic: first }
      expect(await groups.changeClassic(groupId, { marks: 0 }, first)).toEqual({ held: true, group: made })
      expect(await groups.readGroup(groupId)).toEqual(made)
      const second = { ...newClassicGroup(freshId()), generation: 3 }
      const next = { ...made, classic: second }
      expect(await groups.changeClassic(groupId, { version: freshId() }, second)).toEqual({
        held: false,
        group: made,
      })
      expect(await groups.changeClassic(groupId, { version: first.version }, second)).toEqual({
        held: true,
        group: next,
      })
      expect(await groups.changeClassic(groupId, { marks: 0 }, first)).toEqual({ held: false, group: next })
      const none = newGroup(groupId, 'range')
      expect(await groups.changeClassic(groupId, { version: first.version }, null)).toEqual({
        held: false,
        group: next,
      })
      expect(await groups.changeClassic(groupId, { version: second.version }, null)).toEqual({
        held: true,
        group: none,
      })
      expect(await groups.readGroup(groupId)).toEqual(none)
    })

    test('a group that is not there does not become one', async () => {
      const groupId = `classic-${freshId()}`
      for (const expected of [{ marks: 0 }, { version: freshId() }]) {
        expect(await groups.changeClassic(groupId, expected, sampleClassic(freshId()))).toEqual({
          held: false,
          group: undefined,
        })
      }
      expect(await groups.readGroup(groupId)).toBeUndefined()
    })

    test('of a mark and a change of kind, one is refused', async () => {
      const groupId = await createdGroup()
      await groups.markGroup(groupId)
      expect((await groups.changeClassic(groupId, { marks: 0 }, sampleClassic(freshId()))).held).toBe(false)
      const classic = sampleClassic(freshId())
      expect((await groups.changeClassic(groupId, { marks: 1 }, classic)).held).toBe(true)
      expect(await groups.markGroup(groupId)).toBe(false)
      const target = { ...newGroup(groupId, 'range'), epoch: 1, targetId: targetIdOf(1, freshId()) }
      expect(await groups.setTarget(target)).toBe(false)
      expect(await groups.winCheck(groupId, 0, 7)).toBe(true)
      expect(await groups.readGroup(groupId)).toEqual({
        ...newGroup(groupId, 'range'),
        marks: 1,
        checkedMs: 7,
        classic,
      })
    })

    test('of twenty changes from one version, one is done', async () => {
      const groupId = await createdGroup()
      const first = sampleClassic(freshId())
      await groups.changeClassic(groupId, { marks: 0 }, first)
      const nexts = Array.from({ length: 20 }, () => sampleClassic(freshId()))
      const changes = await Promise.all(
        nexts.map(next => groups.changeClassic(groupId, { version: first.version }, next)),
      )
      expect(changes.filter(({ held }) => held)).toHaveLength(1)
      const won = nexts[changes.findIndex(({ held }) => held)]!
      expect((await groups.readGroup(groupId))!.classic).toEqual(won)
      for (const { group } of changes) expect([first, won]).toContainEqual(group!.classic)
    })

    test('as many members as there may be have room in one item', async () => {
      const groupId = await createdGroup()
      const [one] = sampleClassic(freshId()).members
      const many: ClassicGroup = {
        ...sampleClassic(freshId()),
        members: Array.from({ length: CLASSIC_MEMBER_ITEMS_MAX }, (_, index) => ({
          ...one!,
          memberId: `a-client-of-some-length-${index}-0b1f3a52-7c1e-4a4e-9d55-0123456789ab`,
          instanceId: `an-instance-of-some-length-${index}`,
        })),
      }
      expect((await groups.changeClassic(groupId, { marks: 0 }, many)).held).toBe(true)
      expect((await groups.readGroup(groupId))!.classic).toEqual(many)
    })

    test('parts are there once put, each by its name, in the order of their generations', async () => {
      const groupId = await createdGroup()
      const [id, other] = [freshId(), freshId()]
      const names: PartName[] = [
        { kind: 'joined', generation: 2, id, part: 0 },
        { kind: 'joined', generation: 2, id, part: 1 },
        { kind: 'joined', generation: 10, id: other, part: 0 },
        { kind: 'assigned', generation: 2, id, part: 0, memberId: 'a/b#c%d äöü😀' },
        { kind: 'assigned', generation: 2, id, part: 0, memberId: '' },
      ]
      for (const [index, part] of names.entries()) await groups.putPart(groupId, part, Buffer.from([index]))
      for (const [index, part] of names.entries()) {
        expect(Buffer.from((await groups.readPart(groupId, part))!)).toEqual(Buffer.from([index]))
      }
      expect(await groups.readPart(groupId, { ...names[0]!, generation: 3 })).toBeUndefined()
      expect((await all(groups.parts(groupId, 'joined'))).map(({ name }) => name)).toEqual(names.slice(0, 3))
      const assigned = await all(groups.parts(groupId, 'assigned'))
      expect(new Map(assigned.map(({ name, bytes }) => [JSON.stringify(name), [...bytes]]))).toEqual(
        new Map([
          [JSON.stringify(names[3]), [3]],
          [JSON.stringify(names[4]), [4]],
        ]),
      )
    })

    test('a part may be as large as parts are', async () => {
      const groupId = await createdGroup()
      const name: PartName = { kind: 'joined', generation: 0, id: freshId(), part: 0 }
      const bytes = Buffer.alloc(CLASSIC_PART_BYTES_MAX + 10, 7)
      await groups.putPart(groupId, name, bytes)
      expect(bytes.equals((await groups.readPart(groupId, name))!)).toBe(true)
    })

    test('parts of earlier generations go, but for those that are kept', async () => {
      const groupId = await createdGroup()
      const [kept, gone] = [freshId(), freshId()]
      const parts = [9, 10, 11].flatMap(generation =>
        [kept, gone].map((id): PartName => ({ kind: 'joined', generation, id, part: 0 })),
      )
      const assigned: PartName = { kind: 'assigned', generation: 9, id: gone, part: 0, memberId: 'm' }
      for (const part of [...parts, assigned]) await groups.putPart(groupId, part, Buffer.from('a'))
      await groups.removeOlderParts(groupId, 'joined', 11, new Set([kept]))
      await groups.removeOlderParts(groupId, 'joined', 11, new Set([kept]))
      const left = (await all(groups.parts(groupId, 'joined'))).map(({ name }) => name)
      expect(left).toHaveLength(4)
      expect(new Set(left)).toEqual(
        new Set(parts.filter(({ id, generation }) => id === kept || generation === 11)),
      )
      expect(await all(groups.parts(groupId, 'assigned'))).toHaveLength(1)
      await groups.removeOlderParts(groupId, 'assigned', 10, new Set())
      expect(await all(groups.parts(groupId, 'assigned'))).toEqual([])
    })

    test('a removed group leaves none of it', async () => {
      const groupId = await createdGroup()
      await groups.changeClassic(groupId, { marks: 0 }, sampleClassic(freshId()))
      for (const part of [
        { kind: 'joined', generation: 1, id: freshId(), part: 0 },
        { kind: 'assigned', generation: 1, id: freshId(), part: 0, memberId: 'm' },
      ] as const) {
        await groups.putPart(groupId, part, Buffer.from('a'))
      }
      await groups.removeGroup(groupId)
      expect(await groups.readGroup(groupId)).toBeUndefined()
      expect(await all(groups.parts(groupId, 'joined'))).toEqual([])
      expect(await all(groups.parts(groupId, 'assigned'))).toEqual([])
    })
  })
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

/** Everything that a classic group can hold. */
export function sampleClassic(version: string): ClassicGroup {
  const id = '000102030405060708090a0b0c0d0e0f'
  const member = {
    instanceId: null,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 300_000,
    protocols: ['range', 'cooperative-sticky'],
    metadata: { generation: 3, id },
    hasJoined: true,
  }
  return {
    version,
    generation: 4,
    phase: 'joining',
    protocolType: 'consumer',
    protocolName: 'range',
    leader: 'a-1',
    assignmentId: id,
    barrier: { sinceMs: 1_750_000_000_000, untilMs: 1_750_000_003_000, isInitial: true },
    members: [
      { ...member, memberId: 'a-1', assignedAs: 'a-1' },
      {
        ...member,
        memberId: 'b-2',
        instanceId: 'b',
        assignedAs: 'b-1',
        protocols: ['range'],
        hasJoined: false,
      },
    ],
    pending: [{ memberId: 'c-1', untilMs: 1_750_000_045_000 }],
  }
}
