import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Committer } from '../../src/core/group/claim.ts'
import type { Claim, CommittedOffset, PendingOffset } from '../../src/core/group/group.ts'
import { toOffset } from '../../src/core/numbers.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { GroupStore } from '../../src/ports/group-store.ts'
import type { OpenedGroupStore } from './group-store.ts'
import { freshId, freshPartition } from './samples.ts'

const NOW_MS = 1_750_000_000_000
const OWNER: Committer = { owner: 'one', generation: 1 }

function pendingOf(transaction: number, offset = 5): PendingOffset {
  return {
    transactionId: `7-0-${transaction}`,
    transactionalId: 'orders/1 Größe',
    version: freshId(),
    offset: toOffset(offset),
    leaderEpoch: 3,
    metadata: 'told',
  }
}

function committedOf(
  { offset, leaderEpoch, metadata }: PendingOffset,
  committedMs = NOW_MS,
): CommittedOffset {
  return { offset, leaderEpoch, metadata, committedMs }
}

/** What every GroupStore promises of offsets that transactions commit. */
export function describePendingOffsets(name: string, open: () => Promise<OpenedGroupStore>): void {
  describe(`${name} as a store of pending offsets`, () => {
    let opened: OpenedGroupStore
    let groups: GroupStore
    let groupId: string

    beforeAll(async () => {
      opened = await open()
      groups = opened.groups
      groupId = `conformance-${freshId()}`
      await groups.createGroup(groupId, 'range')
    })
    afterAll(async () => {
      await opened.close()
    })

    /** A claim of `one`'s, under generation 1. */
    async function owned(): Promise<PartitionId> {
      const partition = freshPartition(3)
      await groups.setOwner(groupId, partition, 'one', undefined)
      return partition
    }

    const read = (partition: PartitionId) => groups.readClaim(groupId, partition)

    async function claims(): Promise<Claim[]> {
      const found: Claim[] = []
      for await (const claim of groups.claims(groupId)) found.push(claim)
      return found
    }

    test('an offset pends beside what is committed, and counts once it is resolved', async () => {
      const partition = await owned()
      const before = { ...committedOf(pendingOf(0, 2), NOW_MS - 9), sequence: 4, underGeneration: 1 }
      await groups.commit(groupId, partition, before, OWNER, null)
      const pending = pendingOf(1)
      const claim: Claim = { ...partition, owner: 'one', generation: 1, committed: before, pending }
      const set = await groups.setPending(groupId, partition, pending, OWNER, null, before.committedMs)
      expect(set).toEqual({ held: true, claim })
      expect(await read(partition)).toEqual(claim)
      expect(await claims()).toContainEqual(claim)
      const committed = committedOf(pending)
      const resolved = { ...partition, owner: 'one', generation: 1, committed }
      expect(await groups.resolvePending(groupId, partition, pending.version, committed)).toStrictEqual({
        held: true,
        claim: resolved,
      })
      expect(await read(partition)).toStrictEqual(resolved)
      const again = await groups.resolvePending(groupId, partition, pending.version, committed)
      expect(again).toStrictEqual({ held: false, claim: resolved })
    })

    test('an aborted one leaves what was committed', async () => {
      const partition = await owned()
      const before = committedOf(pendingOf(0, 2))
      await groups.commit(groupId, partition, before, OWNER, null)
      const pending = pendingOf(1)
      await groups.setPending(groupId, partition, pending, OWNER, null, NOW_MS)
      const { held, claim } = await groups.resolvePending(groupId, partition, pending.version, null)
      expect([held, claim]).toStrictEqual([
        true,
        { ...partition, owner: 'one', generation: 1, committed: before },
      ])
    })

    test('the owner alone has one pend, and nobody where nobody owns it', async () => {
      const partition = await owned()
      const others: Committer[] = [
        { owner: 'two', generation: 1 },
        { owner: 'one', generation: 2 },
        'unowned',
      ]
      for (const by of others) {
        expect((await groups.setPending(groupId, partition, pendingOf(1), by, null, null)).held).toBe(false)
      }
      await groups.setOwner(groupId, partition, null, { owner: 'one', generation: 1 })
      expect((await groups.setPending(groupId, partition, pendingOf(1), OWNER, null, null)).held).toBe(false)
      const pending = pendingOf(1)
      const { claim } = await groups.setPending(groupId, partition, pending, 'unowned', null, null)
      expect(claim).toEqual({ ...partition, owner: null, generation: 2, committed: null, pending })
    })

    test('a claim can be made by what pends, and is one', async () => {
      const partition = freshPartition()
      const pending = pendingOf(1)
      const claim: Claim = { ...partition, owner: null, generation: 0, committed: null, pending }
      expect(await groups.setPending(groupId, partition, pending, 'unowned', null, null)).toEqual({
        held: true,
        claim,
      })
      expect(await read(partition)).toEqual(claim)
      expect((await groups.setOwner(groupId, partition, 'one', undefined)).held).toBe(false)
      const taken = await groups.setOwner(groupId, partition, 'one', { owner: null, generation: 0 })
      expect(taken).toEqual({ held: true, claim: { ...claim, owner: 'one', generation: 1 } })
    })

    test('the next one takes the place of the one that was seen, and of no other', async () => {
      const partition = await owned()
      const [first, second, third] = [pendingOf(1, 5), pendingOf(1, 6), pendingOf(2, 7)]
      const set = (pending: PendingOffset, seen: string | null) =>
        groups.setPending(groupId, partition, pending, OWNER, seen, null)
      await set(first, null)
      expect(await set(second, null)).toMatchObject({ held: false, claim: { pending: first } })
      expect(await set(second, freshId())).toMatchObject({ held: false, claim: { pending: first } })
      expect(await set(second, first.version)).toMatchObject({ held: true, claim: { pending: second } })
      // Comes late, and finds a later one.
      expect(await set(first, null)).toMatchObject({ held: false, claim: { pending: second } })
      expect(await set(third, second.version)).toMatchObject({ held: true, claim: { pending: third } })
      for (const version of [first.version, second.version]) {
        const resolved = await groups.resolvePending(groupId, partition, version, committedOf(first))
        expect(resolved).toMatchObject({ held: false, claim: { pending: third, committed: null } })
      }
    })

    test('it pends beside what was seen committed, and beside nothing later', async () => {
      const partition = await owned()
      const set = (pending: PendingOffset, seenMs: number | null) =>
        groups.setPending(groupId, partition, pending, OWNER, null, seenMs)
      const pending = pendingOf(1)
      expect((await set(pending, NOW_MS)).held).toBe(false)
      await set(pending, null)
      await groups.resolvePending(groupId, partition, pending.version, committedOf(pending))
      // Of the same transaction, seen before it was decided, and late.
      for (const late of [pending, pendingOf(1, 4)]) {
        for (const seenMs of [null, NOW_MS - 1]) {
          const { held, claim } = await set(late, seenMs)
          expect([held, claim?.committed, claim?.pending]).toEqual([false, committedOf(pending), undefined])
        }
      }
      expect((await set(pendingOf(2, 9), NOW_MS)).held).toBe(true)
    })

    test('of twenty that pend at once one is in', async () => {
      const partition = await owned()
      const all = Array.from({ length: 20 }, (_, number) => pendingOf(number))
      const outcomes = await Promise.all(
        all.map(pending => groups.setPending(groupId, partition, pending, OWNER, null, null)),
      )
      expect(outcomes.filter(({ held }) => held)).toHaveLength(1)
      const pending = all[outcomes.findIndex(({ held }) => held)]!
      for (const { claim } of outcomes) expect(claim).toMatchObject({ pending })
    })

    test('it survives changes of the owner, and is resolved whoever owns it then', async () => {
      const partition = await owned()
      const pending = pendingOf(1)
      await groups.setPending(groupId, partition, pending, OWNER, null, null)
      const given = await groups.setOwner(groupId, partition, null, { owner: 'one', generation: 1 })
      expect(given.claim).toEqual({ ...partition, owner: null, generation: 2, committed: null, pending })
      await groups.setOwner(groupId, partition, 'two', { owner: null, generation: 2 })
      const late = await groups.setPending(groupId, partition, pendingOf(1), OWNER, pending.version, null)
      expect(late).toMatchObject({ held: false, claim: { pending } })
      const committed = committedOf(pending)
      const resolved = await groups.resolvePending(groupId, partition, pending.version, committed)
      expect(resolved).toStrictEqual({
        held: true,
        claim: { ...partition, owner: 'two', generation: 3, committed },
      })
    })

    test('commits go on beside it, and the one that resolves it must be later', async () => {
      const partition = await owned()
      const pending = pendingOf(1)
      await groups.setPending(groupId, partition, pending, OWNER, null, null)
      const plain = committedOf(pendingOf(0, 9), NOW_MS + 5)
      const { claim } = await groups.commit(groupId, partition, plain, OWNER, null)
      expect(claim).toMatchObject({ committed: plain, pending })
      for (const committedMs of [NOW_MS, NOW_MS + 5]) {
        const early = await groups.resolvePending(
          groupId,
          partition,
          pending.version,
          committedOf(pending, committedMs),
        )
        expect(early).toMatchObject({ held: false, claim: { committed: plain, pending } })
      }
      const committed = committedOf(pending, NOW_MS + 6)
      const later = await groups.resolvePending(groupId, partition, pending.version, committed)
      expect(later.claim).toStrictEqual({ ...partition, owner: 'one', generation: 1, committed })
    })

    test.each([false, true])('a claim with something pending is not removed (%s)', async isForGood => {
      const partition = freshPartition()
      const pending = pendingOf(1)
      const { claim } = await groups.setPending(groupId, partition, pending, 'unowned', null, null)
      const { pending: _, ...asBefore } = claim!
      for (const asRead of [claim!, asBefore]) {
        expect(await groups.removeClaim(groupId, asRead, isForGood)).toBe(false)
      }
      expect(await read(partition)).toEqual(claim)
      const resolved = await groups.resolvePending(groupId, partition, pending.version, committedOf(pending))
      expect(await groups.removeClaim(groupId, resolved.claim!, isForGood)).toBe(true)
      expect(await read(partition)).toBeUndefined()
    })

    test('nothing pends in a claim that is not there, nor in one that is closed', async () => {
      const partition = freshPartition()
      const nothing = { held: false, claim: undefined }
      expect(await groups.resolvePending(groupId, partition, freshId(), null)).toEqual(nothing)
      expect(await read(partition)).toBeUndefined()
      const other = `conformance-${freshId()}`
      await groups.createGroup(other, 'range')
      await groups.setOwner(other, partition, 'one', undefined)
      const pending = pendingOf(1)
      await groups.setPending(other, partition, pending, OWNER, null, null)
      await groups.removeGroup(other)
      expect(await groups.readClaim(other, partition)).toBeUndefined()
      expect(await groups.resolvePending(other, partition, pending.version, committedOf(pending))).toEqual(
        nothing,
      )
      expect(
        (await groups.setPending(other, partition, pendingOf(2), OWNER, pending.version, null)).held,
      ).toBe(false)
      // Counts on.
      const next = await groups.setOwner(other, partition, 'two', undefined)
      expect(next.claim).toStrictEqual({ ...partition, owner: 'two', generation: 2, committed: null })
    })
  })
}
