import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Offset, toOffset } from '../../../src/core/numbers.ts'
import type { Progress } from '../../../src/core/trigger/progress.ts'
import {
  decide,
  isExhausted,
  type Judged,
  pauseMs,
  type RetryRules,
} from '../../../src/core/trigger/retry.ts'

const NOW_MS = 5_000
const PLAIN: RetryRules = { retries: 2, bisects: false }
const BISECTING: RetryRules = { retries: 2, bisects: true }
const THROWN: Judged = { kind: 'failed', error: 'Error: no', firstFailed: null }

function offsets(...numbers: number[]): Offset[] {
  return numbers.map(toOffset)
}

const BATCH = { offsets: offsets(10, 11, 12, 13, 14), end: toOffset(17) }

function progressOf(given: Partial<Progress>): Progress {
  return { attempts: 0, failures: 0, sinceMs: 1_000, ends: [], error: 'Error: before', ...given }
}

function named(offset: number): Judged {
  return { kind: 'failed', error: 'Error: that one', firstFailed: toOffset(offset) }
}

describe('after a call', () => {
  test('that succeeded, everything before the batch’s end is committed', () => {
    expect(decide(PLAIN, BATCH, null, { kind: 'done' }, NOW_MS)).toEqual({
      kind: 'go on',
      commitTo: 17,
      progress: null,
    })
  })

  test('that succeeded, what else was taken apart is still to do, with no attempts', () => {
    const progress = progressOf({ attempts: 2, failures: 4, ends: offsets(17, 20, 30) })
    expect(decide(PLAIN, BATCH, progress, { kind: 'done' }, NOW_MS)).toEqual({
      kind: 'go on',
      commitTo: 17,
      progress: progressOf({ ends: offsets(20, 30) }),
    })
  })

  test('that failed, the same batch is tried again after a pause', () => {
    const first = decide(PLAIN, BATCH, null, THROWN, NOW_MS)
    const noted = progressOf({
      attempts: 1,
      failures: 1,
      sinceMs: NOW_MS,
      ends: offsets(17),
      error: 'Error: no',
    })
    expect(first).toEqual({ kind: 'wait', commitTo: 10, progress: noted })
    const second = decide(PLAIN, BATCH, noted, THROWN, NOW_MS + 1_000)
    expect(second).toEqual({ kind: 'wait', commitTo: 10, progress: { ...noted, attempts: 2, failures: 2 } })
  })

  test('that failed once more than it may, the batch is given up', () => {
    const progress = progressOf({ attempts: 2, failures: 2, ends: offsets(17, 20) })
    const untold = progressOf({ attempts: 3, failures: 3, ends: offsets(17, 20), error: 'Error: no' })
    expect(decide(PLAIN, BATCH, progress, THROWN, NOW_MS)).toEqual({
      kind: 'give up',
      from: 10,
      commitTo: 17,
      progress: { ...untold, attempts: 0, failures: 0, ends: offsets(20) },
      untold,
    })
    expect(isExhausted(untold, 2)).toBe(true)
    expect(isExhausted(progress, 2)).toBe(false)
  })

  test('that failed, a batch without limits is tried for ever', () => {
    const progress = progressOf({ attempts: 1_000_000, ends: offsets(17) })
    expect(decide({ retries: null, bisects: false }, BATCH, progress, THROWN, NOW_MS).kind).toBe('wait')
    expect(isExhausted(progress, null)).toBe(false)
  })

  test('that did not reach the function, no attempt is counted', () => {
    const progress = progressOf({ attempts: 2, failures: 7, ends: offsets(17, 20) })
    const judged: Judged = { kind: 'not-called', error: 'throttled' }
    expect(decide(PLAIN, BATCH, progress, judged, NOW_MS)).toEqual({
      kind: 'wait',
      commitTo: 10,
      progress: { ...progress, failures: 8, error: 'throttled' },
    })
  })

  test('that named a record, what is before it is committed, and it has failed once', () => {
    const progress = progressOf({ attempts: 2, failures: 2, ends: offsets(17) })
    expect(decide(PLAIN, BATCH, progress, named(12), NOW_MS)).toEqual({
      kind: 'wait',
      commitTo: 12,
      progress: progressOf({ attempts: 1, failures: 1, ends: offsets(17), error: 'Error: that one' }),
    })
  })

  test('that named the same record too often, that one alone is given up', () => {
    const progress = progressOf({ attempts: 2, failures: 2, ends: offsets(17) })
    const untold = progressOf({ attempts: 3, failures: 3, ends: offsets(11, 17), error: 'Error: that one' })
    expect(decide(PLAIN, BATCH, progress, named(10), NOW_MS)).toEqual({
      kind: 'give up',
      from: 10,
      commitTo: 11,
      progress: { ...untold, attempts: 0, failures: 0, ends: offsets(17) },
      untold,
    })
  })

  test('a batch of several is halved, which counts as no attempt', () => {
    expect(decide(BISECTING, BATCH, null, THROWN, NOW_MS)).toEqual({
      kind: 'go on',
      commitTo: 10,
      progress: progressOf({ sinceMs: NOW_MS, ends: offsets(13, 17), error: 'Error: no' }),
    })
  })

  test('a record that was named stands alone at once', () => {
    const progress = progressOf({ ends: offsets(17, 30) })
    expect(decide(BISECTING, BATCH, progress, named(11), NOW_MS)).toEqual({
      kind: 'go on',
      commitTo: 11,
      progress: progressOf({ ends: offsets(12, 17, 30), error: 'Error: that one' }),
    })
  })

  test('what stands alone is not halved', () => {
    const one = { offsets: offsets(10), end: toOffset(17) }
    expect(decide(BISECTING, one, null, THROWN, NOW_MS).kind).toBe('wait')
    expect(decide(BISECTING, BATCH, null, named(14), NOW_MS)).toMatchObject({ kind: 'wait', commitTo: 14 })
  })
})

/** Calls a function that fails on some records until everything is dealt with; tells what became of each. */
function deliver(rules: RetryRules, count: number, poisoned: ReadonlySet<number>, names: boolean) {
  const succeeded: number[] = []
  const givenUp: number[] = []
  let calls = 0
  let progress: Progress | null = null
  for (let position = 0; position < count; ) {
    const end = progress?.ends[0] ?? toOffset(count)
    const batch = { offsets: offsets(...range(position, end)), end }
    calls += 1
    const first = batch.offsets.find(offset => poisoned.has(offset))
    const judged: Judged =
      first === undefined
        ? { kind: 'done' }
        : { kind: 'failed', error: 'Error: no', firstFailed: names ? first : null }
    const decision = decide(rules, batch, progress, judged, NOW_MS)
    const over = judged.kind === 'done' || names ? decision : undefined
    if (decision.kind === 'give up') {
      succeeded.push(...range(position, decision.from))
      givenUp.push(...range(decision.from, decision.commitTo))
    } else if (over) succeeded.push(...range(position, over.commitTo))
    position = decision.commitTo
    progress = decision.progress
    if (calls > 10_000) throw new Error('it does not end')
  }
  return { succeeded, givenUp, calls, progress }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
}

describe('until everything is dealt with', () => {
  const cases = fc.record({
    count: fc.integer({ min: 1, max: 60 }),
    poison: fc.array(fc.nat(59), { maxLength: 8 }),
    retries: fc.integer({ min: 0, max: 3 }),
    bisects: fc.boolean(),
    names: fc.boolean(),
  })

  test('each record succeeds or is given up, in order, and what fails is given up', () => {
    fc.assert(
      fc.property(cases, ({ count, poison, retries, bisects, names }) => {
        const poisoned = new Set(poison.filter(offset => offset < count))
        const { succeeded, givenUp, progress } = deliver({ retries, bisects }, count, poisoned, names)
        expect([...succeeded, ...givenUp].sort((one, other) => one - other)).toEqual(range(0, count))
        expect(progress).toBeNull()
        // Where the culprit can be found, it is the only one that is given up.
        const culprits = [...poisoned].sort((one, other) => one - other)
        if (bisects || names) expect(givenUp).toEqual(culprits)
        else expect(givenUp).toEqual(expect.arrayContaining(culprits))
      }),
    )
  })

  test('one record of a hundred is found by halving, and tried as often as it may be', () => {
    const { givenUp, calls } = deliver({ retries: 2, bisects: true }, 100, new Set([37]), false)
    expect(givenUp).toEqual([37])
    // 7 halvings, 3 tries, and 7 parts that are without fault.
    expect(calls).toBeLessThanOrEqual(17)
  })
})

describe('the pause', () => {
  test('doubles from a second to a minute, less up to half of it', () => {
    expect([1, 2, 3, 6, 7, 8, 1_000].map(failures => pauseMs(failures, 0))).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000,
    ])
    expect(pauseMs(3, 0.5)).toBe(3_000)
    expect(pauseMs(3, 0.9999)).toBeGreaterThanOrEqual(2_000)
  })
})
