import { describe, expect, test } from 'vitest'
import { actorsNamed } from './actors/index.ts'
import { runSeeds } from './run-seeds.ts'
import { runWorld } from './world.ts'

/** Runs of those who take part, over so many seeds; and how often each thing happens in each of them, at least. */
export interface CheckedWorld {
  readonly actors: readonly string[]
  readonly seeds: number
  readonly days?: number
  readonly atLeast: Readonly<Record<string, number>>
}

/** The tests of a world: it keeps its promises, and a seed replays. */
export function checkWorld(name: string, { actors, seeds, days = 1, atLeast }: CheckedWorld): void {
  describe(`a world of ${name}`, () => {
    test(`keeps its promises over ${seeds} seeds`, { timeout: 900_000 }, async () => {
      const { failure, total } = await runSeeds(1, seeds, { actors: actorsNamed(actors), days })
      expect(failure && `seed ${failure.seed}: ${failure.error.message}`).toBeUndefined()
      // The runs were not idle.
      for (const [what, number] of Object.entries(atLeast)) {
        expect(total[what] ?? 0, what).toBeGreaterThan(seeds * number)
      }
    })

    test('goes the same way twice, byte for byte, with the same seed', async () => {
      for (const seed of [7, 1234]) {
        const lines: string[] = []
        const options = { actors: actorsNamed(actors), days, print: (line: string) => lines.push(line) }
        const first = await runWorld(seed, options)
        const before = lines.splice(0)
        expect(await runWorld(seed, options)).toEqual(first)
        expect(lines).toEqual(before)
      }
    })
  })
}
