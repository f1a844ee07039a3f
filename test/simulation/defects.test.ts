import { expect, test } from 'vitest'
import { actorsNamed } from './actors/index.ts'
import { DEFECTS } from './defects.ts'
import { runSeeds } from './run-seeds.ts'

test.each(Object.entries(DEFECTS))('it is noticed when %s', { timeout: 300_000 }, async (_, defect) => {
  const { actors, seeds, message } = defect
  const { failure } = await runSeeds(1, seeds, { actors: actorsNamed(actors), defect })
  expect(failure?.error.message).toMatch(message)
})

test('only those take part who are named', () => {
  expect(actorsNamed(['members', 'topics']).map(({ name }) => name)).toEqual(['topics', 'members'])
  expect(() => actorsNamed(['nobody'])).toThrow('"nobody" is none of')
})
