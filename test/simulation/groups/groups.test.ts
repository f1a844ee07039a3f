import { describe, expect, test } from 'vitest'
import { applyCommit, applyOwner } from '../../../src/core/group/claim.ts'
import type { ClaimDecisions } from './group-world.ts'
import { runGroupWorld } from './group-world.ts'
import { runGroupSeeds } from './run-group-seeds.ts'

/** `npm run test:simulation:groups` runs 10,000. */
const SEEDS = 2_000
/** How many seeds a broken protocol may survive at most. */
const SEEDS_TO_CATCH = 100

async function failureWith(broken: Partial<ClaimDecisions>): Promise<string | undefined> {
  const { failure } = await runGroupSeeds(1, SEEDS_TO_CATCH, { applyOwner, applyCommit, ...broken })
  return failure?.error.message
}

describe('groups under crashes, lost messages, zombies and clocks that differ', () => {
  test(`have one owner at a time and settle, over ${SEEDS} seeds`, { timeout: 900_000 }, async () => {
    const { failure, total } = await runGroupSeeds(1, SEEDS)
    expect(failure && `seed ${failure.seed}: ${failure.error.message}`).toBeUndefined()
    // The runs were not idle.
    expect(total.changes).toBeGreaterThan(SEEDS * 10)
    expect(total.commits).toBeGreaterThan(SEEDS * 20)
    expect(total.fenced).toBeGreaterThan(SEEDS / 2)
    expect(total.removals).toBeGreaterThan(SEEDS / 10)
    expect(total.crashes).toBeGreaterThan(SEEDS)
    expect(total.epochs).toBeGreaterThan(SEEDS * 5)
  })

  test('replay any seed', async () => {
    for (const seed of [7, 123]) expect(await runGroupWorld(seed)).toEqual(await runGroupWorld(seed))
  })

  test('are caught when a commit does not look whose the partition is', async () => {
    const message = await failureWith({
      applyCommit: (partition, standing, committed, _, seenMs) =>
        applyCommit(
          partition,
          standing,
          committed,
          standing?.owner ? { owner: standing.owner, generation: standing.generation } : 'unowned',
          seenMs,
        ),
    })
    expect(message).toMatch(/^fenced/)
  })

  test('are caught when a commit looks at the owner, but not at the generation', async () => {
    const message = await failureWith({
      applyCommit: (partition, standing, committed, by, seenMs) =>
        applyCommit(
          partition,
          standing,
          committed,
          by === 'unowned' || !standing ? by : { ...by, generation: standing.generation },
          seenMs,
        ),
    })
    expect(message).toMatch(/^fenced/)
  })

  test('are caught when a commit does not look at what was committed since', async () => {
    const message = await failureWith({
      applyCommit: (partition, standing, committed, by) =>
        applyCommit(partition, standing, committed, by, standing?.committed?.committedMs ?? null),
    })
    expect(message).toMatch(/^back/)
  })

  test('are caught when an owner is set whoever owns it', async () => {
    const message = await failureWith({
      applyOwner: (partition, standing, owner) => applyOwner(partition, standing, owner, standing),
    })
    expect(message).toMatch(/^two owners/)
  })

  test('are caught when a new owner does not get a generation of its own', async () => {
    const message = await failureWith({
      applyOwner: (partition, standing, owner, expected) => {
        const claim = applyOwner(partition, standing, owner, expected)
        return claim && { ...claim, generation: Math.max(1, standing?.generation ?? 0) }
      },
    })
    expect(message).toMatch(/^two owners/)
  })

  test('are caught when a group that was deleted counts generations anew', async () => {
    const message = await failureWith({
      applyOwner: (partition, standing, owner, expected) => applyOwner(partition, standing, owner, expected),
    })
    expect(message).toMatch(/^two owners/)
  })
})
