import { describe, expect, test } from 'vitest'
import answers from './oracle/answers.json' with { type: 'json' }
import differences from './oracle/differences.json' with { type: 'json' }
import { type Answer, answerOf, signOf, type Table } from './oracle/ours.ts'

/** What event-ruler 2.1.0 answered, and oracle/compare.ts wrote down. */
const TABLE: Table = answers
const DIFFERENT = differences as unknown as readonly {
  reason: string
  cases: readonly (readonly [pattern: string, event: string, theirs: Answer, ours: Answer])[]
}[]

describe("event-ruler's answers are ours", () => {
  test.each(
    TABLE.map(({ events, answers }, index) => [
      index,
      Object.keys(answers).length,
      events.length,
      events,
      answers,
    ]),
  )('table %i: %i patterns, each with %i events', (_, __, ___, events, answers) => {
    const asked = events as string[]
    const ours = Object.keys(answers).map(pattern => [
      pattern,
      asked.map(event => signOf(answerOf(pattern, event))).join(''),
    ])
    expect(Object.fromEntries(ours)).toEqual(answers)
  })

  test('there are very many', () => {
    const count = TABLE.reduce(
      (sum, { events, answers }) => sum + events.length * Object.keys(answers).length,
      0,
    )
    expect(count).toBeGreaterThan(30_000)
  })
})

describe('where ours is another:', () => {
  test.each(DIFFERENT.map(({ reason, cases }) => [reason, cases] as const))('%s', (_, cases) => {
    const asked = cases.map(([pattern, event, theirs]) => [pattern, event, theirs, answerOf(pattern, event)])
    expect(asked).toEqual(cases)
    expect(cases.filter(([, , theirs, ours]) => theirs !== ours)).not.toEqual([])
  })
})
