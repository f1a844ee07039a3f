import { expect, test } from 'vitest'
import * as limits from '../../src/core/limits.ts'
import { encodeEntry } from '../../src/core/log/entry.ts'
import { toPosition } from '../../src/core/numbers.ts'

const entries = Object.entries(limits) as [string, number][]

test('every limit is a positive whole number', () => {
  expect(entries.length).toBeGreaterThan(20)
  for (const [name, limit] of entries) {
    expect([name, Number.isSafeInteger(limit) && limit > 0]).toEqual([name, true])
  }
})

test('every limit says its unit: what it counts, bytes or milliseconds', () => {
  const units = [
    'BYTES',
    'MS',
    'RECORDS',
    'BATCHES',
    'COMMITS',
    'CALLS',
    'WAKES',
    'ENTRIES',
    'PARTITIONS',
    'GROWTHS',
    'PLACES',
    'CHARACTERS',
    'PRODUCERS',
    'RUNS',
    'ATTEMPTS',
    'SOCKETS',
    'ITEMS',
    'PROCESSES',
    'FRAMES',
    'HEADERS',
    'READS',
    'DESCRIPTORS',
    'FILES',
    'FOLDERS',
    'CONNECTIONS',
    'PIPELINED',
    'ITERATIONS',
    'SEGMENTS',
    'SPANS',
    'WRITES',
    'MARKS',
    'PARTS',
    'REMOVALS',
    'GENERATIONS',
    'EPOCHS',
    'TRIES',
    'HEADS',
    'PAUSES',
    'LANES',
    'OFFSETS',
    'ELEMENTS',
    'MEMBERS',
    'LOOKS',
    'LINES',
    'LISTENERS',
    'TRANSACTIONS',
    'SOCKETS',
    'REQUESTS',
    'MESSAGES',
  ]
  const others = [
    'JSON_GROWTH_MAX',
    'READ_PARALLEL_MAX',
    'SWEEP_PARALLEL_MAX',
    'READ_AGAIN_MAX',
    'COMMITS_IN_FLIGHT_MAX',
  ]
  for (const [name] of entries) {
    expect([name, others.includes(name) || units.some(unit => name.includes(unit))]).toEqual([name, true])
  }
})

test('an object entry is small: a head at its soft limit stays under 1 KB, what one write unit pays for', () => {
  const id = 'ab'.repeat(16)
  const entry = encodeEntry({
    id,
    span: 10_000,
    bytes: limits.MARK_INTERVAL_BYTES,
    maxTimestampMs: 2 ** 41,
    createdMs: 2 ** 41,
    place: { kind: 'object', object: id, epoch: 0, position: toPosition(limits.COMMIT_BYTES_MAX) },
    marks: [],
    producers: [],
  })
  expect(entry.length * limits.TAIL_ENTRIES_SOFT_MAX).toBeLessThan(1_024)
})

test('a head at its hard limit, plus an entry of every writer of sixteen, fits into a DynamoDB item', () => {
  // Two numbers of up to 2^21 each.
  const marksBytes = (limits.COMMIT_BYTES_MAX / limits.MARK_INTERVAL_BYTES) * 6
  // The producer's id, its epoch, the sequence number, and two numbers of up to 2^21.
  const runsBytes = limits.ENTRY_RUNS_MAX * (8 + 3 + 5 + 6)
  const entryBytes = 60 + marksBytes + runsBytes
  const headBytes = (limits.TAIL_ENTRIES_HARD_MAX + 16) * entryBytes + limits.TAIL_INLINE_HARD_BYTES_MAX
  expect(headBytes + 16 * limits.INLINE_BYTES_MAX).toBeLessThan(400 * 1024)
})
