import { describe, expect, test } from 'vitest'
import { applyCommit, applyOwner } from '../../../src/core/group/claim.ts'
import { advance } from '../../../src/core/numbers.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { runTriggerSeeds } from './run-trigger-seeds.ts'
import { runTriggerWorld, type TriggerParts } from './trigger-world.ts'

/** `npm run test:simulation:triggers` runs 5,000. */
const SEEDS = 120
/** How many seeds something broken may survive at most. */
const SEEDS_TO_CATCH = 60

async function failureWith(parts: TriggerParts): Promise<string | undefined> {
  return (await runTriggerSeeds(1, SEEDS_TO_CATCH, parts)).failure?.error.message
}

describe('triggers under crashes, lost wake-ups, failing functions, pauses and resets', () => {
  test(`deliver everything in order, over ${SEEDS} seeds`, { timeout: 600_000 }, async () => {
    const { failure, total } = await runTriggerSeeds(1, SEEDS)
    expect(failure && `seed ${failure.seed}: ${failure.error.message}`).toBeUndefined()
    // The runs were not idle.
    expect(total.records).toBeGreaterThan(SEEDS * 80)
    expect(total.calls).toBeGreaterThan(SEEDS * 80)
    expect(total.repeats).toBeGreaterThan(SEEDS)
    expect(total.told).toBeGreaterThan(SEEDS * 5)
    expect(total.resets).toBeGreaterThan(SEEDS / 2)
    expect(total.crashes).toBeGreaterThan(SEEDS)
  })

  test('replay any seed', async () => {
    for (const seed of [7, 123]) expect(await runTriggerWorld(seed)).toEqual(await runTriggerWorld(seed))
  })

  test('are caught when more is committed than was dealt with', async () => {
    const wrapGroups = (groups: GroupStore) => {
      const commit: GroupStore['commit'] = (groupId, partition, committed, by, seenMs) => {
        const ahead = { ...committed, offset: advance(committed.offset, committed.metadata === '' ? 0 : 1) }
        return groups.commit(groupId, partition, ahead, by, seenMs)
      }
      return new Proxy(groups, {
        get: (_, name) => (name === 'commit' ? commit : Reflect.get(groups, name, groups)),
      })
    }
    expect(await failureWith({ wrapGroups })).toMatch(/^(lost|stalled)/)
  })

  test('are caught when a commit does not look at what was committed since', async () => {
    const claimDecisions: TriggerParts['claimDecisions'] = {
      applyOwner,
      applyCommit: (partition, standing, committed, by) =>
        applyCommit(partition, standing, committed, by, standing?.committed?.committedMs ?? null),
    }
    expect(await failureWith({ claimDecisions })).toMatch(/^back/)
  })

  test('are caught when what is given up is committed and told to nobody', async () => {
    const wrapFailures = () => ({ send: async () => {} })
    expect(await failureWith({ wrapFailures })).toMatch(/^lost/)
  })

  test('are caught when a queue takes a later wake-up for a repeated one', async () => {
    const dedupeKeyOf: TriggerParts['dedupeKeyOf'] = ({ triggerId, partition }) =>
      `${triggerId}#${partitionKey(partition)}`
    expect(await failureWith({ dedupeKeyOf })).toMatch(/^late/)
  })
})
