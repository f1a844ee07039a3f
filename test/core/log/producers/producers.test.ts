import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ENTRY_PRODUCERS_MAX,
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_SILENT_MS_MAX,
  PRODUCERS_KEPT_MAX,
  PRODUCERS_RETIRED_MAX,
} from '../../../../src/core/limits.ts'
import { applyAppend, applySequences, NO_NEWCOMERS } from '../../../../src/core/log/changes/append.ts'
import { mergeRetired } from '../../../../src/core/log/changes/put-producer.ts'
import { applyTrim } from '../../../../src/core/log/changes/trim-tail.ts'
import type { IndexEntry } from '../../../../src/core/log/entry.ts'
import { EMPTY_HEAD, type Head } from '../../../../src/core/log/head.ts'
import { type FlushedProducer, stateOf } from '../../../../src/core/log/producers/flushed-producer.ts'
import { foldProducers } from '../../../../src/core/log/producers/fold-producers.ts'
import { judgeRun } from '../../../../src/core/log/producers/judge-run.ts'
import type { ProducerRun } from '../../../../src/core/log/producers/producer-run.ts'
import {
  conditionOf,
  type ProducerState,
  packState,
  sequenceSteps,
  unpackState,
} from '../../../../src/core/log/producers/producer-state.ts'
import { countToFlush, makeBlock } from '../../../../src/core/log/tail.ts'
import { advance, toOffset } from '../../../../src/core/numbers.ts'
import { NOTHING_MOVED } from '../../../conformance/samples.ts'
import { exampleObjectEntry } from '../arbitraries.ts'

const LAST_SEQUENCE = 2 ** 31 - 1

const run = (sequence: number, overrides: Partial<ProducerRun> = {}): ProducerRun => ({
  producerId: 7n,
  epoch: 0,
  sequence,
  records: 10,
  spanBefore: 0,
  ...overrides,
})

let nextNumber = 0
const entryOf = (...producers: ProducerRun[]): IndexEntry => {
  nextNumber += 1
  const records = producers.reduce((sum, each) => sum + each.records, 0) || 1
  return exampleObjectEntry(nextNumber, { producers, span: records })
}

/** All of an entry's producers, for a writer who has looked them up. */
const idsOf = ({ producers }: IndexEntry) => new Set(producers.map(({ producerId }) => producerId))

/** A log that took all of these, or the index of the one that it refused. */
function headWith(entries: readonly IndexEntry[], from = EMPTY_HEAD): Head {
  return entries.reduce((head, entry) => {
    const changed = applyAppend(head, entry, head.nextOffset, idsOf(entry))
    if (!changed) throw new Error('refused')
    return changed
  }, from)
}

function flushed(head: Head, count: number): Head {
  const block = makeBlock(head, head.tail.slice(0, count))
  return applyTrim(head, block, foldProducers(head, block), NOTHING_MOVED)!
}

/** From a writer who has looked up all of the producers. */
function takes(head: Head, ...producers: ProducerRun[]): boolean {
  const entry = entryOf(...producers)
  return applyAppend(head, entry, head.nextOffset, idsOf(entry)) !== undefined
}

describe('a log', () => {
  test('takes what follows on what it has of a producer, and nothing else', () => {
    const head = headWith([entryOf(run(0)), entryOf(run(10))])
    expect(takes(head, run(20))).toBe(true)
    for (const sequence of [0, 10, 11, 19, 21, 30])
      expect([sequence, takes(head, run(sequence))]).toEqual([sequence, false])
    expect(takes(head, run(0, { producerId: 8n }))).toBe(true)
  })

  test('takes a producer that it does not know anywhere in its sequence, from a writer who has looked', () => {
    expect(takes(EMPTY_HEAD, run(500))).toBe(true)
    for (const sequence of [0, 500]) {
      const entry = entryOf(run(sequence))
      expect(applyAppend(EMPTY_HEAD, entry, EMPTY_HEAD.nextOffset)).toBeUndefined()
      expect(applyAppend(EMPTY_HEAD, entry, EMPTY_HEAD.nextOffset, new Set([8n]))).toBeUndefined()
    }
  })

  test('takes a higher epoch from 0 on, and then no lower one', () => {
    const head = headWith([entryOf(run(0)), entryOf(run(0, { epoch: 3 }))])
    expect(takes(head, run(10, { epoch: 3 }))).toBe(true)
    expect(takes(head, run(10))).toBe(false)
    expect(takes(head, run(5, { epoch: 4 }))).toBe(false)
    expect(judgeRun(head, run(10))).toEqual({ kind: 'fenced', epoch: 3 })
    expect(judgeRun(head, run(5, { epoch: 4 }))).toEqual({ kind: 'gap', expected: 0 })
    expect(judgeRun(head, run(0, { epoch: 4 }))).toEqual({ kind: 'next' })
  })

  test('goes on with 0 after the last number', () => {
    const head = headWith([entryOf(run(LAST_SEQUENCE - 9))])
    expect(head.producers.get(7n)).toEqual({ epoch: 0, lastSequence: LAST_SEQUENCE })
    expect(takes(head, run(0))).toBe(true)
    const across = headWith([entryOf(run(LAST_SEQUENCE - 4))])
    expect(across.producers.get(7n)).toEqual({ epoch: 0, lastSequence: 4 })
    expect(judgeRun(across, run(LAST_SEQUENCE - 20))).toEqual({ kind: 'skipped', expected: 5 })
    expect(judgeRun(across, run(LAST_SEQUENCE - 4, { records: 5 }))).toEqual({ kind: 'old' })
    expect(judgeRun(across, run(LAST_SEQUENCE, { records: 7 }))).toEqual({ kind: 'skipped', expected: 5 })
    expect(judgeRun(across, run(6))).toEqual({ kind: 'gap', expected: 5 })
  })

  test('takes several runs of several producers as one entry, whole or not at all', () => {
    const head = headWith([
      entryOf(run(0), run(10, { spanBefore: 10 }), run(0, { producerId: 8n, spanBefore: 20 })),
    ])
    expect([...head.producers]).toEqual([
      [7n, { epoch: 0, lastSequence: 19 }],
      [8n, { epoch: 0, lastSequence: 9 }],
    ])
    expect(takes(head, run(20), run(20, { producerId: 8n }))).toBe(false)
    expect(takes(head, run(20), run(31))).toBe(false)
    expect(takes(head, run(20), run(10, { producerId: 8n }))).toBe(true)
  })
})

describe('a repetition', () => {
  test('is told where it stands: in the tail, in blocks, after further flushes', () => {
    let head = headWith([
      entryOf(run(0)),
      entryOf(run(0, { producerId: 8n, records: 3 }), run(10, { spanBefore: 3 })),
      entryOf(run(20)),
    ])
    const check = () => {
      expect(judgeRun(head, run(0))).toEqual({ kind: 'duplicate', baseOffset: 0 })
      expect(judgeRun(head, run(0, { producerId: 8n, records: 3 }))).toEqual({
        kind: 'duplicate',
        baseOffset: 10,
      })
      expect(judgeRun(head, run(10))).toEqual({ kind: 'duplicate', baseOffset: 13 })
      expect(judgeRun(head, run(20))).toEqual({ kind: 'duplicate', baseOffset: 23 })
      expect(judgeRun(head, run(30))).toEqual({ kind: 'next' })
    }
    check()
    for (let left = 3; left > 0; left -= 1) {
      head = flushed(head, 1)
      expect(head.tail).toHaveLength(left - 1)
      check()
    }
  })

  test('that lies too far back is known to be one, and not where it stands', () => {
    const entries = Array.from({ length: PRODUCER_ENTRIES_KEPT + 1 }, (_, index) => entryOf(run(index * 10)))
    const head = flushed(headWith(entries), entries.length)
    expect(head.flushedProducers.get(7n)?.runs).toHaveLength(PRODUCER_ENTRIES_KEPT)
    expect(judgeRun(head, run(0))).toEqual({ kind: 'old' })
    expect(judgeRun(head, run(10))).toEqual({ kind: 'duplicate', baseOffset: 10 })
  })

  test('with other records than the first time is none', () => {
    const head = headWith([entryOf(run(0))])
    expect(judgeRun(head, run(0, { records: 5 }))).toEqual({ kind: 'old' })
  })
})

describe('a producer that is retired', () => {
  const runsFrom = (first: number, count: number, epoch = 0): FlushedProducer => ({
    epoch,
    createdMs: 1_000 + first,
    runs: Array.from({ length: count }, (_, index) => ({
      sequence: (first + index) * 10,
      records: 10,
      baseOffset: toOffset((first + index) * 25),
    })),
  })

  test('goes on where its item says', () => {
    const retired = runsFrom(3, 2)
    expect(stateOf(retired)).toEqual({ epoch: 0, lastSequence: 49 })
    const judged = (sequence: number, overrides: Partial<ProducerRun> = {}) =>
      judgeRun(EMPTY_HEAD, run(sequence, overrides), retired)
    expect(judged(50)).toEqual({ kind: 'next' })
    expect(judged(30)).toEqual({ kind: 'duplicate', baseOffset: 75 })
    expect(judged(40)).toEqual({ kind: 'duplicate', baseOffset: 100 })
    expect(judged(20)).toEqual({ kind: 'skipped', expected: 50 })
    expect(judgeRun(EMPTY_HEAD, run(20), runsFrom(3, PRODUCER_ENTRIES_KEPT))).toEqual({ kind: 'old' })
    expect(judged(60)).toEqual({ kind: 'gap', expected: 50 })
    expect(judged(0, { epoch: 1 })).toEqual({ kind: 'next' })
    expect(judgeRun(EMPTY_HEAD, run(50), runsFrom(3, 2, 4))).toEqual({ kind: 'fenced', epoch: 4 })
  })

  test('and has come back is judged by the head first, and then by what its item still tells', () => {
    const head = headWith([entryOf(run(50, { producerId: 9n })), entryOf(run(50))])
    const retired = runsFrom(3, 2)
    expect(judgeRun(head, run(60), retired)).toEqual({ kind: 'next' })
    expect(judgeRun(head, run(50), retired)).toEqual({ kind: 'duplicate', baseOffset: 10 })
    expect(judgeRun(head, run(40))).toEqual({ kind: 'skipped', expected: 60 })
    expect(judgeRun(head, run(40), retired)).toEqual({ kind: 'duplicate', baseOffset: 100 })
    expect(judgeRun(head, run(20), retired)).toEqual({ kind: 'skipped', expected: 60 })
    expect(judgeRun(head, run(20), runsFrom(3, PRODUCER_ENTRIES_KEPT))).toEqual({ kind: 'old' })
    expect(judgeRun(head, run(40), runsFrom(3, 2, 7))).toEqual({ kind: 'skipped', expected: 60 })
  })

  test('has an item that never goes back', () => {
    const anyProducer = fc
      .record({
        first: fc.nat({ max: 12 }),
        count: fc.integer({ min: 1, max: 5 }),
        epoch: fc.nat({ max: 1 }),
      })
      .map(({ first, count, epoch }) => runsFrom(first, count, epoch))
    fc.assert(
      fc.property(fc.array(anyProducer, { minLength: 1, maxLength: 8 }), puts => {
        let item: FlushedProducer | undefined
        for (const put of puts) item = mergeRetired(item, put) ?? item
        const newest = (producer: FlushedProducer) => producer.runs.at(-1)!.baseOffset
        expect(newest(item!)).toBe(Math.max(...puts.map(newest)))
        expect(item!.runs.length).toBeLessThanOrEqual(PRODUCER_ENTRIES_KEPT)
        const offsets = item!.runs.map(({ baseOffset }) => baseOffset)
        expect(offsets).toEqual([...new Set(offsets)].toSorted((one, other) => one - other))
        // Once more changes nothing.
        for (const put of puts) expect(mergeRetired(item, put)).toBeUndefined()
      }),
    )
  })
})

describe('producers that have been silent', () => {
  const at = (createdMs: number, ...producers: ProducerRun[]) => ({ ...entryOf(...producers), createdMs })
  const silentFor = (ms: number) => headWith([at(1_000, run(0)), at(1_000 + ms, run(0, { producerId: 8n }))])

  test('leave the head after a while, with a block', () => {
    expect([...flushed(silentFor(PRODUCER_SILENT_MS_MAX), 2).producers.keys()]).toEqual([7n, 8n])
    const head = flushed(silentFor(PRODUCER_SILENT_MS_MAX + 1), 2)
    expect([...head.producers.keys()]).toEqual([8n])
    expect([...head.flushedProducers.keys()]).toEqual([8n])
  })

  test('stay while records of theirs stand in the tail', () => {
    const lateMs = 1_000 + 2 * PRODUCER_SILENT_MS_MAX
    const late = at(lateMs, run(10, { producerId: 8n }))
    // A clock that is behind dates the last one.
    const head = headWith([late, at(1_000, run(10))], flushed(silentFor(0), 2))
    expect([...flushed(head, 1).producers.keys()]).toEqual([7n, 8n])
    const without = headWith([late], flushed(silentFor(0), 2))
    expect([...flushed(without, 1).producers.keys()]).toEqual([8n])
  })

  test('keep a cut from being made when one of them goes on meanwhile', () => {
    const head = silentFor(PRODUCER_SILENT_MS_MAX + 1)
    const block = makeBlock(head, head.tail)
    const changes = foldProducers(head, block)
    expect([...changes.retired.keys()]).toEqual([7n])
    expect(applyTrim(headWith([entryOf(run(10))], head), block, changes, NOTHING_MOVED)).toBeUndefined()
    const another = headWith([entryOf(run(10, { producerId: 8n }))], head)
    const trimmed = applyTrim(another, block, changes, NOTHING_MOVED)
    expect(trimmed?.tail).toEqual(another.tail.slice(head.tail.length))
    expect([...trimmed!.producers.keys()]).toEqual([8n])
  })

  /** A log to which so many producers have written, a millisecond apart, with all of it in blocks. */
  function headOfMany(count: number, producersPerEntry = 1): Head {
    let head = EMPTY_HEAD
    for (let first = 0; first < count; first += producersPerEntry) {
      const runs = Array.from({ length: producersPerEntry }, (_, index) =>
        run(0, { producerId: BigInt(first + index), spanBefore: index * 10 }),
      )
      head = headWith([at(1_000 + first, ...runs)], head)
      if (head.tail.length === 8) head = flushedOnce(head)
    }
    while (head.tail.length > 0) head = flushedOnce(head)
    return head
  }
  const flushedOnce = (head: Head) => flushed(head, countToFlush(allInline(head), 'all'))
  /** Only inline entries are due. */
  const allInline = (head: Head): Head => ({
    ...head,
    tail: head.tail.map(entry => ({ ...entry, place: { kind: 'inline', payload: new Uint8Array(1) } })),
  })

  test('are kept to a number, the longest silent going first', () => {
    const last = at(5_000, run(0, { producerId: -1n }))
    const head = flushed(headWith([last], headOfMany(PRODUCERS_KEPT_MAX)), 1)
    expect(head.producers.size).toBe(PRODUCERS_KEPT_MAX)
    expect([...head.flushedProducers.keys()]).toEqual([...head.producers.keys()])
    expect([...head.producers.keys()].slice(-2)).toEqual([BigInt(PRODUCERS_KEPT_MAX - 1), -1n])
    expect(head.producers.has(0n)).toBe(false)
    expect(head.producers.has(1n)).toBe(true)
  })

  test('leave with what a repetition is answered from', () => {
    const head = headWith([at(5_000, run(0, { producerId: -1n }))], headOfMany(PRODUCERS_KEPT_MAX))
    const { retired } = foldProducers(head, makeBlock(head, head.tail))
    expect([...retired]).toEqual([[0n, head.flushedProducers.get(0n)]])
    expect(judgeRun(EMPTY_HEAD, run(0, { producerId: 0n }), retired.get(0n))).toEqual({
      kind: 'duplicate',
      baseOffset: 0,
    })
  })

  test.each([1, ENTRY_PRODUCERS_MAX])('do not pile up where each entry has %i new ones', perEntry => {
    const head = headOfMany(8 * PRODUCERS_RETIRED_MAX, perEntry)
    expect(head.producers.size).toBeLessThanOrEqual(PRODUCERS_KEPT_MAX)
    expect(head.flushedProducers.size).toBe(head.producers.size)
  })

  test('and are in a block only, which this head is older than, do not leave by halves', () => {
    const older = headWith([at(1_000, run(0))])
    const late = at(1_000 + 2 * PRODUCER_SILENT_MS_MAX, run(0, { producerId: 8n }))
    const newer = headWith([at(1_000, run(0, { producerId: 9n })), late], older)
    const block = makeBlock(newer, newer.tail)
    const changes = foldProducers(older, block)
    expect([...changes.retired.keys()]).toEqual([7n])
    const head = applyTrim(newer, block, changes, NOTHING_MOVED)!
    expect([...head.producers.keys()]).toEqual([9n, 8n])
    expect(new Set(head.flushedProducers.keys())).toEqual(new Set([8n, 9n]))
  })
})

describe('what a table compares', () => {
  const state: fc.Arbitrary<ProducerState> = fc.record({
    epoch: fc.nat({ max: 2 ** 15 - 1 }),
    lastSequence: fc.oneof(fc.constantFrom(0, 1, LAST_SEQUENCE), fc.nat({ max: LAST_SEQUENCE })),
  })

  test('is one exact number for a state, that grows with the epoch', () => {
    fc.assert(
      fc.property(state, state, (one, other) => {
        expect(unpackState(packState(one))).toEqual(one)
        expect(Number.isSafeInteger(packState(one))).toBe(true)
        if (one.epoch < other.epoch) expect(packState(one)).toBeLessThan(packState(other))
      }),
    )
  })

  test('says the same as the decision, for any state and step', () => {
    const near = (value: number) => fc.integer({ min: value - 2, max: value + 2 })
    const pairs = state.chain(known =>
      fc.record({
        known: fc.constant(known),
        epoch: near(known.epoch).filter(epoch => epoch >= 0),
        sequence: fc.oneof(
          fc.constantFrom(0, 1, LAST_SEQUENCE),
          near(known.lastSequence).map(value => (value + 2 ** 31) % 2 ** 31),
        ),
      }),
    )
    fc.assert(
      fc.property(pairs, ({ known, epoch, sequence }) => {
        const [step] = sequenceSteps([run(sequence, { epoch })])!
        const { equal, below } = conditionOf(step!)
        const packed = packState(known)
        const isTaken = packed === equal || (below !== undefined && packed < below)
        expect(isTaken).toBe(
          applySequences(new Map([[7n, known]]), [run(sequence, { epoch })], NO_NEWCOMERS) !== undefined,
        )
      }),
      { numRuns: 1_000 },
    )
  })
})

test('any sendings and flushes give each run once, in order, and a repetition its first offset', () => {
  const action = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('send' as const),
        producer: fc.integer({ min: 0, max: ENTRY_PRODUCERS_MAX - 1 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('repeat' as const), back: fc.nat({ max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const), count: fc.nat({ max: 6 }) }) },
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), actions => {
      let head = EMPTY_HEAD
      const sent: { run: ProducerRun; baseOffset: number }[] = []
      const next = new Map<bigint, number>()
      for (const each of actions) {
        if (each.kind === 'flush') {
          const count = Math.min(each.count, head.tail.length)
          if (count > 0) head = flushed(head, count)
        } else if (each.kind === 'send') {
          const producerId = BigInt(each.producer)
          const sequence = next.get(producerId) ?? 0
          const one = run(sequence, { producerId })
          const baseOffset = head.nextOffset
          head = headWith([entryOf(one)], head)
          sent.push({ run: one, baseOffset })
          next.set(producerId, sequence + one.records)
        } else {
          const repeated = sent[sent.length - 1 - each.back]
          if (!repeated) continue
          expect(takes(head, repeated.run)).toBe(false)
          const verdict = judgeRun(head, repeated.run)
          const remembered = head.flushedProducers.get(repeated.run.producerId)?.runs ?? []
          if (verdict.kind !== 'old' || remembered.length < PRODUCER_ENTRIES_KEPT)
            expect(verdict).toEqual({ kind: 'duplicate', baseOffset: repeated.baseOffset })
        }
      }
      expect(head.nextOffset).toBe(advance(toOffset(0), sent.length * 10))
    }),
  )
})
