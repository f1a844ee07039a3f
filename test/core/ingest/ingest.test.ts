import { describe, expect, test } from 'vitest'
import {
  advance,
  beginRound,
  firstIngest,
  type Ingest,
  publish,
  publishAnew,
  sweepable,
} from '../../../src/core/ingest/ingest.ts'
import { EPOCH_INTERVAL_MS } from '../../../src/core/limits.ts'

const NOW_MS = 1_750_000_000_000
const DAY_MS = 24 * 60 * 60_000

const ingest = (overrides: Partial<Ingest> = {}): Ingest => ({ ...firstIngest(NOW_MS, 'one'), ...overrides })

describe('the next epoch', () => {
  test('begins an hour after the last one, and not before', () => {
    const first = ingest({ written: 1 })
    expect(advance(first, NOW_MS + EPOCH_INTERVAL_MS - 1)).toBeUndefined()
    expect(advance(first, NOW_MS + EPOCH_INTERVAL_MS)).toEqual({
      ...first,
      epoch: 2,
      advancedMs: NOW_MS + EPOCH_INTERVAL_MS,
    })
    expect(advance(first, NOW_MS + 5, 5)).toMatchObject({ epoch: 2 })
  })

  test('is not held up by a clock that was far ahead', () => {
    expect(advance(ingest({ written: 1, advancedMs: NOW_MS + 1_000 * DAY_MS }), NOW_MS)).toMatchObject({
      epoch: 2,
    })
  })

  test('begins no more once two have passed in which nobody has seen an object', () => {
    let state = ingest({ written: 4 })
    const epochs: number[] = []
    for (let hour = 1; hour < 20; hour += 1) {
      state = advance(state, NOW_MS + hour * EPOCH_INTERVAL_MS) ?? state
      epochs.push(state.epoch)
    }
    expect(epochs.at(-1)).toBe(7)
    // So a round can drain the last one that was written.
    expect(beginRound(state, NOW_MS + DAY_MS, DAY_MS)).toMatchObject({ floor: 5 })
  })
})

describe('a round', () => {
  test('drains all but the newest epochs, at the beginning of the topics', () => {
    expect(beginRound(ingest({ epoch: 9, stuck: ['a#1'] }), NOW_MS, DAY_MS)).toMatchObject({
      floor: 7,
      cursor: '',
      stuck: [],
      roundMs: NOW_MS,
      drained: 0,
    })
  })

  test.each<[string, Partial<Ingest>]>([
    ['the store is young', { epoch: 2 }],
    ['one is under way', { epoch: 9, cursor: 'orders' }],
    ['the last one was not long ago', { epoch: 9, roundMs: NOW_MS - DAY_MS + 1 }],
    ['all of it is drained', { epoch: 9, floor: 7, drained: 7 }],
  ])('does not begin where %s', (_, overrides) => {
    expect(beginRound(ingest(overrides), NOW_MS, DAY_MS)).toBeUndefined()
  })

  test('is published at its end, unless something was stuck: then it is gone through again', () => {
    const running = beginRound(ingest({ epoch: 9, drained: 3, drainedMs: 5 }), NOW_MS, DAY_MS)!
    expect(publish(running, NOW_MS + 9)).toEqual({
      ...running,
      cursor: null,
      drained: 7,
      drainedMs: NOW_MS + 9,
    })
    const stuck = { ...running, stuck: ['a#1'] }
    const ended = publish(stuck, NOW_MS + 9)!
    expect(ended).toEqual({ ...stuck, cursor: null })
    expect(beginRound(ended, NOW_MS + DAY_MS, DAY_MS)).toMatchObject({ floor: 7, cursor: '', stuck: [] })
    expect(publish(ended, NOW_MS)).toBeUndefined()
  })
})

describe('what may be deleted', () => {
  const drained = ingest({ epoch: 9, floor: 7, drained: 7, drainedMs: NOW_MS, swept: 3 })

  test('is what was drained a grace ago, and before that what was swept already', () => {
    expect(sweepable(drained, NOW_MS + 99, 100)).toBe(3)
    expect(sweepable(drained, NOW_MS + 100, 100)).toBe(7)
    expect(sweepable({ ...drained, swept: 7 }, NOW_MS + 100, 100)).toBe(7)
    expect(sweepable(ingest(), NOW_MS + DAY_MS, 100)).toBe(0)
  })

  test('is published anew where a clock that was wrong has put that off', () => {
    const ahead = { ...drained, drainedMs: NOW_MS + 365 * DAY_MS }
    expect(publishAnew(drained, NOW_MS, 100)).toBeUndefined()
    expect(publishAnew(drained, NOW_MS - 100, 100)).toBeUndefined()
    expect(publishAnew(ahead, NOW_MS, 100)).toEqual(drained)
    expect(publishAnew({ ...ahead, swept: 7 }, NOW_MS, 100)).toBeUndefined()
  })

  test('is nothing while an index that was made anew may not know of it', () => {
    expect(sweepable({ ...drained, heldBelow: 7 }, NOW_MS + DAY_MS, 100)).toBe(0)
  })
})
