import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HotTail } from '../../../src/broker/reading/hot-tail.ts'
import { HOT_PAGE_BYTES } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { batchOf, joined, numbered, recordsIn } from '../harness.ts'

const LOG = { topicId: 'a', partition: 0 }

function append(hot: HotTail, base: number, records: number, partition = LOG, padding = 0): void {
  const batches = numbered(base, records).map(value => batchOf([value], { padding }))
  // The first of them by a call of its own, those behind it by another.
  const calls = [batches.slice(0, 1), batches.slice(1)].filter(({ length }) => length > 0)
  hot.add(
    partition,
    toOffset(base),
    calls.map(each => ({ chunk: joined(each), records: each.length })),
  )
}

function find(hot: HotTail, from: number, end: number, maxBytes = 1_000_000, partition = LOG) {
  const found = hot.find(partition, toOffset(from), toOffset(end), maxBytes)
  return found && { ...found, records: recordsIn(found.copy()!) }
}

test('what was appended comes with its offsets, up to the end', () => {
  const hot = new HotTail(1_000_000)
  append(hot, 5, 3)
  append(hot, 8, 2)
  expect(find(hot, 5, 10)?.records).toEqual(
    [5, 6, 7, 8, 9].map(offset => ({ offset, value: `record ${offset}` })),
  )
  expect(find(hot, 9, 10)?.records).toEqual([{ offset: 9, value: 'record 9' }])
  expect(find(hot, 9, 10)?.nextOffset).toBe(10)
})

test('it tells nothing where it does not reach from the offset to the end', () => {
  const hot = new HotTail(1_000_000)
  append(hot, 5, 3)
  expect(find(hot, 4, 8)).toBeUndefined()
  expect(find(hot, 5, 9)).toBeUndefined()
  expect(find(hot, 8, 8)).toBeUndefined()
  expect(find(hot, 5, 8, 1_000, { topicId: 'b', partition: 0 })).toBeUndefined()
  // Another process has appended two records.
  append(hot, 10, 1)
  expect(find(hot, 5, 11)).toBeUndefined()
  expect(find(hot, 10, 11)?.records).toEqual([{ offset: 10, value: 'record 10' }])
})

test('it does not tell what was appended after the head was read', () => {
  const hot = new HotTail(1_000_000)
  append(hot, 0, 2)
  append(hot, 2, 2)
  expect(find(hot, 0, 2)?.records.length).toBe(2)
})

test('much comes in several chunks of whole batches', () => {
  const hot = new HotTail(16_000_000)
  for (let base = 0; base < 6; base += 1) append(hot, base, 1, LOG, 700_000)
  const chunks = hot.find(LOG, toOffset(0), toOffset(6), 10_000_000)!.copy()!
  const offsets = chunks.map(chunk => recordsIn([chunk]).map(({ offset }) => offset))
  expect(offsets).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ])
})

test('what it gives is not what it keeps', () => {
  const hot = new HotTail(1_000_000)
  append(hot, 0, 1)
  hot.find(LOG, toOffset(0), toOffset(1), 1_000)!.copy()![0]!.fill(0)
  expect(find(hot, 0, 1)?.records).toEqual([{ offset: 0, value: 'record 0' }])
})

test('what has gone before it was copied is not what came in its place', () => {
  const hot = new HotTail(2 * HOT_PAGE_BYTES)
  append(hot, 0, 1)
  const found = hot.find(LOG, toOffset(0), toOffset(1), 1_000)!
  for (let base = 1; base < 5; base++) append(hot, base, 1, LOG, HOT_PAGE_BYTES - 200)
  expect(found.copy()).toBeUndefined()
  expect(find(hot, 4, 5)?.records[0]?.value).toBe('record 4')
})

test('what is larger than all that may be kept is not', () => {
  const hot = new HotTail(HOT_PAGE_BYTES)
  append(hot, 0, 1)
  append(hot, 1, 1, LOG, HOT_PAGE_BYTES)
  append(hot, 2, 1)
  expect(find(hot, 0, 3)).toBeUndefined()
  expect(find(hot, 2, 3)?.records.length).toBe(1)
})

test('it keeps nothing where it may not', () => {
  const hot = new HotTail(0)
  append(hot, 0, 1)
  expect(find(hot, 0, 1)).toBeUndefined()
})

const step = fc.record({
  partition: fc.nat({ max: 2 }),
  records: fc.integer({ min: 1, max: 5 }),
  padding: fc.oneof(fc.nat({ max: 50 }), fc.integer({ min: 1_000, max: 100_000 })),
  /** Appended before it by somebody else. */
  elsewhere: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 3 })),
})

test('whatever comes, it tells the newest records of a log without a gap, or nothing', () => {
  const property = fc.property(
    fc.array(step, { maxLength: 40 }),
    fc.integer({ min: 1, max: 4 }),
    fc.nat(300_000),
    (steps, pages, maxBytes) => {
      const hot = new HotTail(pages * HOT_PAGE_BYTES)
      const ends = [0, 0, 0]
      for (const { partition, records, padding, elsewhere } of steps) {
        const base = ends[partition]! + elsewhere
        append(hot, base, records, { topicId: 'a', partition }, padding)
        ends[partition] = base + records
        // The newest are there, if anything is kept of them.
        const isKept = 2 * records * (padding + 100) <= HOT_PAGE_BYTES
        const newest = find(hot, base, base + records, 1, { topicId: 'a', partition })
        if (isKept) expect(newest?.records[0]?.offset).toBe(base)
        for (const [other, end] of ends.entries()) {
          for (let from = end - 1; from >= 0; from--) {
            const found = find(hot, from, end, maxBytes, { topicId: 'a', partition: other })
            if (!found) continue
            const offsets = found.records.map(({ offset }) => offset)
            expect(offsets).toEqual(offsets.map((_, index) => from + index))
            expect(found.nextOffset).toBe(from + offsets.length)
            expect(offsets.length === 1 || found.bytes <= maxBytes).toBe(true)
            expect(found.records.every(({ offset, value }) => value === `record ${offset}`)).toBe(true)
          }
        }
      }
    },
  )
  fc.assert(property, {
    numRuns: 60,
    examples: [
      [
        [
          { partition: 0, records: 1, padding: 1000, elsewhere: 0 },
          { partition: 0, records: 2, padding: 32689, elsewhere: 0 },
        ],
        1,
        0,
      ],
    ],
  })
})
