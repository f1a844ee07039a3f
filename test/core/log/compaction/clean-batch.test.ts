import { randomBytes } from 'node:crypto'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchesOf } from '../../../../src/core/batches/batch-run.ts'
import { BATCH_BYTES_MAX } from '../../../../src/core/limits.ts'
import { cleanBatch, keepsRecord, mapKeys } from '../../../../src/core/log/compaction/clean-batch.ts'
import { keyHash } from '../../../../src/core/log/compaction/key-hash.ts'
import { KeyMap } from '../../../../src/core/log/compaction/key-map.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { RECORDS_AT } from '../../../../src/core/record/batch-layout.ts'
import {
  checkBatch,
  decodeBatch,
  decodeBatches,
  encodeBatch,
  type LogRecord,
  patchOffsets,
  stampLogAppendTime,
} from '../../../../src/core/record/index.ts'
import type { RawRecord } from '../../../../src/core/record/raw-records.ts'
import { COMPRESSIONS, records } from '../../record/arbitraries.ts'
import { forgeCompressed, gapped, reseal, varint } from '../../record/forge.ts'

const BASE = 1_000
const MiB = 1024 * 1024

/** A record without a key, as it lies in a batch. */
function plainRecord(value: Uint8Array, delta: number): Uint8Array {
  const body = [
    Buffer.of(0, 0, ...varint(delta), ...varint(-1), ...varint(value.length)),
    value,
    Buffer.of(0),
  ]
  const bytes = Buffer.concat(body)
  return Buffer.concat([Buffer.of(...varint(bytes.length)), bytes])
}

const ALL = {
  cleanTo: toOffset(Number.MAX_SAFE_INTEGER),
  lastOffset: toOffset(Number.MAX_SAFE_INTEGER),
  dropsTombstones: false,
}

describe.each(COMPRESSIONS)('a batch in %s', compression => {
  test('keeps what is to be kept as it is, at its offset, and nothing else', () => {
    fc.assert(
      fc.property(records, fc.infiniteStream(fc.boolean()), fc.boolean(), (inputs, choice, isStamped) => {
        const producer = { producerId: 7n, producerEpoch: 3, baseSequence: 9 }
        const batch = encodeBatch(inputs, { compression, baseOffset: BASE, ...producer })
        if (isStamped) stampLogAppendTime(batch, 0, 1_700_000_000_000)
        const chosen = inputs.map(() => choice.next().value as boolean)
        const seen: RawRecord[] = []
        const left = cleanBatch(batch, 0, record => {
          // It is the same object each time.
          seen.push({ ...record, key: record.key && Uint8Array.from(record.key) })
          return chosen[record.offset - BASE]!
        })
        const whole = decodeBatch(batch).records
        expect(
          seen.map(({ offset, key, isTombstone, timestampMs }) => [offset, key, isTombstone, timestampMs]),
        ).toEqual(
          whole.map(({ offset, key, value, timestampMs }) => [offset, key, value === null, timestampMs]),
        )
        const kept = whole.filter((_, index) => chosen[index])
        if (kept.length === 0) expect(left).toBeUndefined()
        if (kept.length === inputs.length) expect(left).toEqual(batch)
        if (kept.length === 0 || kept.length === inputs.length) return
        const { header, records: read } = decodeBatch(left!)
        expect(read).toEqual(kept)
        const before = checkBatch(batch)
        expect(header).toEqual({
          ...before,
          crc: header.crc,
          sizeBytes: left!.length,
          recordCount: kept.length,
          lastOffsetDelta: kept.at(-1)!.offset - BASE,
          maxTimestamp: isStamped
            ? before.maxTimestamp
            : Math.max(...kept.map(({ timestampMs }) => timestampMs)),
        })
      }),
      { numRuns: 100 },
    )
  })

  test('is cleaned again and again, and stays what it is', () => {
    const inputs = Array.from({ length: 50 }, (_, index) => ({
      delta: index * 3,
      timestampMs: 5 + index,
      key: Buffer.of(index),
    }))
    let batch: Uint8Array = gapped(inputs, { compression, baseOffset: BASE })
    for (let count = 49; count > 0; count--) {
      const gone = decodeBatch(batch).records[count % 7]?.offset ?? decodeBatch(batch).records[0]!.offset
      batch = cleanBatch(batch, 0, ({ offset }) => offset !== gone)!
      expect(decodeBatch(batch).records).toHaveLength(count)
    }
    expect(cleanBatch(batch, 0, () => false)).toBeUndefined()
  })
})

test('what cannot be read stays as it is, and has no keys', () => {
  const map = new KeyMap(100, MiB, keyHash)
  const keep = encodeBatch([{ key: Buffer.from('k'), timestampMs: 5 }])
  const wrong = forgeCompressed('zstd', Buffer.from('no zstd'))
  const control = Uint8Array.from(keep)
  control[22]! |= 1 << 5
  const behind = forgeCompressed('gzip', gzipSync(Buffer.concat([keep.subarray(RECORDS_AT), Buffer.of(1)])))
  for (const batch of [wrong, reseal(control), behind]) {
    expect(cleanBatch(batch, 0, () => false)).toEqual(batch)
    expect(mapKeys(map, batch, 0)).toBe(true)
  }
  expect(map.keys).toBe(0)
})

test('a map that is full says so', () => {
  const map = new KeyMap(2, MiB, keyHash)
  const batch = encodeBatch(
    Array.from({ length: 10 }, (_, index) => ({ key: Buffer.of(index), timestampMs: 5 })),
  )
  expect(mapKeys(map, batch, 0)).toBe(false)
})

test('what is left and does not fit into one batch becomes several, with their own offsets', () => {
  const half = Array.from({ length: 12 }, () => randomBytes(256 * 1024))
  const plain = Buffer.concat([...half, ...half, Buffer.of(1)].map(plainRecord))
  // What is there twice is far apart: a window as large finds it, and the usual one does not.
  const params = { [constants.ZSTD_c_windowLog]: 24, [constants.ZSTD_c_enableLongDistanceMatching]: 1 }
  const batch = forgeCompressed('zstd', zstdCompressSync(plain, { params }), 25)
  expect(batch.length).toBeLessThan(BATCH_BYTES_MAX)
  patchOffsets(batch, 0, BASE, 0)
  const left = cleanBatch(batch, 0, ({ offset }) => offset !== BASE + 24)!
  expect(left.length).toBeGreaterThan(BATCH_BYTES_MAX)
  const batches = [...batchesOf(left, toOffset(BASE), 'stored', toOffset(BASE + 24))]
  expect(batches.length).toBeGreaterThan(1)
  const found = batches.flatMap(({ position }) => decodeBatch(left, position).records)
  expect(found.map(({ offset }) => offset)).toEqual(half.concat(half).map((_, index) => BASE + index))
  for (const [index, record] of found.entries()) {
    expect(Buffer.compare(record.value!, half[index % 12]!)).toBe(0)
  }
})

describe('a log that is cleaned', () => {
  interface Draft {
    readonly key: number | null
    readonly isTombstone: boolean
  }
  const draft: fc.Arbitrary<Draft> = fc.record({
    key: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 8 }) }, { weight: 1, arbitrary: fc.constant(null) }),
    isTombstone: fc.oneof(fc.constant(false), fc.boolean()),
  })
  const history = fc.array(
    fc.record({
      records: fc.array(draft, { minLength: 1, maxLength: 10 }),
      compression: fc.constantFrom(...COMPRESSIONS),
    }),
    { minLength: 1, maxLength: 10 },
  )

  /** As a cleaner does it, in memory. */
  function clean(
    batches: readonly Uint8Array[],
    map: KeyMap,
    pass: Parameters<typeof keepsRecord>[2],
  ): Uint8Array[] {
    return batches.flatMap(batch => cleanBatch(batch, 0, record => keepsRecord(record, map, pass)) ?? [])
  }

  const recordsIn = (batches: readonly Uint8Array[]): LogRecord[] =>
    decodeBatches(new Uint8Array(Buffer.concat(batches)))

  test('has the last value of each key at its offset, and its last record', () => {
    fc.assert(
      fc.property(history, fc.boolean(), (drafts, dropsTombstones) => {
        let next = BASE
        const batches = drafts.map(({ records: some, compression }) => {
          const inputs = some.map(({ key, isTombstone }, index) => ({
            key: key === null ? null : Buffer.from(`key ${key}`),
            value: isTombstone ? null : Buffer.from(`value ${next + index}`),
            timestampMs: 5,
          }))
          const batch = encodeBatch(inputs, { compression, baseOffset: next })
          next += some.length
          return batch
        })
        const all = recordsIn(batches)
        const map = new KeyMap(all.length, MiB, keyHash)
        for (const batch of batches) expect(mapKeys(map, batch, 0)).toBe(true)
        const newest = new Map(
          all.filter(({ key }) => key).map(record => [String(Buffer.from(record.key!)), record.offset]),
        )
        const expected = all.filter(({ key, value, offset }) => {
          if (offset === next - 1) return true
          if (key === null || newest.get(String(Buffer.from(key))) !== offset) return false
          return value !== null || !dropsTombstones
        })
        const pass = { ...ALL, lastOffset: toOffset(next - 1), dropsTombstones }
        const left = clean(batches, map, pass)
        expect(recordsIn(left)).toEqual(expected)
        // Each batch is one that stands in a segment.
        const bytes = new Uint8Array(Buffer.concat(left))
        expect([...batchesOf(bytes, toOffset(BASE), 'stored', toOffset(next))].length).toBe(left.length)
        expect(clean(left, map, pass)).toEqual(left)
        // What is not clean yet stays, though the map knows of it.
        const half = toOffset(BASE + Math.floor((next - BASE) / 2))
        expect(recordsIn(clean(batches, map, { ...pass, cleanTo: half }))).toEqual(
          all.filter(
            record => record.offset >= half || expected.some(({ offset }) => offset === record.offset),
          ),
        )
      }),
      { numRuns: 100 },
    )
  })
})
