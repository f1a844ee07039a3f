import { describe, expect, test } from 'vitest'
import { applyAppend } from '../../src/core/log/changes/append.ts'
import { applyTrim } from '../../src/core/log/changes/trim-tail.ts'
import type { ProducerRun } from '../../src/core/log/producers/producer-run.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { RETIREMENT_DEFECTS } from './defects.ts'
import { runSeeds } from './run-seeds.ts'
import { runWorld } from './world.ts'

const SEEDS = 3_000
/** How many seeds a broken protocol may survive at most. */
const SEEDS_TO_CATCH = 500
/** As before, where several rare things must come together. */
const SEEDS_TO_CATCH_RARE = 3_000

describe('the append protocol under crashes and ambiguous time-outs', () => {
  test(`keeps its promises over ${SEEDS} seeds`, { timeout: 900_000 }, async () => {
    const { failure, total } = await runSeeds(1, SEEDS)
    expect(failure && `seed ${failure.seed}: ${failure.error.message}`).toBeUndefined()
    // The runs were not idle.
    expect(total.acknowledged).toBeGreaterThan(SEEDS * 20)
    expect(total.unknown).toBeGreaterThan(SEEDS)
    expect(total.crashes).toBeGreaterThan(SEEDS)
    expect(total.returns).toBeGreaterThan(SEEDS)
    expect(total.repetitions).toBeGreaterThan(SEEDS)
  })

  test('replays any seed', async () => {
    for (const seed of [7, 1234]) expect(await runWorld(seed)).toEqual(await runWorld(seed))
  })

  test('is caught without the condition tailOffset <= seen', async () => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH, {
      decisions: {
        // Any tail passes for one that shows everything since.
        applyAppend: (head, entry, _, newcomers) =>
          applyAppend(head, entry, toOffset(Number.MAX_SAFE_INTEGER), newcomers),
      },
    })
    expect(failure?.error.message).toMatch(/doubled/)
  })

  test('is caught without looking for the entry in the tail', async () => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH, {
      decisions: {
        applyAppend: (head, entry, seen, newcomers) => {
          const changed = applyAppend({ ...head, tail: [] }, entry, seen, newcomers)
          return changed && { ...changed, tail: [...head.tail, entry] }
        },
      },
    })
    expect(failure?.error.message).toMatch(/doubled|stands in the tail twice/)
  })

  test('is caught when an append does not look at what its producer has sent before', async () => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH, {
      decisions: {
        applyAppend: (head, entry, seen) => applyAppend(head, { ...entry, producers: [] }, seen),
      },
    })
    expect(failure?.error.message).toMatch(/doubled|moved|come after epoch/)
  })

  test('is caught when an append takes what a producer of a lower epoch sends', async () => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH, {
      decisions: {
        applyAppend: (head, entry, seen, newcomers) => {
          const isFenced = ({ producerId, epoch }: ProducerRun) =>
            epoch < (head.producers.get(producerId)?.epoch ?? 0)
          const producers = entry.producers.filter(run => !isFenced(run))
          const changed = applyAppend(head, { ...entry, producers }, seen, newcomers)
          return changed && { ...changed, tail: [...head.tail, entry] }
        },
      },
    })
    expect(failure?.error.message).toMatch(/come after epoch|a repetition of/)
  })

  test("is caught when a cut forgets a producer's last runs", async () => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH, {
      decisions: {
        applyTrim: (head, block, changes) => {
          const trimmed = applyTrim(head, block, changes)
          return trimmed && { ...trimmed, producers: new Map() }
        },
      },
    })
    expect(failure?.error.message).toMatch(/doubled|moved|come after epoch/)
  })

  test('is caught when a trim does not look whether somebody was faster', async () => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH, {
      decisions: {
        applyTrim: (head, block, changes) =>
          applyTrim({ ...head, tailOffset: block.baseOffset }, block, changes),
      },
    })
    expect(failure).toBeDefined()
  })

  test.each(Object.keys(RETIREMENT_DEFECTS))('is caught where %s', { timeout: 300_000 }, async name => {
    const { failure } = await runSeeds(1, SEEDS_TO_CATCH_RARE, RETIREMENT_DEFECTS[name])
    expect(failure?.error.message).toMatch(
      /doubled|moved|come after epoch|a repetition of|sent again and again/,
    )
  })
})
