import { describe, expect, test } from 'vitest'
import { checkDense } from '../../../src/core/record/batch-header.ts'
import {
  batchSizeBytes,
  checkBatch,
  decodeBatch,
  decodeBatches,
  encodeBatch,
  patchOffsets,
  readBatchHeader,
  stampLogAppendTime,
  stampProducer,
} from '../../../src/core/record/index.ts'
import { COMPRESSIONS } from './arbitraries.ts'
import { errorOf } from './errors-of.ts'
import { forge, reseal } from './forge.ts'

const INPUTS = [
  { key: Uint8Array.of(1), value: new Uint8Array(40), headers: [{ key: 'h', value: null }], timestampMs: 5 },
  { key: null, value: null, timestampMs: 9 },
]

describe.each(COMPRESSIONS)('damage to a batch with compression %s', compression => {
  const batch = encodeBatch(INPUTS, { compression })

  test('every truncation is refused', () => {
    for (let length = 0; length < batch.length; length++) {
      expect(errorOf(() => checkBatch(batch.subarray(0, length)))).toBe('CORRUPT_MESSAGE')
      expect(errorOf(() => decodeBatch(batch.subarray(0, length)))).toBe('CORRUPT_MESSAGE')
      if (length > 0) expect(errorOf(() => decodeBatches(batch.subarray(0, length)))).toBe('CORRUPT_MESSAGE')
    }
  })

  test('every changed bit from the length on is refused, but for the leader epoch', () => {
    for (let at = 8; at < batch.length; at++) {
      const outside = at >= 12 && at < 16
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Uint8Array.from(batch)
        damaged[at]! ^= 1 << bit
        const error = errorOf(() => checkBatch(damaged))
        // A smaller magic is told from damage: it is an old client's.
        if (at === 16) expect(error).toMatch(/CORRUPT_MESSAGE|INVALID_RECORD/)
        else expect(error).toBe(outside ? 'none' : 'CORRUPT_MESSAGE')
      }
    }
  })
})

test('offsets are patched in place, up to the largest, and the CRC stays right', () => {
  const around = new Uint8Array(500).fill(0xaa)
  const batch = encodeBatch(INPUTS)
  around.set(batch, 100)
  for (const baseOffset of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER - 1]) {
    patchOffsets(around, 100, baseOffset, 6)
    const { header, records } = decodeBatch(around, 100)
    expect(header).toMatchObject({ baseOffset, leaderEpoch: 6 })
    expect(records.map(record => record.offset)).toEqual([baseOffset, baseOffset + 1])
  }
  expect(around.subarray(0, 100).every(byte => byte === 0xaa)).toBe(true)
  expect(around.subarray(100 + batch.length).every(byte => byte === 0xaa)).toBe(true)
  for (const baseOffset of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER, 2 ** 53]) {
    expect(() => patchOffsets(around, 100, baseOffset, 0)).toThrow(RangeError)
  }
  expect(errorOf(() => patchOffsets(around, 450, 0, 0))).toBe('CORRUPT_MESSAGE')
})

test('offsets that do not fit into 53 bits are refused', () => {
  const batch = encodeBatch(INPUTS)
  const view = new DataView(batch.buffer, batch.byteOffset)
  for (const offset of [2n ** 53n, 2n ** 53n - 1n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]) {
    view.setBigInt64(0, offset)
    expect(errorOf(() => checkBatch(batch))).toBe('CORRUPT_MESSAGE')
  }
  view.setBigInt64(0, 2n ** 53n - 2n)
  expect(checkBatch(batch).baseOffset).toBe(Number.MAX_SAFE_INTEGER - 1)
})

test('timestamps that do not fit into 53 bits are refused; -1, none, is not', () => {
  for (const at of [27, 35]) {
    for (const [value, error] of [
      [2n ** 53n, 'INVALID_TIMESTAMP'],
      [1_700_000_000_000_000_000n, 'INVALID_TIMESTAMP'],
      [-(2n ** 63n), 'INVALID_TIMESTAMP'],
      [2n ** 53n - 1n, 'none'],
      [-1n, 'none'],
    ] as const) {
      const batch = encodeBatch(INPUTS)
      new DataView(batch.buffer, batch.byteOffset).setBigInt64(at, value)
      expect(errorOf(() => checkBatch(reseal(batch)))).toBe(error)
    }
  }
})

test('counts that cannot be are refused', () => {
  const payload = encodeBatch(INPUTS).subarray(61)
  for (const [records, lastOffsetDelta] of [
    [0, -1],
    [-1, -2],
    [2, 0],
    [1, 1],
    [2, 2],
    [-(2 ** 31), 2 ** 31 - 1],
    [2 ** 31 - 1, 2 ** 31 - 2],
    [1_000_000, 999_999],
  ] as const) {
    const batch = forge(payload)
    const view = new DataView(batch.buffer)
    view.setInt32(23, lastOffsetDelta)
    view.setInt32(57, records)
    const isGapped = records > 0 && records < lastOffsetDelta + 1
    // One with gaps may be stored, and is taken from no producer.
    const check = () => (isGapped ? checkDense(checkBatch(batch)) : checkBatch(batch))
    reseal(batch)
    expect(errorOf(check)).toMatch(/INVALID_RECORD|RECORD_LIST_TOO_LARGE/)
  }
})

test('lengths that cannot be are refused', () => {
  for (const length of [0, -1, 48, -(2 ** 31), 2 ** 31 - 1, 2 ** 30]) {
    const batch = forge(new Uint8Array(39))
    new DataView(batch.buffer).setInt32(8, length)
    expect(errorOf(() => checkBatch(batch))).toBe('CORRUPT_MESSAGE')
    if (length < 49) expect(errorOf(() => batchSizeBytes(batch, 0))).toBe('CORRUPT_MESSAGE')
  }
  const large = new Uint8Array(4 * 1024 * 1024 + 1)
  new DataView(large.buffer).setInt32(8, large.length - 12)
  expect(errorOf(() => checkBatch(large))).toBe('MESSAGE_TOO_LARGE')
})

test('unknown compressions and the old message formats are named', () => {
  for (const code of [5, 6, 7]) {
    expect(errorOf(() => checkBatch(forge(new Uint8Array(39), { code })))).toBe(
      'UNSUPPORTED_COMPRESSION_TYPE',
    )
  }
  const batch = encodeBatch(INPUTS)
  for (const [magic, error] of [
    [0, 'INVALID_RECORD'],
    [1, 'INVALID_RECORD'],
    [3, 'CORRUPT_MESSAGE'],
    [255, 'CORRUPT_MESSAGE'],
  ] as const) {
    batch[16] = magic
    expect(errorOf(() => readBatchHeader(batch))).toBe(error)
    expect(errorOf(() => checkBatch(batch))).toBe(error)
  }
})

test('a header alone can be read, and its flags', () => {
  const batch = encodeBatch(INPUTS, { baseOffset: 77 })
  batch[22]! |= 0b11_0000
  expect(readBatchHeader(batch.subarray(0, 61))).toMatchObject({
    baseOffset: 77,
    sizeBytes: batch.length,
    isTransactional: true,
    isControl: true,
    producerId: -1n,
  })
  expect(errorOf(() => readBatchHeader(batch.subarray(0, 60)))).toBe('CORRUPT_MESSAGE')
})

test('only a whole batch can be stamped, with a time', () => {
  const batch = encodeBatch(INPUTS)
  expect(errorOf(() => stampLogAppendTime(batch.subarray(0, batch.length - 1), 0, 1))).toBe('CORRUPT_MESSAGE')
  expect(() => stampLogAppendTime(batch, 0, -1)).toThrow(RangeError)
  expect(() => stampLogAppendTime(batch, 0, 0.5)).toThrow(RangeError)
})

test.each(COMPRESSIONS)('the producer is stamped in place, with compression %s', compression => {
  const batch = encodeBatch(INPUTS, { compression })
  const around = new Uint8Array(batch.length + 50).fill(0xaa)
  around.set(batch, 20)
  for (const producer of [
    { producerId: 2n ** 63n - 1n, producerEpoch: 32_767, baseSequence: 2 ** 31 - 1 },
    { producerId: 0n, producerEpoch: 0, baseSequence: 0 },
    { producerId: -1n, producerEpoch: -1, baseSequence: -1 },
  ]) {
    stampProducer(around, 20, producer)
    expect(checkBatch(around, 20)).toMatchObject(producer)
    expect(around.subarray(20, 20 + batch.length)).toEqual(encodeBatch(INPUTS, { compression, ...producer }))
  }
  expect(around.subarray(0, 20).every(byte => byte === 0xaa)).toBe(true)
  expect(around.subarray(20 + batch.length).every(byte => byte === 0xaa)).toBe(true)
  const none = { producerId: 1n, producerEpoch: 0, baseSequence: 0 }
  expect(errorOf(() => stampProducer(batch.subarray(0, batch.length - 1), 0, none))).toBe('CORRUPT_MESSAGE')
})
