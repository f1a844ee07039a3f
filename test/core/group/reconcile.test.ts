import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Claim } from '../../../src/core/group/group.ts'
import { type Holding, reconcile } from '../../../src/core/group/reconcile.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'

const claimOf = (partition: number, owner: string | null, generation: number): Claim => ({
  topicId: 't',
  partition,
  owner,
  generation,
  committed: null,
})
const holding = (partition: number, generation: number): Holding => ({ topicId: 't', partition, generation })
const share = (...partitions: number[]) => [{ topicId: 't', partitions }]

const NOTHING = { keep: [], toRelease: [], release: [], claim: [], regain: [], blocked: [] }

describe('a member', () => {
  test('keeps what the claims confirm', () => {
    const claims = [claimOf(0, 'me', 4), claimOf(1, 'me', 1)]
    expect(reconcile('me', share(0, 1), [holding(0, 4), holding(1, 1)], [], claims)).toEqual({
      ...NOTHING,
      keep: claims,
    })
  })

  test('claims what is free, what nobody ever had, and its own that it was not told of', () => {
    const claims = [claimOf(0, null, 4), claimOf(1, 'me', 2)]
    expect(reconcile('me', share(0, 1, 2), [], [], claims)).toEqual({
      ...NOTHING,
      claim: [
        { partition: { topicId: 't', partition: 0 }, expected: claims[0] },
        { partition: { topicId: 't', partition: 1 }, expected: claims[1] },
        { partition: { topicId: 't', partition: 2 }, expected: undefined },
      ],
    })
  })

  test('does not take from another', () => {
    const claims = [claimOf(0, 'you', 4)]
    expect(reconcile('me', share(0), [], [], claims)).toEqual({ ...NOTHING, blocked: claims })
  })

  test('does not keep what another has by now, nor an older generation of what is its own', () => {
    const claims = [claimOf(0, 'you', 5), claimOf(1, 'me', 3), claimOf(2, 'you', 1)]
    const owned = [holding(0, 4), holding(1, 2), holding(2, 1)]
    expect(reconcile('me', share(0, 1), owned, [], claims)).toEqual({
      ...NOTHING,
      claim: [{ partition: { topicId: 't', partition: 1 }, expected: claims[1] }],
      blocked: [claims[0]],
    })
  })

  test('keeps what another is to have until it has let go of it', () => {
    const claims = [claimOf(0, 'me', 4)]
    expect(reconcile('me', [], [holding(0, 4)], [], claims)).toEqual({
      ...NOTHING,
      keep: claims,
      toRelease: claims,
    })
    expect(reconcile('me', [], [], [holding(0, 4)], claims)).toEqual({ ...NOTHING, release: claims })
    expect(reconcile('me', [], [holding(0, 4)], [holding(0, 4)], claims)).toEqual({
      ...NOTHING,
      release: claims,
    })
  })

  test('keeps what it has by an older claim of its own until it has let go of it, by a new one', () => {
    const claims = [claimOf(0, 'me', 4)]
    expect(reconcile('me', [], [holding(0, 3)], [], claims)).toEqual({
      ...NOTHING,
      regain: [{ partition: claims[0], expected: claims[0] }],
    })
    expect(reconcile('me', [], [holding(0, 3)], [holding(0, 3)], claims)).toEqual({
      ...NOTHING,
      release: claims,
    })
    expect(reconcile('me', [], [], [], claims)).toEqual({ ...NOTHING, release: claims })
  })

  test('who has let go of a partition and is to have it after all claims it anew', () => {
    const claims = [claimOf(0, 'me', 4)]
    expect(reconcile('me', share(0), [], [holding(0, 4)], claims)).toEqual({
      ...NOTHING,
      claim: [{ partition: { topicId: 't', partition: 0 }, expected: claims[0] }],
    })
  })

  test('who has let go of a partition earlier keeps what it got since', () => {
    const claims = [claimOf(0, 'me', 6)]
    expect(reconcile('me', share(0), [holding(0, 6)], [holding(0, 4)], claims)).toEqual({
      ...NOTHING,
      keep: claims,
    })
  })

  test('what others let go of or have is none of its business', () => {
    const claims = [claimOf(0, null, 4), claimOf(1, 'you', 1)]
    expect(reconcile('me', [], [], [holding(0, 3), holding(1, 1)], claims)).toEqual(NOTHING)
  })
})

describe('whatever the claims say', () => {
  const someClaims = fc
    .uniqueArray(
      fc.record({
        partition: fc.nat({ max: 7 }),
        owner: fc.constantFrom('me', 'you', null),
        generation: fc.nat({ max: 3 }),
      }),
      { selector: ({ partition }) => partition },
    )
    .map(claims => claims.map(({ partition, owner, generation }) => claimOf(partition, owner, generation)))
  const someHoldings = fc.uniqueArray(
    fc.record({ topicId: fc.constant('t'), partition: fc.nat({ max: 7 }), generation: fc.nat({ max: 3 }) }),
    { selector: partitionKey },
  )

  test('every partition of the share is kept, claimed or blocked, and nothing of others is touched', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 7 })),
        someHoldings,
        someHoldings,
        someClaims,
        (partitions, owned, released, claims) => {
          const plan = reconcile('me', share(...partitions), owned, released, claims)
          const kept = plan.keep
            .filter(claim => !plan.toRelease.includes(claim))
            .map(({ partition }) => partition)
          const claimed = plan.claim.map(({ partition }) => partition.partition)
          const blocked = plan.blocked.map(({ partition }) => partition)
          const inOrder = (numbers: number[]) => numbers.sort((one, other) => one - other)
          expect(inOrder([...kept, ...claimed, ...blocked])).toEqual(inOrder([...partitions]))
          for (const { owner } of [...plan.keep, ...plan.release]) expect(owner).toBe('me')
          for (const { expected } of plan.claim) expect(expected?.owner ?? 'me').toBe('me')
          for (const { expected } of plan.regain) expect(expected.owner).toBe('me')
          for (const { owner } of plan.blocked) expect(owner).toBe('you')
          for (const claim of plan.keep) {
            expect(owned).toContainEqual(holding(claim.partition, claim.generation))
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('who does as it is told owns its share and nothing else once the others have let go', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 7 })),
        someHoldings,
        someClaims,
        (partitions, owned, claims) => {
          const state = new Map(claims.map(claim => [claim.partition, claim]))
          const change = (partition: number, owner: string | null) =>
            state.set(partition, claimOf(partition, owner, (state.get(partition)?.generation ?? 0) + 1))
          for (const claim of claims) if (claim.owner === 'you') change(claim.partition, null)
          let holds = owned as readonly Holding[]
          let lets: readonly Holding[] = []
          for (let beat = 0; beat < 2; beat += 1) {
            const plan = reconcile('me', share(...partitions), holds, lets, [...state.values()])
            for (const { partition } of plan.release) change(partition, null)
            for (const { partition } of [...plan.claim, ...plan.regain]) change(partition.partition, 'me')
            const regained = plan.regain.map(({ partition }) => state.get(partition.partition)!)
            lets = [...plan.toRelease, ...regained]
            holds = [
              ...plan.keep,
              ...plan.claim.map(({ partition }) => state.get(partition.partition)!),
            ].filter(claim => !plan.toRelease.some(({ partition }) => partition === claim.partition))
          }
          const mine = [...state.values()].filter(({ owner }) => owner === 'me')
          expect(new Set(mine.map(({ partition }) => partition))).toEqual(new Set(partitions))
          expect(reconcile('me', share(...partitions), holds, [], mine)).toEqual({
            ...NOTHING,
            keep: mine,
          })
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
