import { describe, expect, test } from 'vitest'
import { TRIGGER_CLOCK_BEHIND_MS_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { BatchBuilder, type BatchLimits, windowLeftMs } from '../../../src/core/trigger/batch.ts'
import { laneOf } from '../../../src/core/trigger/lane.ts'
import type { TriggerRecord } from '../../../src/core/trigger/trigger.ts'

const NOW_MS = 1_000_000
const LIMITS: BatchLimits = { records: 10, bytes: 100, emptyBytes: 20, end: null, maxRecordAgeMs: null }

function recordAt(offset: number, timestampMs = NOW_MS): TriggerRecord {
  return {
    offset: toOffset(offset),
    timestampMs,
    key: null,
    value: null,
    headers: [],
    timestampType: 'CREATE_TIME',
  }
}

/** The offsets that a batch takes of these records, each with so many bytes. */
function taken(limits: Partial<BatchLimits>, records: readonly TriggerRecord[], bytes = 9) {
  const builder = new BatchBuilder({ ...LIMITS, ...limits }, NOW_MS)
  for (const record of records) if (!builder.add(record, 'x'.repeat(bytes))) break
  return { kind: builder.kind, offsets: builder.records.map(({ offset }) => offset), isFull: builder.isFull }
}

describe('a batch', () => {
  const RECORDS = Array.from({ length: 12 }, (_, offset) => recordAt(offset))

  test('has at most so many records', () => {
    expect(taken({ records: 3 }, RECORDS)).toEqual({ kind: 'to call', offsets: [0, 1, 2], isFull: true })
    expect(taken({ records: 20, bytes: 1_000 }, RECORDS)).toMatchObject({ isFull: false })
  })

  test('has at most so many bytes, the event around it counted', () => {
    expect(taken({}, RECORDS).offsets).toHaveLength(8)
    expect(taken({ bytes: 99 }, RECORDS).offsets).toHaveLength(7)
  })

  test('counts the bytes of UTF-8', () => {
    const builder = new BatchBuilder({ ...LIMITS, bytes: 40 }, NOW_MS)
    expect(builder.add(recordAt(0), 'ä'.repeat(9))).toBe(true)
    expect(builder.add(recordAt(1), '')).toBe(true)
    expect(builder.add(recordAt(2), '')).toBe(false)
  })

  test('ends where the failing batch ended', () => {
    expect(taken({ end: toOffset(4) }, RECORDS).offsets).toEqual([0, 1, 2, 3])
  })

  test('has a record that is too large alone', () => {
    const builder = new BatchBuilder(LIMITS, NOW_MS)
    expect(builder.add(recordAt(0), 'x'.repeat(80))).toBe(true)
    expect(builder).toMatchObject({ kind: 'too large', isFull: true })
    expect(builder.add(recordAt(1), 'x')).toBe(false)
    const mixed = new BatchBuilder(LIMITS, NOW_MS)
    mixed.add(recordAt(0), 'x')
    expect(mixed.add(recordAt(1), 'x'.repeat(80))).toBe(false)
    expect(mixed.kind).toBe('to call')
  })

  test('takes a record that fits to the byte', () => {
    const builder = new BatchBuilder(LIMITS, NOW_MS)
    expect(builder.add(recordAt(0), 'x'.repeat(79))).toBe(true)
    expect(builder.kind).toBe('to call')
  })

  test('does not mix what is too old with what is not', () => {
    const records = [recordAt(0, 0), recordAt(1, 0), recordAt(2), recordAt(3, 0)]
    expect(taken({ maxRecordAgeMs: 1_000 }, records)).toMatchObject({ kind: 'too old', offsets: [0, 1] })
    expect(taken({ maxRecordAgeMs: 1_000 }, records.slice(2))).toMatchObject({
      kind: 'to call',
      offsets: [2],
    })
    const limit = [recordAt(0, NOW_MS - 1_000), recordAt(1, NOW_MS - 1_001)]
    expect(taken({ maxRecordAgeMs: 1_000 }, limit)).toMatchObject({ kind: 'to call', offsets: [0] })
  })

  test('takes records without a timestamp as young', () => {
    expect(taken({ maxRecordAgeMs: 1_000 }, [recordAt(0, -1)]).kind).toBe('to call')
  })
})

test('the window is what is left of it, and never more than it is', () => {
  expect(windowLeftMs(5_000, NOW_MS, NOW_MS + 2_000)).toBe(3_000)
  expect(windowLeftMs(5_000, NOW_MS, NOW_MS + 6_000)).toBe(0)
  expect(windowLeftMs(5_000, NOW_MS + 60_000, NOW_MS)).toBe(5_000)
  expect(windowLeftMs(5_000, NOW_MS + TRIGGER_CLOCK_BEHIND_MS_MAX + 1, NOW_MS)).toBe(0)
  expect(windowLeftMs(0, NOW_MS, NOW_MS)).toBe(0)
})

test('partitions share as many lanes as they may', () => {
  expect([0, 1, 2, 3, 4].map(partition => laneOf({ parallelism: null }, partition))).toEqual([0, 1, 2, 3, 4])
  expect([0, 1, 2, 3, 4].map(partition => laneOf({ parallelism: 2 }, partition))).toEqual([0, 1, 0, 1, 0])
})
