import { describe, expect, test } from 'vitest'
import { ACTORS, actorsNamed } from './actors/index.ts'
import { DEFECTS, LOG_ACTORS } from './defects.ts'
import { runSeeds } from './run-seeds.ts'
import { runWorld } from './world.ts'

const EVERYBODY = ACTORS.map(({ name }) => name)

/** Runs of those who take part, over so many seeds; and how often each thing happens in each of them, at least. */
interface Narrowed {
  readonly actors: readonly string[]
  readonly seeds: number
  readonly atLeast: Readonly<Record<string, number>>
}

const WORLDS: Readonly<Record<string, Narrowed>> = {
  'one topic’s log': {
    actors: LOG_ACTORS,
    seeds: 3_000,
    atLeast: { acknowledged: 20, unknown: 1, crashes: 1, returns: 1, repetitions: 1 },
  },
  'topics that are made and deleted': {
    actors: ['topics', 'writers', 'readers', 'deletions', 'flushes'],
    seeds: 1_000,
    atLeast: { made: 1, deleted: 1, acknowledged: 5, crashes: 1, sleeps: 1 },
  },
  'a group': {
    actors: ['members'],
    seeds: 2_000,
    atLeast: { changes: 10, commits: 20, fenced: 0.5, removals: 0.1, crashes: 1, epochs: 5 },
  },
  triggers: {
    actors: ['triggers'],
    seeds: 120,
    atLeast: { appended: 80, calls: 80, repeats: 1, told: 5, resets: 0.5, crashes: 1 },
  },
  'all of it': {
    actors: EVERYBODY,
    seeds: 60,
    atLeast: { made: 1, acknowledged: 20, changes: 10, calls: 80, sleeps: 1 },
  },
}

describe.each(Object.entries(WORLDS))('a world of %s', (_, { actors, seeds, atLeast }) => {
  test(`keeps its promises over ${seeds} seeds`, { timeout: 900_000 }, async () => {
    const { failure, total } = await runSeeds(1, seeds, { actors: actorsNamed(actors) })
    expect(failure && `seed ${failure.seed}: ${failure.error.message}`).toBeUndefined()
    // The runs were not idle.
    for (const [what, number] of Object.entries(atLeast)) {
      expect(total[what] ?? 0, what).toBeGreaterThan(seeds * number)
    }
  })

  test('goes the same way twice, byte for byte, with the same seed', async () => {
    for (const seed of [7, 1234]) {
      const whole: string[] = []
      const options = { actors: actorsNamed(actors), print: (line: string) => whole.push(line) }
      const first = await runWorld(seed, options)
      const lines = whole.splice(0)
      expect(await runWorld(seed, options)).toEqual(first)
      expect(whole).toEqual(lines)
    }
  })
})

test.each(Object.entries(DEFECTS))('it is noticed when %s', { timeout: 300_000 }, async (_, defect) => {
  const { actors, seeds, message } = defect
  const { failure } = await runSeeds(1, seeds, { actors: actorsNamed(actors), defect })
  expect(failure?.error.message).toMatch(message)
})

test('only those take part who are named', async () => {
  expect(actorsNamed(['members', 'topics']).map(({ name }) => name)).toEqual(['topics', 'members'])
  expect(() => actorsNamed(['nobody'])).toThrow('"nobody" is none of')
})
