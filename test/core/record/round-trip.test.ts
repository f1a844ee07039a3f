import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findTimestamp } from '../../../src/core/record/find-timestamp.ts'
import {
  batchSizeBytes,
  batchSpan,
  checkBatch,
  decodeBatch,
  decodeBatches,
  encodeBatch,
  stampLogAppendTime,
} from '../../../src/core/record/index.ts'
import { COMPRESSIONS, records, timestamp } from './arbitraries.ts'
import { errorOf } from './errors-of.ts'

describe.each(COMPRESSIONS)('a batch with compression %s', compression => {
  test('comes back as it went in', () => {
    const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER - 1000 })
    fc.assert(
      fc.property(
        records,
        offset,
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        (inputs, baseOffset, producerId) => {
          const batch = encodeBatch(inputs, {
            compression,
            baseOffset,
            producerId,
            producerEpoch: 3,
            baseSequence: 8,
          })
          const { header, records: outputs } = decodeBatch(batch)

          expect(outputs).toEqual(inputs.map((input, at) => ({ ...input, offset: baseOffset + at })))
          expect(header).toMatchObject({
            baseOffset,
            compression,
            sizeBytes: batch.length,
            recordCount: inputs.length,
            lastOffsetDelta: inputs.length - 1,
            baseTimestamp: inputs[0]!.timestampMs,
            maxTimestamp: Math.max(...inputs.map(input => input.timestampMs)),
            timestampType: 'CreateTime',
            isTransactional: false,
            isControl: false,
            producerId,
            producerEpoch: 3,
            baseSequence: 8,
          })
          expect(batchSizeBytes(batch, 0)).toBe(batch.length)
          expect(batchSpan(batch, 0)).toBe(inputs.length)
        },
      ),
    )
  })

  test('comes back from the middle of a larger buffer, whatever stands around it', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 40 }), fc.nat({ max: 40 }), (inputs, before, after) => {
        const batch = encodeBatch(inputs, { compression })
        const around = Buffer.alloc(before + batch.length + after, 0xff)
        around.set(batch, before)
        // Twice inside another, so that a view's own offset counts as well.
        const view = new Uint8Array(around.buffer, around.byteOffset, around.length)
        expect(decodeBatch(view, before)).toEqual(decodeBatch(batch))
      }),
    )
  })

  test('finds a timestamp where decoding finds it', () => {
    fc.assert(
      fc.property(records, timestamp, (inputs, wanted) => {
        const batch = encodeBatch(inputs, { compression, baseOffset: 7 })
        const first = decodeBatch(batch).records.find(record => record.timestampMs >= wanted)
        expect(findTimestamp(batch, 0, wanted)).toEqual(
          first && { offset: first.offset, timestampMs: first.timestampMs },
        )
      }),
    )
  })

  test('has the append time in every record once it is stamped', () => {
    fc.assert(
      fc.property(records, timestamp, (inputs, nowMs) => {
        const batch = encodeBatch(inputs, { compression, baseOffset: 7 })
        const before = decodeBatch(batch).records
        stampLogAppendTime(batch, 0, nowMs)
        expect(checkBatch(batch)).toMatchObject({
          timestampType: 'LogAppendTime',
          maxTimestamp: nowMs,
          compression,
        })
        expect(decodeBatch(batch).records).toEqual(before.map(record => ({ ...record, timestampMs: nowMs })))
        expect(findTimestamp(batch, 0, nowMs)).toEqual({ offset: 7, timestampMs: nowMs })
        expect(findTimestamp(batch, 0, nowMs + 1)).toBeUndefined()
      }),
    )
  })

  test('holds a record that is larger than a compressor takes at once', () => {
    const value = new Uint8Array(3_000_000).map((_, at) => (at * 2_654_435_761) >>> 24)
    const batch = encodeBatch([{ value }, { key: value.subarray(0, 70_000) }], { compression, nowMs: 1 })
    const [first, second] = decodeBatch(batch).records
    expect(Buffer.compare(first!.value!, value)).toBe(0)
    expect(Buffer.compare(second!.key!, value.subarray(0, 70_000))).toBe(0)
  })
})

test('a run of batches comes back as one list', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(records, fc.constantFrom(...COMPRESSIONS)), { maxLength: 5 }), runs => {
      let baseOffset = 100
      const batches = runs.map(([inputs, compression]) => {
        const batch = encodeBatch(inputs, { compression, baseOffset })
        baseOffset += inputs.length
        return batch
      })
      const outputs = decodeBatches(Buffer.concat(batches))
      const inputs = runs.flatMap(([inputs]) => inputs)
      expect(outputs).toEqual(inputs.map((input, at) => ({ ...input, offset: 100 + at })))
    }),
    { numRuns: 50 },
  )
})

test('what is left out has its default', () => {
  const { header, records: outputs } = decodeBatch(encodeBatch([{}], { nowMs: 42 }))
  expect(outputs).toEqual([{ offset: 0, timestampMs: 42, key: null, value: null, headers: [] }])
  expect(header).toMatchObject({
    baseOffset: 0,
    compression: 'none',
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    leaderEpoch: -1,
  })
})

test('header names keep a byte order mark and repeat in order; a lone surrogate is replaced', () => {
  const headers = ['\uFEFFmark', 'same', 'same', '', '🌊'.repeat(50), 'é'.repeat(31)].map((key, at) => ({
    key,
    value: Uint8Array.of(at),
  }))
  expect(decodeBatch(encodeBatch([{ headers }], { nowMs: 0 })).records[0]!.headers).toEqual(headers)
  const lone = encodeBatch([{ headers: [{ key: 'a\uD83Cb', value: null }] }], { nowMs: 0 })
  expect(decodeBatch(lone).records[0]!.headers).toEqual([{ key: 'a\uFFFDb', value: null }])
})

test('the encoder refuses what no broker would take', () => {
  expect(errorOf(() => encodeBatch([], { nowMs: 1 }))).toBe('INVALID_RECORD')
  expect(errorOf(() => encodeBatch([{}]))).toBe('INVALID_TIMESTAMP')
  for (const timestampMs of [-1, 0.5, Number.NaN, 2 ** 53]) {
    expect(errorOf(() => encodeBatch([{ timestampMs }]))).toBe('INVALID_TIMESTAMP')
  }
  const large = new Uint8Array(4 * 1024 * 1024)
  expect(errorOf(() => encodeBatch([{ value: large }], { nowMs: 1 }))).toBe('MESSAGE_TOO_LARGE')
  expect(errorOf(() => encodeBatch([{ value: large }], { nowMs: 1, compression: 'zstd' }))).toBe('none')
  const tooMany = new Array(40).fill({ value: large })
  expect(errorOf(() => encodeBatch(tooMany, { nowMs: 1, compression: 'zstd' }))).toBe('MESSAGE_TOO_LARGE')
  expect(errorOf(() => encodeBatch(new Array(1_000_001).fill({}), { nowMs: 1 }))).toBe(
    'RECORD_LIST_TOO_LARGE',
  )
  const header = { key: '', value: null }
  const headers = new Array(1_000_001).fill(header)
  expect(errorOf(() => encodeBatch([{ headers }], { nowMs: 1 }))).toBe('RECORD_LIST_TOO_LARGE')
  expect(errorOf(() => encodeBatch([{}], { nowMs: 1, compression: 'brotli' as 'zstd' }))).toBe(
    'UNSUPPORTED_COMPRESSION_TYPE',
  )
  expect(() => encodeBatch([{}, {}], { nowMs: 1, baseOffset: Number.MAX_SAFE_INTEGER })).toThrow(RangeError)
  expect(() => encodeBatch([{}], { nowMs: 1, baseOffset: -1 })).toThrow(RangeError)
})
