import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { checkDense, isDense } from '../../../src/core/record/batch-header.ts'
import { BatchRecords } from '../../../src/core/record/batch-records.ts'
import { findTimestamp } from '../../../src/core/record/find-timestamp.ts'
import { checkBatch, decodeBatch, decodeBatches, stampLogAppendTime } from '../../../src/core/record/index.ts'
import { COMPRESSIONS } from './arbitraries.ts'
import { errorAfter, errorOf } from './errors-of.ts'
import { forge, type GappedRecord, gapped, rawRecord, reseal, varint } from './forge.ts'

const BASE = 1_000
const KiB = 1024

/** Records of which others between them are gone, before the first one too. */
const survivors = fc
  .array(
    fc.record({
      gap: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 400 })),
      valueBytes: fc.nat({ max: 200 }),
      timestampMs: fc.integer({ min: 5_000, max: 5_100 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map(drafts => {
    let delta = -1
    return drafts.map(({ gap, valueBytes, timestampMs }): GappedRecord => {
      delta += gap
      return {
        delta,
        timestampMs,
        key: Buffer.from(`key ${delta}`),
        value: new Uint8Array(valueBytes).fill(delta),
      }
    })
  })
const behind = fc.nat({ max: 20 })
const portion = fc.record({
  records: fc.integer({ min: 1, max: 7 }),
  bytes: fc.integer({ min: 1, max: 500 }),
})

async function readAll(
  batch: Uint8Array,
  wanted: ConstructorParameters<typeof BatchRecords>[3] = {},
  size = { records: 7, bytes: 256 * KiB },
): Promise<{ offset: number; timestampMs: number }[]> {
  const reading = new BatchRecords(checkBatch(batch), batch, 0, wanted)
  const records: { offset: number; timestampMs: number }[] = []
  while (!reading.isAtEnd) {
    for (const { offset, timestampMs } of await reading.next(size)) {
      expect(offset).toBeGreaterThanOrEqual(records.length === 0 ? 0 : records.at(-1)!.offset + 1)
      records.push({ offset, timestampMs })
    }
    const last = records.at(-1)
    if (last) expect(reading.nextOffset).toBeGreaterThanOrEqual(last.offset + 1)
  }
  return records
}

describe.each(COMPRESSIONS)('a batch with gaps in %s', compression => {
  const made = (records: readonly GappedRecord[], more = 0) =>
    gapped(records, { compression, baseOffset: BASE, lastOffsetDelta: records.at(-1)!.delta + more })

  test('has its records at their offsets, however it is read', async () => {
    await fc.assert(
      fc.asyncProperty(survivors, behind, portion, async (records, more, size) => {
        const batch = made(records, more)
        const offsets = records.map(({ delta }) => BASE + delta)
        const decoded = decodeBatch(batch).records
        expect(decoded.map(({ offset }) => offset)).toEqual(offsets)
        expect(decoded.map(({ key }) => String(Buffer.from(key!)))).toEqual(
          records.map(({ delta }) => `key ${delta}`),
        )
        expect(decoded.map(({ timestampMs }) => timestampMs)).toEqual(
          records.map(record => record.timestampMs),
        )
        expect(decodeBatches(Buffer.concat([batch, batch]))).toHaveLength(2 * records.length)
        expect((await readAll(batch, {}, size)).map(({ offset }) => offset)).toEqual(offsets)
      }),
      { numRuns: 60 },
    )
  })

  test('is read from any offset, those in gaps too', async () => {
    await fc.assert(
      fc.asyncProperty(survivors, behind, fc.boolean(), fc.nat(), async (records, more, isBrief, pick) => {
        const batch = made(records, more)
        const from = BASE + (pick % (records.at(-1)!.delta + more + 2))
        const offsets = records.map(({ delta }) => BASE + delta).filter(offset => offset >= from)
        const read = await readAll(batch, { from: toOffset(from), isBrief })
        expect(read.map(({ offset }) => offset)).toEqual(offsets)
      }),
      { numRuns: 100 },
    )
  })

  test('tells the first record of a time, and none that is gone', async () => {
    const time = fc.integer({ min: 4_990, max: 5_110 })
    await fc.assert(
      fc.asyncProperty(survivors, behind, time, fc.nat(), async (records, more, timestampMs, pick) => {
        const batch = made(records, more)
        const from = BASE + (pick % (records.at(-1)!.delta + 2))
        const at = records.find(record => BASE + record.delta >= from && record.timestampMs >= timestampMs)
        const found = await findTimestamp(batch, 0, timestampMs, toOffset(from))
        expect(found).toEqual(at && { offset: BASE + at.delta, timestampMs: at.timestampMs })
        stampLogAppendTime(batch, 0, 6_000)
        const next = records.find(({ delta }) => BASE + delta >= from)
        expect(await findTimestamp(batch, 0, timestampMs, toOffset(from))).toEqual(
          next && { offset: BASE + next.delta, timestampMs: 6_000 },
        )
      }),
      { numRuns: 100 },
    )
  })

  test('without any record is read as nothing', async () => {
    const batch = gapped([], { compression, baseOffset: BASE, lastOffsetDelta: 41 })
    expect(checkBatch(batch)).toMatchObject({ recordCount: 0, lastOffsetDelta: 41 })
    expect(decodeBatch(batch).records).toEqual([])
    expect(await readAll(batch)).toEqual([])
    expect(await findTimestamp(batch, 0, 0)).toBeUndefined()
  })

  test('that holds more than is taken at once comes in pieces', async () => {
    const value = Buffer.alloc((compression === 'none' ? 3 : 300) * KiB, 'so it goes on ')
    const records = Array.from({ length: 20 }, (_, index) => ({
      delta: 3 * index + 2,
      timestampMs: 5_000 + index,
      value,
    }))
    // Within it are those with a length of five bytes, and pieces that end in them.
    const batch = made(records, 7)
    const from = toOffset(BASE + 30)
    const offsets = records.map(({ delta }) => BASE + delta).filter(offset => offset >= from)
    expect((await readAll(batch, { from })).map(({ offset }) => offset)).toEqual(offsets)
    expect((await readAll(batch, { from, isBrief: true })).map(({ offset }) => offset)).toEqual(offsets)
    expect(await findTimestamp(batch, 0, 5_010, from)).toEqual({ offset: BASE + 32, timestampMs: 5_010 })
    // One that is too large is known by its own offset.
    await expect(readAll(batch, { from, recordBytesMax: 1_000 })).rejects.toThrow(`at offset ${BASE + 32} `)
  })
})

test('only a batch without gaps is one that a producer may send', () => {
  const record = { delta: 0, timestampMs: 5 }
  const dense = checkBatch(gapped([record, { ...record, delta: 1 }]))
  expect(isDense(dense)).toBe(true)
  expect(errorOf(() => checkDense(dense))).toBe('none')
  for (const batch of [
    gapped([]),
    gapped([], { lastOffsetDelta: 3 }),
    gapped([record], { lastOffsetDelta: 1 }),
    gapped([{ ...record, delta: 1 }]),
    gapped([record, { ...record, delta: 2 }]),
  ]) {
    const header = checkBatch(batch)
    expect(isDense(header)).toBe(false)
    expect(errorOf(() => checkDense(header))).toBe('INVALID_RECORD')
  }
})

describe('offset deltas that cannot be', () => {
  const payload = (...deltas: number[]) =>
    Buffer.concat(deltas.map(delta => rawRecord(varint(0), varint(delta), varint(-1), varint(-1), varint(0))))

  test.each([
    ['stand still', [0, 0], 9],
    ['go back', [4, 3], 9],
    ['are below 0', [-1, 3], 9],
    ['lie behind the last', [0, 10], 9],
    ['leave no room for the next', [9, 9], 9],
    ['leave no room in a batch without gaps', [0, 2], 1],
    ['begin too late in a batch without gaps', [1, 1], 1],
  ])('%s: they are refused', async (_, deltas, lastOffsetDelta) => {
    const batch = forge(payload(...deltas), { records: deltas.length })
    new DataView(batch.buffer).setInt32(23, lastOffsetDelta)
    const sealed = reseal(batch)
    expect(errorOf(() => decodeBatch(sealed))).toBe('INVALID_RECORD')
    expect(await errorAfter(() => readAll(sealed))).toBe('INVALID_RECORD')
    expect(await errorAfter(() => readAll(sealed, { isBrief: true }))).toBe('INVALID_RECORD')
    expect(await errorAfter(() => findTimestamp(sealed, 0, 1))).toMatch(/INVALID_RECORD|none/)
  })

  test('is a record more than there are offsets', () => {
    const batch = forge(payload(0, 1, 2), { records: 3 })
    for (const lastOffsetDelta of [-1, 0, 1, -(2 ** 31)]) {
      new DataView(batch.buffer).setInt32(23, lastOffsetDelta)
      expect(errorOf(() => checkBatch(reseal(batch)))).toBe('INVALID_RECORD')
    }
  })
})
