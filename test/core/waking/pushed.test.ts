import { expect, test } from 'vitest'
import { INLINE_BYTES_MAX, WAKE_RECORDS_BYTES_MAX } from '../../../src/core/limits.ts'
import type { IndexEntry } from '../../../src/core/log/entry.ts'
import { EMPTY_HEAD, type Head } from '../../../src/core/log/head.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { checkBatch } from '../../../src/core/record/batch-header.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { pushedFrom } from '../../../src/core/waking/pushed.ts'

const NOW_MS = 1_780_000_000_000

function entry(place: IndexEntry['place'], span: number, bytes: number): IndexEntry {
  return {
    ...{ id: 'ab'.repeat(16), span, bytes, place },
    ...{ maxTimestampMs: NOW_MS, createdMs: NOW_MS, marks: [], producers: [] },
  }
}

/** A commit of batches, each of so many records. */
function inline(sizes: readonly number[], value = Buffer.from('neap')): IndexEntry {
  const payload = Buffer.concat(
    sizes.map(size => encodeBatch(Array(size).fill({ value }), { nowMs: NOW_MS })),
  )
  const span = sizes.reduce((sum, size) => sum + size, 0)
  return entry({ kind: 'inline', payload }, span, payload.length)
}

const uploaded = entry(
  { kind: 'object', object: 'cd'.repeat(16), epoch: 1, position: toPosition(0) },
  5,
  9_000,
)

/** A log that ends with these. */
function head(tail: readonly IndexEntry[], more: Partial<Head> = {}): Head {
  const span = tail.reduce((sum, each) => sum + each.span, 0)
  return { ...EMPTY_HEAD, tailOffset: toOffset(10), nextOffset: toOffset(10 + span), tail, ...more }
}

/** Of each batch its first offset and its end. */
function batchesIn(bytes: Uint8Array | undefined): [number, number][] | undefined {
  if (!bytes) return undefined
  const found: [number, number][] = []
  for (let position = 0; position < bytes.length; ) {
    const { baseOffset, lastOffsetDelta, sizeBytes } = checkBatch(bytes, position)
    found.push([Number(baseOffset), Number(baseOffset) + lastOffsetDelta + 1])
    position += sizeBytes
  }
  return found
}

const pushed = (of: Head, from: number) => batchesIn(pushedFrom(of, toOffset(from)))

test('what a head has from an offset on comes with its offsets, whole batches', () => {
  const log = head([inline([1]), inline([2, 3]), inline([1])])
  expect(pushed(log, 16)).toEqual([[16, 17]])
  expect(pushed(log, 13)).toEqual([
    [13, 16],
    [16, 17],
  ])
  // A batch that begins before holds it.
  expect(pushed(log, 12)?.[0]).toEqual([11, 13])
  expect(pushed(log, 10)).toHaveLength(4)
})

test('the index keeps its own bytes', () => {
  const commit = inline([1])
  const before = Buffer.from((commit.place as { payload: Uint8Array }).payload)
  pushed(head([commit]), 10)
  expect(before.equals((commit.place as { payload: Uint8Array }).payload)).toBe(true)
})

test('what is not all in the head, and small, is fetched', () => {
  const log = head([inline([1]), uploaded, inline([1])])
  expect(pushed(log, 16)).toEqual([[16, 17]])
  for (const from of [9, 10, 12, 17]) expect(pushed(log, from)).toBe(undefined)
  const large = Array.from({ length: Math.ceil(WAKE_RECORDS_BYTES_MAX / INLINE_BYTES_MAX) + 1 }, () =>
    inline([1], Buffer.alloc(INLINE_BYTES_MAX - 100)),
  )
  expect(pushed(head(large), 10)).toBe(undefined)
  expect(pushed(head(large), 12)).toHaveLength(large.length - 2)
})

test('what is deleted, and what is damaged, the fetch tells', () => {
  const log = head([inline([1]), inline([1])], { startOffset: toOffset(11) })
  expect(pushed(log, 10)).toBe(undefined)
  expect(pushed(log, 11)).toEqual([[11, 12]])
  const broken = inline([1])
  ;(broken.place as { payload: Uint8Array }).payload.fill(7, 70)
  expect(pushed(head([inline([1]), broken]), 10)).toBe(undefined)
})
