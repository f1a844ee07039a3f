import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Claim, CommittedOffset, Group, Member } from '../../src/core/group/group.ts'
import { newGroup } from '../../src/core/group/group-changes.ts'
import type { TargetChunk } from '../../src/core/group/target-chunk.ts'
import { SUBSCRIPTION_BYTES_MAX } from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { targetIdOf } from '../../src/core/storage-layout.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { GroupStore } from '../../src/ports/group-store.ts'
import { freshId, freshPartition } from './samples.ts'

export interface OpenedGroupStore {
  readonly groups: GroupStore
  close(): Promise<void>
}

/** How large the largest group is; emulators are slow. */
export interface GroupSizes {
  readonly members: number
  readonly claims: number
}

const LARGE: GroupSizes = { members: 1_000, claims: 10_000 }
const SOME_ID = '000102030405060708090a0b0c0d0e0f'
const NOW_MS = 1_750_000_000_000

/** What every GroupStore promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeGroupStore(
  name: string,
  open: () => Promise<OpenedGroupStore>,
  sizes: GroupSizes = LARGE,
): void {
  describe(`${name} as a group store`, () => {
    let opened: OpenedGroupStore
    let groups: GroupStore

    beforeAll(async () => {
      opened = await open()
      groups = opened.groups
    })
    afterAll(async () => {
      await opened.close()
    })

    const freshGroup = () => `conformance-${freshId()}`

    async function createdGroup(): Promise<string> {
      const groupId = freshGroup()
      await groups.createGroup(groupId, 'range')
      return groupId
    }

    /** All ids that begin so, in the order of the listing. */
    async function listed(prefix: string): Promise<string[]> {
      return (await all(groups.groups())).filter(groupId => groupId.startsWith(prefix))
    }

    describe('a group', () => {
      test('is made without members, without a target, and listed', async () => {
        const groupId = freshGroup()
        expect(await groups.readGroup(groupId)).toBeUndefined()
        await groups.createGroup(groupId, 'round-robin')
        expect(await groups.readGroup(groupId)).toEqual({
          groupId,
          epoch: 0,
          targetId: '',
          targetChunks: 0,
          assignor: 'round-robin',
          marks: 0,
          marksSeen: 0,
          topicsDigest: '',
          checkedMs: 0,
        })
        expect(await listed(groupId)).toEqual([groupId])
      })

      test('stays as it is when it is made again', async () => {
        const groupId = await createdGroup()
        await groups.markGroup(groupId)
        const target = targetOf(groupId, 1)
        await groups.setTarget(target)
        await groups.createGroup(groupId, 'cooperative-sticky')
        expect(await groups.readGroup(groupId)).toEqual({ ...target, marks: 1 })
        expect(await listed(groupId)).toEqual([groupId])
      })

      test('is one, if twenty make it', async () => {
        const groupId = freshGroup()
        const makers = Array.from({ length: 20 }, async (_, number) => {
          await groups.createGroup(groupId, number % 2 === 0 ? 'range' : 'round-robin')
          return await groups.readGroup(groupId)
        })
        const [first, ...others] = await Promise.all(makers)
        expect(first).toMatchObject({ groupId, epoch: 0 })
        for (const other of others) expect(other).toEqual(first)
        expect(await listed(groupId)).toEqual([groupId])
      })

      test('that was never made cannot be changed', async () => {
        const groupId = freshGroup()
        expect(await groups.markGroup(groupId)).toBe(false)
        expect(await groups.winCheck(groupId, 0, NOW_MS)).toBe(false)
        expect(await groups.setTarget(targetOf(groupId, 1))).toBe(false)
        expect(await groups.readGroup(groupId)).toBeUndefined()
        expect(await listed(groupId)).toEqual([])
      })

      test('counts marks, whatever else changes', async () => {
        const groupId = await createdGroup()
        const changes = Array.from({ length: 20 }, async (_, number) => {
          if (number === 10) await groups.setTarget(targetOf(groupId, 1))
          return await groups.markGroup(groupId)
        })
        expect(await Promise.all(changes)).toEqual(Array.from({ length: 20 }, () => true))
        expect(await groups.readGroup(groupId)).toMatchObject({ marks: 20, epoch: 1 })
      })

      test('is looked at by one of twenty', async () => {
        const groupId = await createdGroup()
        const looks = Array.from({ length: 20 }, (_, number) => groups.winCheck(groupId, 0, NOW_MS + number))
        const won = await Promise.all(looks)
        expect(won.filter(Boolean)).toHaveLength(1)
        const { checkedMs } = (await groups.readGroup(groupId))!
        expect(checkedMs).toBe(NOW_MS + won.indexOf(true))
        expect(await groups.winCheck(groupId, 0, NOW_MS + 100)).toBe(false)
        expect(await groups.winCheck(groupId, checkedMs, NOW_MS + 100)).toBe(true)
        expect(await groups.readGroup(groupId)).toEqual({
          ...newGroup(groupId, 'range'),
          checkedMs: NOW_MS + 100,
        })
      })

      test('gets its next target, and keeps the marks that came meanwhile', async () => {
        const groupId = await createdGroup()
        await groups.markGroup(groupId)
        const target = { ...targetOf(groupId, 1), marks: 1, marksSeen: 1 }
        await groups.markGroup(groupId)
        expect(await groups.setTarget(target)).toBe(true)
        expect(await groups.readGroup(groupId)).toEqual({ ...target, marks: 2 })
      })

      test('gets a target only for the epoch after the one that stands', async () => {
        const groupId = await createdGroup()
        expect(await groups.setTarget(targetOf(groupId, 2))).toBe(false)
        expect(await groups.setTarget(targetOf(groupId, 0))).toBe(false)
        const target = targetOf(groupId, 1)
        expect(await groups.setTarget(target)).toBe(true)
        expect(await groups.setTarget(target)).toBe(false)
        expect(await groups.setTarget({ ...target, targetId: targetIdOf(1, freshId()) })).toBe(false)
        expect(await groups.readGroup(groupId)).toEqual(target)
      })

      test('gets the target of one of twenty', async () => {
        const groupId = await createdGroup()
        const targets = Array.from({ length: 20 }, () => targetOf(groupId, 1))
        const won = await Promise.all(targets.map(target => groups.setTarget(target)))
        expect(won.filter(Boolean)).toHaveLength(1)
        expect(await groups.readGroup(groupId)).toEqual(targets[won.indexOf(true)])
      })

      test('is not changed by changing what was told', async () => {
        const groupId = await createdGroup()
        const group = (await groups.readGroup(groupId))! as { marks: number }
        group.marks = 99
        expect(await groups.readGroup(groupId)).toMatchObject({ marks: 0 })
      })
    })

    describe('a member', () => {
      test('comes back as it was put', async () => {
        const groupId = await createdGroup()
        const dynamic = sampleMember({ topics: [], topicPattern: 'tides-.*', settledEpoch: 7 })
        const fixed = sampleMember({ memberId: 'instance-a/b#c', instanceId: 'a/b#c', clientId: '' })
        for (const member of [dynamic, fixed]) {
          expect(await groups.readMember(groupId, member.memberId)).toBeUndefined()
          await groups.putMember(groupId, member)
          expect(await groups.readMember(groupId, member.memberId)).toEqual(member)
        }
        expect(byMemberId(await all(groups.members(groupId)))).toEqual(byMemberId([dynamic, fixed]))
      })

      test('can subscribe to as much as is allowed', async () => {
        const groupId = await createdGroup()
        const count = Math.floor(SUBSCRIPTION_BYTES_MAX / 200)
        const topics = Array.from({ length: count }, (_, number) => `${number}`.padStart(200, 'x'))
        const member = sampleMember({ topics })
        await groups.putMember(groupId, member)
        expect(await groups.readMember(groupId, member.memberId)).toEqual(member)
        const lease = { leaseUntilMs: NOW_MS + 1, settledEpoch: 1 }
        expect(await groups.renewLease(groupId, member.memberId, lease)).toEqual({ ...member, ...lease })
      })

      test('is written over by one of the same id', async () => {
        const groupId = await createdGroup()
        const first = sampleMember({ topicPattern: 'a.*', instanceId: 'a' })
        const second = sampleMember({ memberId: first.memberId, topics: ['b'] })
        await groups.putMember(groupId, first)
        await groups.putMember(groupId, second)
        await groups.putMember(groupId, second)
        expect(await groups.readMember(groupId, first.memberId)).toEqual(second)
        expect(await all(groups.members(groupId))).toEqual([second])
      })

      test('renews its lease, and nothing else', async () => {
        const groupId = await createdGroup()
        const member = sampleMember()
        await groups.putMember(groupId, member)
        const lease = { leaseUntilMs: member.leaseUntilMs + 3_000, settledEpoch: 3 }
        expect(await groups.renewLease(groupId, member.memberId, lease)).toEqual({ ...member, ...lease })
        expect(await groups.renewLease(groupId, member.memberId, lease)).toEqual({ ...member, ...lease })
        expect(await groups.readMember(groupId, member.memberId)).toEqual({ ...member, ...lease })
      })

      test('that is not there renews nothing, and does not come to be', async () => {
        const groupId = await createdGroup()
        const { memberId } = sampleMember()
        const lease = { leaseUntilMs: NOW_MS, settledEpoch: 0 }
        expect(await groups.renewLease(groupId, memberId, lease)).toBeUndefined()
        expect(await groups.readMember(groupId, memberId)).toBeUndefined()
        expect(await all(groups.members(groupId))).toEqual([])
      })

      test('has its lease shortened, and nothing else, only while that is still the one', async () => {
        const groupId = await createdGroup()
        const member = sampleMember()
        await groups.putMember(groupId, member)
        const { memberId, leaseUntilMs } = member
        expect(await groups.shortenLease(groupId, memberId, leaseUntilMs + 1, 5)).toBe(false)
        expect(await groups.readMember(groupId, memberId)).toEqual(member)
        expect(await groups.shortenLease(groupId, memberId, leaseUntilMs, 5)).toBe(true)
        expect(await groups.shortenLease(groupId, memberId, leaseUntilMs, 5)).toBe(false)
        expect(await groups.readMember(groupId, memberId)).toEqual({ ...member, leaseUntilMs: 5 })
        expect(await groups.shortenLease(groupId, 'nobody', leaseUntilMs, 5)).toBe(false)
        expect(await all(groups.members(groupId))).toEqual([{ ...member, leaseUntilMs: 5 }])
      })

      test('is removed, once or twice', async () => {
        const groupId = await createdGroup()
        const [going, staying] = [sampleMember(), sampleMember()]
        await groups.putMember(groupId, going)
        await groups.putMember(groupId, staying)
        expect(await groups.removeMember(groupId, going.memberId)).toBe(true)
        expect(await groups.removeMember(groupId, going.memberId)).toBe(true)
        expect(await all(groups.members(groupId))).toEqual([staying])
      })

      test('is removed for its lease only while that is still the one', async () => {
        const groupId = await createdGroup()
        const member = sampleMember()
        await groups.putMember(groupId, member)
        const lease = { leaseUntilMs: member.leaseUntilMs + 3_000, settledEpoch: 0 }
        const renewed = await groups.renewLease(groupId, member.memberId, lease)
        expect(await groups.removeMember(groupId, member.memberId, member.leaseUntilMs)).toBe(false)
        expect(await groups.readMember(groupId, member.memberId)).toEqual(renewed)
        expect(await groups.removeMember(groupId, member.memberId, lease.leaseUntilMs)).toBe(true)
        expect(await groups.readMember(groupId, member.memberId)).toBeUndefined()
        // It is gone, which is all that the caller wants to know.
        expect(await groups.removeMember(groupId, member.memberId, lease.leaseUntilMs)).toBe(true)
      })

      test('either renews its lease or is removed for it', async () => {
        const groupId = await createdGroup()
        const members = Array.from({ length: 20 }, () => sampleMember())
        await Promise.all(members.map(member => groups.putMember(groupId, member)))
        const lease = { leaseUntilMs: NOW_MS + 99_000, settledEpoch: 0 }
        const outcomes = members.map(async ({ memberId, leaseUntilMs }) => {
          const removing = groups.removeMember(groupId, memberId, leaseUntilMs)
          const [isGone, renewed] = await Promise.all([removing, groups.renewLease(groupId, memberId, lease)])
          return { memberId, isGone, isRenewed: renewed !== undefined }
        })
        const standing = new Set((await all(groups.members(groupId))).map(({ memberId }) => memberId))
        for (const { memberId, isGone, isRenewed } of await Promise.all(outcomes)) {
          expect(isGone).toBe(!isRenewed)
          expect((await groups.readMember(groupId, memberId)) !== undefined).toBe(isRenewed)
        }
        expect(standing.size).toBeLessThanOrEqual(20)
      })

      test('is not changed by changing what was given or told', async () => {
        const groupId = await createdGroup()
        const topics = ['a']
        const member = sampleMember({ topics })
        await groups.putMember(groupId, member)
        topics.push('b')
        const told = (await groups.readMember(groupId, member.memberId))!
        expect(told.topics).toEqual(['a'])
        ;(told.topics as string[]).push('c')
        expect((await groups.readMember(groupId, member.memberId))?.topics).toEqual(['a'])
      })
    })

    describe('a target', () => {
      test('comes back chunk by chunk', async () => {
        const groupId = await createdGroup()
        const targetId = targetIdOf(1, freshId())
        const chunks = [sampleChunk(3), sampleChunk(0), sampleChunk(1)]
        for (const [number, chunk] of chunks.entries()) {
          expect(await groups.readTargetChunk(groupId, targetId, number)).toBeUndefined()
          await groups.putTargetChunk(groupId, targetId, number, chunk)
          await groups.putTargetChunk(groupId, targetId, number, chunk)
        }
        for (const [number, chunk] of chunks.entries()) {
          expect(await groups.readTargetChunk(groupId, targetId, number)).toEqual(chunk)
        }
        expect(await groups.readTargetChunk(groupId, targetId, 3)).toBeUndefined()
        expect(await groups.readTargetChunk(groupId, targetIdOf(1, freshId()), 0)).toBeUndefined()
      })

      test('goes when it is older than another, and not when it is not', async () => {
        const groupId = await createdGroup()
        const sorted = [freshId(), freshId()].sort()
        // Those of the same epoch that lost the race go with the next; the epoch after may be on its way.
        const ids = [
          targetIdOf(1, freshId()),
          targetIdOf(9, freshId()),
          ...sorted.map(id => targetIdOf(10, id)),
          targetIdOf(11, freshId()),
        ]
        const chunk = sampleChunk(2)
        for (const id of ids)
          for (const number of [0, 1, 10]) await groups.putTargetChunk(groupId, id, number, chunk)
        const member = sampleMember()
        await groups.putMember(groupId, member)
        const group = await groups.readGroup(groupId)
        await groups.removeOlderTargets(groupId, ids[2]!)
        await groups.removeOlderTargets(groupId, ids[2]!)
        const standing: boolean[] = []
        for (const id of ids) {
          const found = await Promise.all(
            [0, 1, 10].map(number => groups.readTargetChunk(groupId, id, number)),
          )
          standing.push(found.every(each => each !== undefined))
          expect(new Set(found.map(each => each === undefined)).size).toBe(1)
        }
        expect(standing).toEqual([false, false, true, true, true])
        expect(await all(groups.members(groupId))).toEqual([member])
        expect(await groups.readGroup(groupId)).toEqual(group)
      })

      test.each(['', 'x', '1', SOME_ID, `1-${SOME_ID}`, `${targetIdOf(1, SOME_ID)}#0`])(
        'cannot have the id "%s"',
        async targetId => {
          const groupId = freshGroup()
          const chunk = sampleChunk(1)
          await expect(groups.putTargetChunk(groupId, targetId, 0, chunk)).rejects.toThrow(RangeError)
          await expect(groups.readTargetChunk(groupId, targetId, 0)).rejects.toThrow(RangeError)
          await expect(groups.removeOlderTargets(groupId, targetId)).rejects.toThrow(RangeError)
        },
      )
    })

    describe('a claim', () => {
      test('is made by its first owner', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition(12)
        expect(await groups.readClaim(groupId, partition)).toBeUndefined()
        const claim: Claim = { ...partition, owner: 'one', generation: 1, committed: null }
        expect(await groups.setOwner(groupId, partition, 'one', undefined)).toEqual({ held: true, claim })
        expect(await groups.readClaim(groupId, partition)).toEqual(claim)
        expect(await groups.setOwner(groupId, partition, 'one', undefined)).toEqual({ held: false, claim })
        expect(await groups.setOwner(groupId, partition, 'two', undefined)).toEqual({ held: false, claim })
        expect(await all(groups.claims(groupId))).toEqual([claim])
      })

      test('has its first owner under the generation that was asked for, and counts on from there', async () => {
        const groupId = await createdGroup()
        const [owned, committed] = [freshPartition(), freshPartition(1)]
        const first = 1_750_000_000_000
        const generations = async (
          partition: PartitionId,
          expected: { owner: null; generation: 0 } | undefined,
        ) => {
          const made = await groups.setOwner(groupId, partition, 'one', expected, first)
          const next = await groups.setOwner(groupId, partition, 'two', made.claim!, first + 9_000)
          return [made.claim?.generation, next.claim?.generation]
        }
        expect(await generations(owned, undefined)).toEqual([first, first + 1])
        // One that was committed to, and that nobody has owned.
        await groups.commit(groupId, committed, sampleCommit(5), 'unowned', null)
        expect(await generations(committed, { owner: null, generation: 0 })).toEqual([first, first + 1])
      })

      test('is not made where one is expected', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        for (const expected of [
          { owner: null, generation: 0 },
          { owner: null, generation: 1 },
          { owner: 'one', generation: 1 },
        ]) {
          expect(await groups.setOwner(groupId, partition, 'two', expected)).toEqual({
            held: false,
            claim: undefined,
          })
        }
        expect(await groups.readClaim(groupId, partition)).toBeUndefined()
      })

      test('changes its owner from the one that stands only, and counts up each time', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition(3)
        await groups.setOwner(groupId, partition, 'one', undefined)
        const standing: Claim = { ...partition, owner: 'one', generation: 1, committed: null }
        for (const expected of [
          undefined,
          { owner: 'two', generation: 1 },
          { owner: 'one', generation: 0 },
          { owner: 'one', generation: 2 },
          { owner: null, generation: 1 },
        ]) {
          expect(await groups.setOwner(groupId, partition, 'two', expected)).toEqual({
            held: false,
            claim: standing,
          })
        }
        const steps = ['two', null, 'three', 'three', null, null, 'one']
        let expected: { owner: string | null; generation: number } = { owner: 'one', generation: 1 }
        for (const owner of steps) {
          const generation = expected.generation + 1
          const claim: Claim = { ...partition, owner, generation, committed: null }
          expect(await groups.setOwner(groupId, partition, owner, expected)).toEqual({ held: true, claim })
          // Asked for once more, since the answer was lost: what stands tells that it was done.
          expect(await groups.setOwner(groupId, partition, owner, expected)).toEqual({ held: false, claim })
          expect(await groups.readClaim(groupId, partition)).toEqual(claim)
          expected = { owner, generation }
        }
      })

      test('is not the same once it was given back and taken again', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        await groups.setOwner(groupId, partition, 'one', undefined)
        await groups.setOwner(groupId, partition, null, { owner: 'one', generation: 1 })
        await groups.setOwner(groupId, partition, 'one', { owner: null, generation: 2 })
        const old = { owner: 'one', generation: 1 }
        expect(await groups.setOwner(groupId, partition, 'two', old)).toMatchObject({ held: false })
        expect(await groups.commit(groupId, partition, sampleCommit(5), old, null)).toMatchObject({
          held: false,
        })
      })

      test('has one owner, if twenty claim it', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        for (const expected of [undefined, { owner: null, generation: 2 }]) {
          const claims = Array.from({ length: 20 }, (_, number) =>
            groups.setOwner(groupId, partition, `member-${number}`, expected),
          )
          const outcomes = await Promise.all(claims)
          const winner = outcomes.findIndex(({ held }) => held)
          expect(outcomes.filter(({ held }) => held)).toHaveLength(1)
          const generation = (expected?.generation ?? 0) + 1
          const claim = { ...partition, owner: `member-${winner}`, generation, committed: null }
          for (const outcome of outcomes) expect(outcome.claim).toEqual(claim)
          expect(await groups.readClaim(groupId, partition)).toEqual(claim)
          await groups.setOwner(groupId, partition, null, { owner: `member-${winner}`, generation })
        }
      })

      test('keeps what is committed when its owner changes', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        const committed = sampleCommit(41)
        await groups.setOwner(groupId, partition, 'one', undefined)
        const one = { owner: 'one', generation: 1 }
        const claim: Claim = { ...partition, ...one, committed }
        expect(await groups.commit(groupId, partition, committed, one, null)).toEqual({ held: true, claim })
        expect(await groups.readClaim(groupId, partition)).toEqual(claim)
        expect(await groups.setOwner(groupId, partition, null, one)).toEqual({
          held: true,
          claim: { ...partition, owner: null, generation: 2, committed },
        })
        const two = { owner: 'two', generation: 3 }
        const taken = await groups.setOwner(groupId, partition, 'two', { owner: null, generation: 2 })
        expect(taken).toEqual({ held: true, claim: { ...partition, ...two, committed } })
      })

      test('takes commits of its owner in its generation only', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        const committed = sampleCommit(1)
        for (const by of [
          { owner: 'one', generation: 1 },
          { owner: 'one', generation: 0 },
        ]) {
          const outcome = await groups.commit(groupId, partition, committed, by, null)
          expect(outcome).toEqual({ held: false, claim: undefined })
        }
        expect(await groups.readClaim(groupId, partition)).toBeUndefined()
        await groups.setOwner(groupId, partition, 'one', undefined)
        const claim: Claim = { ...partition, owner: 'one', generation: 1, committed: null }
        for (const by of [
          'unowned' as const,
          { owner: 'two', generation: 1 },
          { owner: 'one', generation: 0 },
          { owner: 'one', generation: 2 },
        ]) {
          expect(await groups.commit(groupId, partition, committed, by, null)).toEqual({ held: false, claim })
        }
        expect(await groups.readClaim(groupId, partition)).toEqual(claim)
      })

      test('takes a commit only on top of the one that it was meant for', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        await groups.setOwner(groupId, partition, 'one', undefined)
        const one = { owner: 'one', generation: 1 }
        const [first, second, late] = [sampleCommit(10), sampleCommit(20), sampleCommit(15)]
        const refused = await groups.commit(groupId, partition, first, one, NOW_MS)
        expect(refused).toMatchObject({ held: false, claim: { committed: null } })
        expect((await groups.commit(groupId, partition, first, one, null)).held).toBe(true)
        expect((await groups.commit(groupId, partition, second, one, first.committedMs)).held).toBe(true)
        const claim: Claim = { ...partition, ...one, committed: second }
        // What was sent earlier and comes later, and what is repeated.
        for (const seenMs of [null, first.committedMs, first.committedMs - 1]) {
          expect(await groups.commit(groupId, partition, late, one, seenMs)).toEqual({ held: false, claim })
        }
        expect(await groups.commit(groupId, partition, second, one, first.committedMs)).toEqual({
          held: false,
          claim,
        })
        const back = { ...sampleCommit(3), committedMs: second.committedMs + 1 }
        expect(await groups.commit(groupId, partition, back, one, second.committedMs)).toEqual({
          held: true,
          claim: { ...claim, committed: back },
        })
      })

      test('remembers the number of a commit until the next one, which may have none', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        await groups.setOwner(groupId, partition, 'one', undefined)
        const counted = { ...sampleCommit(5), sequence: 3, underGeneration: 1 }
        await groups.commit(groupId, partition, counted, { owner: 'one', generation: 1 }, null)
        expect((await groups.readClaim(groupId, partition))?.committed).toStrictEqual(counted)
        await groups.setOwner(groupId, partition, null, { owner: 'one', generation: 1 })
        expect((await groups.readClaim(groupId, partition))?.committed).toStrictEqual(counted)
        const plain = { ...sampleCommit(2), committedMs: counted.committedMs + 1 }
        const { claim } = await groups.commit(groupId, partition, plain, 'unowned', counted.committedMs)
        expect(claim?.committed).toStrictEqual(plain)
        expect((await groups.readClaim(groupId, partition))?.committed).toStrictEqual(plain)
      })

      test('is made by a commit where nobody owns it, and can be owned then', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition(9_999)
        const committed: CommittedOffset = {
          offset: toOffset(Number.MAX_SAFE_INTEGER),
          leaderEpoch: -1,
          metadata: '',
          committedMs: NOW_MS,
        }
        const claim: Claim = { ...partition, owner: null, generation: 0, committed }
        expect(await groups.commit(groupId, partition, committed, 'unowned', null)).toEqual({
          held: true,
          claim,
        })
        expect(await groups.readClaim(groupId, partition)).toEqual(claim)
        expect(await groups.setOwner(groupId, partition, 'one', undefined)).toEqual({ held: false, claim })
        const owned = await groups.setOwner(groupId, partition, 'one', { owner: null, generation: 0 })
        expect(owned).toEqual({ held: true, claim: { ...claim, owner: 'one', generation: 1 } })
        const again = await groups.commit(groupId, partition, sampleCommit(1), 'unowned', NOW_MS)
        expect(again).toEqual({ held: false, claim: { ...claim, owner: 'one', generation: 1 } })
      })

      test('keeps the generation when something is committed that nobody owns', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        await groups.setOwner(groupId, partition, 'one', undefined)
        await groups.setOwner(groupId, partition, null, { owner: 'one', generation: 1 })
        const committed = { ...sampleCommit(8), metadata: 'ü'.repeat(2_048), leaderEpoch: 0 }
        expect(await groups.commit(groupId, partition, committed, 'unowned', null)).toEqual({
          held: true,
          claim: { ...partition, owner: null, generation: 2, committed },
        })
      })

      test('takes one of twenty first commits', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        const commits = Array.from({ length: 20 }, (_, number) => sampleCommit(number + 1))
        const outcomes = await Promise.all(
          commits.map(each => groups.commit(groupId, partition, each, 'unowned', null)),
        )
        expect(outcomes.filter(({ held }) => held)).toHaveLength(1)
        const committed = commits[outcomes.findIndex(({ held }) => held)]!
        for (const { claim } of outcomes) expect(claim).toMatchObject({ committed })
      })

      test('refuses its old owner from the moment that it has another', async () => {
        const groupId = await createdGroup()
        const partitions = Array.from({ length: 20 }, (_, number) => freshPartition(number))
        await Promise.all(partitions.map(each => groups.setOwner(groupId, each, 'one', undefined)))
        const one = { owner: 'one', generation: 1 }
        await Promise.all(
          partitions.map(async partition => {
            const [committed, taken] = await Promise.all([
              groups.commit(groupId, partition, sampleCommit(5), one, null),
              groups.setOwner(groupId, partition, 'two', one),
            ])
            expect(taken.held).toBe(true)
            // Whoever takes it over starts from the very commit that was accepted.
            expect(taken.claim?.committed ?? null).toEqual(committed.held ? sampleCommit(5) : null)
            const zombie = await groups.commit(groupId, partition, sampleCommit(6), one, null)
            expect(zombie.held).toBe(false)
          }),
        )
      })
    })

    describe('a claim that is removed', () => {
      /** A claim whose second owner has given it back, with something committed. */
      async function givenBack(groupId: string): Promise<Claim> {
        const partition = freshPartition()
        const owned = await groups.setOwner(groupId, partition, 'one', undefined)
        const one = { owner: 'one', generation: owned.claim!.generation }
        await groups.commit(groupId, partition, sampleCommit(41), one, null)
        return (await groups.setOwner(groupId, partition, null, one)).claim!
      }

      test.each([true, false])('is gone, once or twice, also if its topic is (%s)', async topicIsGone => {
        const groupId = await createdGroup()
        const [claim, other] = [await givenBack(groupId), await givenBack(groupId)]
        expect(await groups.removeClaim(groupId, claim, topicIsGone)).toBe(true)
        expect(await groups.readClaim(groupId, claim)).toBeUndefined()
        expect(await all(groups.claims(groupId))).toEqual([other])
        expect(await groups.removeClaim(groupId, claim, topicIsGone)).toBe(true)
      })

      test('is gone where nobody ever owned it', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        const { claim } = await groups.commit(groupId, partition, sampleCommit(5), 'unowned', null)
        expect(await groups.removeClaim(groupId, claim!, false)).toBe(true)
        expect(await groups.readClaim(groupId, partition)).toBeUndefined()
      })

      test('counts its generations on where its topic is there, and begins anew where it is not', async () => {
        const groupId = await createdGroup()
        const generations = []
        for (const topicIsGone of [false, true]) {
          const claim = await givenBack(groupId)
          await groups.removeClaim(groupId, claim, topicIsGone)
          const next = await groups.setOwner(groupId, claim, 'two', undefined)
          expect(next).toMatchObject({ held: true, claim: { owner: 'two', committed: null } })
          generations.push([claim.generation, next.claim!.generation])
        }
        expect(generations).toEqual([
          [2, 3],
          [2, 1],
        ])
      })

      test.each([true, false])('stays where it is not the one that was read (%s)', async topicIsGone => {
        const groupId = await createdGroup()
        const claim = await givenBack(groupId)
        const { owner, generation, committed } = claim
        const others: Claim[] = [
          { ...claim, owner: 'one' },
          { ...claim, generation: generation - 1 },
          { ...claim, committed: null },
          { ...claim, committed: { ...committed!, committedMs: committed!.committedMs - 1 } },
        ]
        for (const other of others) {
          expect(await groups.removeClaim(groupId, other, topicIsGone)).toBe(false)
          expect(await groups.readClaim(groupId, claim)).toEqual(claim)
        }
        const taken = await groups.setOwner(groupId, claim, 'two', { owner, generation })
        expect(await groups.removeClaim(groupId, claim, topicIsGone)).toBe(false)
        expect(await groups.readClaim(groupId, claim)).toEqual(taken.claim)
      })

      test.each([true, false])('is removed, or committed to at the same time (%s)', async topicIsGone => {
        const groupId = await createdGroup()
        for (let round = 0; round < 10; round++) {
          const claim = await givenBack(groupId)
          const later = sampleCommit(50)
          const [isGone, commit] = await Promise.all([
            groups.removeClaim(groupId, claim, topicIsGone),
            groups.commit(groupId, claim, later, 'unowned', claim.committed!.committedMs),
          ])
          expect(isGone).toBe(!commit.held)
          expect((await groups.readClaim(groupId, claim))?.committed).toEqual(commit.held ? later : undefined)
        }
      })
    })

    describe('a group that is removed', () => {
      test('leaves nothing, and may be removed again', async () => {
        const groupId = await createdGroup()
        const { member, targetId, partition } = await fill(groupId)
        await groups.removeGroup(groupId)
        await groups.removeGroup(groupId)
        expect(await groups.readGroup(groupId)).toBeUndefined()
        expect(await groups.readMember(groupId, member.memberId)).toBeUndefined()
        expect(await groups.readTargetChunk(groupId, targetId, 0)).toBeUndefined()
        expect(await groups.readClaim(groupId, partition)).toBeUndefined()
        expect(await all(groups.members(groupId))).toEqual([])
        expect(await all(groups.claims(groupId))).toEqual([])
        expect(await listed(groupId)).toEqual([])
        expect(await groups.markGroup(groupId)).toBe(false)
      })

      test('begins anew when it is made again', async () => {
        const groupId = await createdGroup()
        await fill(groupId)
        await groups.removeGroup(groupId)
        await groups.createGroup(groupId, 'round-robin')
        expect(await groups.readGroup(groupId)).toEqual(newGroup(groupId, 'round-robin'))
        expect(await all(groups.claims(groupId))).toEqual([])
        expect(await listed(groupId)).toEqual([groupId])
      })

      test('counts on when it is made again, however often, and fences whoever owned what it had', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition(1)
        let expected: { owner: string | null; generation: number } | undefined
        let last = 0
        for (let round = 0; round < 3; round += 1) {
          for (const owner of ['one', 'two', null, 'one']) {
            // A first generation that is lower than those before, as a clock gives it that was set back.
            const { held, claim } = await groups.setOwner(
              groupId,
              partition,
              owner,
              expected,
              40 - 10 * round,
            )
            expect([held, claim?.generation]).toEqual([true, last === 0 ? 40 : last + 1])
            last = claim!.generation
            expected = claim
          }
          const zombie = { owner: 'one', generation: last }
          await groups.commit(groupId, partition, sampleCommit(5), zombie, null)
          await groups.removeGroup(groupId)
          expect(await groups.readClaim(groupId, partition)).toBeUndefined()
          expect((await groups.commit(groupId, partition, sampleCommit(6), zombie, NOW_MS + 5)).held).toBe(
            false,
          )
          expect((await groups.setOwner(groupId, partition, 'one', zombie)).held).toBe(false)
          await groups.createGroup(groupId, 'range')
          expect(await all(groups.claims(groupId))).toEqual([])
          // Twice, since what was left says which generation was the last one.
          await groups.removeGroup(groupId)
          expected = undefined
        }
      })

      test('counts on also where the first that comes is a commit of nobody', async () => {
        const groupId = await createdGroup()
        const partition = freshPartition()
        await groups.setOwner(groupId, partition, 'one', undefined, 7)
        await groups.removeGroup(groupId)
        const { held, claim } = await groups.commit(groupId, partition, sampleCommit(5), 'unowned', null)
        expect([held, claim]).toMatchObject([true, { owner: null, generation: 0, committed: { offset: 5 } }])
        expect(await groups.readClaim(groupId, partition)).toEqual(claim)
        await groups.removeGroup(groupId)
        await groups.commit(groupId, partition, sampleCommit(6), 'unowned', null)
        const taken = await groups.setOwner(groupId, partition, 'two', { owner: null, generation: 0 }, 3)
        expect([taken.held, taken.claim]).toMatchObject([true, { owner: 'two', generation: 8 }])
        expect(Object.keys(taken.claim!)).not.toContain('lastGeneration')
      })

      test('takes nothing of another with it', async () => {
        const groupId = await createdGroup()
        const others = [`${groupId}0`, `${groupId}#`, `${groupId}/meta`, groupId.slice(0, -1)]
        for (const other of others) await groups.createGroup(other, 'range')
        const filled = await Promise.all(others.map(other => fill(other)))
        await fill(groupId)
        await groups.removeGroup(groupId)
        for (const [number, other] of others.entries()) {
          const { group, member, targetId, chunk, claim } = filled[number]!
          expect(await groups.readGroup(other)).toEqual(group)
          expect(await all(groups.members(other))).toEqual([member])
          expect(await groups.readTargetChunk(other, targetId, 0)).toEqual(chunk)
          expect(await all(groups.claims(other))).toEqual([claim])
          expect(await listed(other)).toContain(other)
        }
      })

      test('is listed if it is there, whoever made or removed it at the same time', async () => {
        const groupIds = Array.from({ length: 5 }, () => freshGroup())
        await Promise.all(
          groupIds.flatMap(groupId =>
            Array.from({ length: 20 }, async (_, number) => {
              if (number % 4 === 3) await groups.removeGroup(groupId)
              else await groups.createGroup(groupId, 'range')
            }),
          ),
        )
        for (const groupId of groupIds) {
          const group = await groups.readGroup(groupId)
          if (group) expect(await listed(groupId)).toEqual([groupId])
          await groups.createGroup(groupId, 'range')
          expect(await listed(groupId)).toEqual([groupId])
        }
      })
    })

    describe('an id', () => {
      const ODD = [
        '#',
        '/',
        '%',
        '%2F',
        '/meta',
        '#meta',
        'meta',
        '..',
        'member#a',
        'a/member#b',
        ' ',
        'ß',
        'été',
        '日本',
        '😀',
        '\u{ff5e}',
        '"\'\\',
        '$',
        '0',
        'constructor',
        '__proto__',
        'x'.repeat(200),
        '😀'.repeat(100),
      ]

      test('of a group can have any characters, and no two are taken for one another', async () => {
        const prefix = freshGroup()
        const groupIds = ODD.map(odd => `${prefix}${odd}`)
        const filled = new Map<string, Awaited<ReturnType<typeof fill>>>()
        for (const groupId of groupIds) {
          await groups.createGroup(groupId, 'range')
          filled.set(groupId, await fill(groupId))
        }
        for (const [groupId, { group, member, targetId, chunk, claim }] of filled) {
          expect(await groups.readGroup(groupId)).toEqual(group)
          expect(await all(groups.members(groupId))).toEqual([member])
          expect(await groups.readTargetChunk(groupId, targetId, 0)).toEqual(chunk)
          expect(await all(groups.claims(groupId))).toEqual([claim])
        }
        expect(await listed(prefix)).toEqual(groupIds.toSorted(byBytes))
        for (const groupId of groupIds) await groups.removeGroup(groupId)
        expect(await listed(prefix)).toEqual([])
      })

      test('of a group can have nothing but odd characters', async () => {
        // The store may be shared: whatever stands under these ids goes.
        for (const groupId of ODD) {
          await groups.removeGroup(groupId)
          await groups.createGroup(groupId, 'range')
          expect(await groups.readGroup(groupId)).toEqual(newGroup(groupId, 'range'))
          await groups.removeGroup(groupId)
        }
      })

      test('of a member can have any characters', async () => {
        const groupId = await createdGroup()
        const members = ODD.map(memberId => sampleMember({ memberId }))
        for (const member of members) await groups.putMember(groupId, member)
        for (const member of members) {
          expect(await groups.readMember(groupId, member.memberId)).toEqual(member)
        }
        expect(byMemberId(await all(groups.members(groupId)))).toEqual(byMemberId(members))
        const partition = freshPartition()
        let expected: { owner: string | null; generation: number } | undefined
        for (const owner of ODD) {
          const { held, claim } = await groups.setOwner(groupId, partition, owner, expected)
          expect({ held, owner: claim?.owner }).toEqual({ held: true, owner })
          expected = claim
        }
      })

      test('must be text that can be stored', async () => {
        const half = '😀'.slice(0, 1)
        await expect(groups.createGroup(half, 'range')).rejects.toThrow(RangeError)
        await expect(groups.readGroup(half)).rejects.toThrow(RangeError)
        await expect(groups.readMember(await createdGroup(), half)).rejects.toThrow(RangeError)
      })
    })

    test('groups can be made and removed while they are listed', async () => {
      const prefix = freshGroup()
      const groupIds = Array.from({ length: 10 }, (_, number) => `${prefix}-${number}`)
      for (const groupId of groupIds) await groups.createGroup(groupId, 'range')
      const seen: string[] = []
      for await (const groupId of groups.groups()) {
        if (!groupId.startsWith(prefix)) continue
        seen.push(groupId)
        await groups.removeGroup(groupId)
      }
      expect(seen).toEqual(groupIds)
      expect(await listed(prefix)).toEqual([])
    })

    test(`a group has room for ${sizes.members} members and ${sizes.claims} claims`, async () => {
      const groupId = await createdGroup()
      const topicId = randomUUID()
      const members = Array.from({ length: sizes.members }, () => sampleMember())
      await inParts(members, member => groups.putMember(groupId, member))
      const claims = Array.from(
        { length: sizes.claims },
        (_, partition): Claim => ({
          topicId,
          partition,
          owner: members[partition % members.length]!.memberId,
          generation: 1,
          committed: null,
        }),
      )
      await inParts(claims, async ({ owner, ...claim }) => {
        expect((await groups.setOwner(groupId, claim, owner, undefined)).held).toBe(true)
      })
      expect(byMemberId(await all(groups.members(groupId)))).toEqual(byMemberId(members))
      const told = await all(groups.claims(groupId))
      expect(told.sort((one, other) => one.partition - other.partition)).toEqual(claims)
      await groups.removeGroup(groupId)
      expect(await all(groups.members(groupId))).toEqual([])
      expect(await all(groups.claims(groupId))).toEqual([])
    }, 180_000)

    /** One of everything that a group consists of. */
    async function fill(groupId: string) {
      const member = sampleMember()
      const partition = freshPartition(1)
      const target = targetOf(groupId, 1)
      const chunk = sampleChunk(1)
      await groups.putMember(groupId, member)
      await groups.markGroup(groupId)
      await groups.putTargetChunk(groupId, target.targetId, 0, chunk)
      await groups.setTarget(target)
      const { claim } = await groups.setOwner(groupId, partition, member.memberId, undefined)
      return { group: { ...target, marks: 1 }, member, targetId: target.targetId, chunk, partition, claim }
    }
  })
}

/** The group with a target of its own for this epoch. */
function targetOf(groupId: string, epoch: number): Group {
  return {
    groupId,
    epoch,
    targetId: targetIdOf(epoch, freshId()),
    targetChunks: 3,
    assignor: 'cooperative-sticky',
    marks: 0,
    marksSeen: 1,
    topicsDigest: freshId(),
    checkedMs: NOW_MS,
    sinceMs: NOW_MS - 1,
  }
}

export function sampleMember(overrides: Partial<Member> = {}): Member {
  return {
    memberId: randomUUID(),
    incarnation: randomUUID(),
    instanceId: null,
    clientId: 'tests',
    topics: ['rivers', 'tides'],
    topicPattern: null,
    assignor: 'range',
    sessionTimeoutMs: 45_000,
    joinedMs: NOW_MS,
    leaseUntilMs: NOW_MS + 45_000,
    settledEpoch: 0,
    ...overrides,
  }
}

/** What was committed at this offset; the time follows from it. */
function sampleCommit(offset: number): CommittedOffset {
  return { offset: toOffset(offset), leaderEpoch: 3, metadata: 'noted', committedMs: NOW_MS + offset }
}

function sampleChunk(members: number): TargetChunk {
  const shares = (): { topicId: string; partitions: number[] }[] => [
    { topicId: randomUUID(), partitions: [0, 1, 9_999] },
    { topicId: randomUUID(), partitions: [7] },
  ]
  return new Map(Array.from({ length: members }, () => [randomUUID(), shares()]))
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Some at a time, as a store's connections allow. */
async function inParts<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += 100) {
    await Promise.all(items.slice(from, from + 100).map(work))
  }
}

function byMemberId(members: readonly Member[]): Member[] {
  return members.toSorted((one, other) => byBytes(one.memberId, other.memberId))
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
