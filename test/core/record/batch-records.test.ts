import { createHash } from 'node:crypto'
import { deflateSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { DECOMPRESSED_BYTES_MAX, PORTION_BYTES, PORTION_RECORDS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { BatchRecords, type Portion } from '../../../src/core/record/batch-records.ts'
import { findTimestamp } from '../../../src/core/record/find-timestamp.ts'
import {
  type CompressionName,
  checkBatch,
  decodeBatch,
  encodeBatch,
  type LogRecord,
} from '../../../src/core/record/index.ts'
import { lz4Pieces } from '../../../src/core/record/lz4-frame.ts'
import { RecordTooLarge } from '../../../src/core/record/record-fields.ts'
import { forgeCompressed, snappyStream } from './forge.ts'

const MiB = 1024 * 1024
const NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const PORTION: Portion = { records: PORTION_RECORDS, bytes: PORTION_BYTES }

interface Read {
  readonly records: LogRecord[]
  /** Of each portion. */
  readonly sizes: number[]
  readonly error: string
}

async function readAll(
  batch: Uint8Array,
  wanted?: ConstructorParameters<typeof BatchRecords>[3],
  portion = PORTION,
): Promise<Read> {
  const records: LogRecord[] = []
  const sizes: number[] = []
  try {
    const reading = new BatchRecords(checkBatch(batch), batch, 0, wanted)
    while (!reading.isAtEnd) {
      const some = await reading.next(portion)
      sizes.push(some.length)
      records.push(...some)
    }
  } catch (error) {
    return { records, sizes, error: String((error as { kafkaName?: string }).kafkaName ?? error) }
  }
  return { records, sizes, error: 'none' }
}

/** All that there is of records, to be compared at once: bytes one by one take seconds. */
function summary(records: readonly LogRecord[]): string {
  const hash = createHash('sha256')
  for (const { offset, timestampMs, key, value, headers } of records) {
    hash.update(
      JSON.stringify([offset, timestampMs, key?.length ?? null, value?.length ?? null, headers.length]),
    )
    hash.update(value ?? '')
  }
  return `${records.length} records: ${hash.digest('hex')}`
}

/** Compresses well, and not so well that it would all be one block. */
function contentOf(seed: number, bytes: number): Uint8Array {
  const value = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at += 64) value.write(`${seed} and ${at % (4099 + seed)} `, at)
  return value
}

describe.each(NAMES)('records of a batch in %s', compression => {
  test('come as decodeBatch has them, in portions of any size', async () => {
    const sizes = fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 50 })
    const portions = fc.record({
      records: fc.integer({ min: 1, max: 60 }),
      bytes: fc.integer({ min: 1, max: 9_000 }),
    })
    await fc.assert(
      fc.asyncProperty(sizes, portions, fc.nat({ max: 60 }), async (lengths, portion, skipped) => {
        const inputs = lengths.map((length, index) => ({
          key: index % 3 === 0 ? null : contentOf(index, index),
          value: index % 7 === 6 ? null : contentOf(index, length),
          headers: index % 5 === 0 ? [{ key: 'h', value: null }] : [],
        }))
        const batch = encodeBatch(inputs, { nowMs: 5, baseOffset: 100, compression })
        const from = toOffset(100 + skipped)
        const read = await readAll(batch, { from }, portion)
        expect(read.error).toBe('none')
        expect(read.records).toEqual(decodeBatch(batch).records.filter(({ offset }) => offset >= from))
        for (const size of read.sizes) expect(size).toBeLessThanOrEqual(portion.records)
      }),
      { numRuns: 60 },
    )
  })
})

const COMPRESSED = ['gzip', 'snappy', 'lz4', 'zstd'] as const

/** Records of all sizes, among them some that are larger than any piece. */
const LENGTHS = [10, 5 * MiB, 0, 300_000, 262_140, 262_150, 64 * 1024, 1, 3 * MiB, ...Array(2_000).fill(700)]
const LARGE = LENGTHS.map((length, index) => ({ key: null, value: contentOf(index, length) }))

describe.each(COMPRESSED)('a batch in %s that holds more than is taken at once', compression => {
  const batch = encodeBatch(LARGE, { nowMs: 5, baseOffset: 7, compression })

  test('comes in pieces, with the same records', async () => {
    const reading = new BatchRecords(checkBatch(batch), batch, 0)
    expect(reading.heldBytes).toBeGreaterThan(0)
    const { records, error, sizes } = await readAll(batch)
    expect(error).toBe('none')
    expect(summary(records)).toBe(summary(decodeBatch(batch).records))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PORTION_RECORDS)
  })

  test.each([8, 9, 12, 16, 500, 7 + LENGTHS.length - 1])('is read from offset %d', async from => {
    const { records, error } = await readAll(batch, { from: toOffset(from) })
    expect(error).toBe('none')
    expect(summary(records)).toBe(summary(decodeBatch(batch).records.filter(({ offset }) => offset >= from)))
  })

  test('tells offsets and timestamps alone, and finds one by its time', async () => {
    const timed = LARGE.map((record, index) => ({ ...record, timestampMs: index * 1_000 }))
    const times = encodeBatch(timed, { baseOffset: 7, compression })
    const { records, error } = await readAll(times, { from: toOffset(8), isBrief: true })
    expect(error).toBe('none')
    expect(records.map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual(
      timed.slice(1).map(({ timestampMs }, index) => [index + 8, timestampMs]),
    )
    for (const index of [0, 1, 2, 900, LENGTHS.length - 1]) {
      const found = await findTimestamp(times, 0, index * 1_000 - 1)
      expect(found).toEqual({ offset: index + 7, timestampMs: index * 1_000 })
    }
    expect(await findTimestamp(times, 0, 5_000, toOffset(20))).toEqual({ offset: 20, timestampMs: 13_000 })
  })

  test('has a record that is too large only where it is wanted', async () => {
    const limited = await readAll(batch, { recordBytesMax: 4 * MiB })
    expect([limited.records.length, limited.error]).toEqual([1, 'MESSAGE_TOO_LARGE'])
    const behind = await readAll(batch, { recordBytesMax: 4 * MiB, from: toOffset(9) })
    expect([behind.records.length, behind.error]).toEqual([LENGTHS.length - 2, 'none'])
  })

  test('can be let go of', async () => {
    const reading = new BatchRecords(checkBatch(batch), batch, 0)
    await reading.next({ records: 1, bytes: 1 })
    reading.close()
    reading.close()
    expect(reading.nextOffset).toBe(8)
  })

  test('gives what comes before its end where that is missing', async () => {
    const payload = batch.subarray(61)
    const cut = forgeCompressed(compression, payload.subarray(0, payload.length - 600), LENGTHS.length)
    const { records, error } = await readAll(cut)
    expect(error).toBe('INVALID_RECORD')
    expect(records.length).toBeLessThan(LENGTHS.length)
  })

  test('has no more records than it says', async () => {
    const fewer = forgeCompressed(compression, batch.subarray(61), LENGTHS.length - 1)
    expect((await readAll(fewer)).error).toBe('INVALID_RECORD')
    const more = forgeCompressed(compression, batch.subarray(61), LENGTHS.length + 1)
    const { records, error } = await readAll(more)
    expect([records.length, error]).toEqual([LENGTHS.length, 'INVALID_RECORD'])
  })
})

/** The records of a batch as they are before they are compressed. */
function plainOf(records: { value: Uint8Array }[]): Uint8Array {
  return zstdDecompressSync(encodeBatch(records, { nowMs: 5, compression: 'zstd' }).subarray(61))
}

test.each([
  ['gzip', (part: Uint8Array) => gzipSync(part)],
  ['zstd', (part: Uint8Array) => zstdCompressSync(part)],
  ['lz4', (part: Uint8Array) => compressFrameSync(Buffer.from(part))],
  ['snappy', (part: Uint8Array) => snappyStream([compressSync(part)])],
] as const)('a record across many frames of %s is put together', async (name, compress) => {
  const value = contentOf(1, 9 * MiB)
  const plain = plainOf([{ value }])
  const parts: Uint8Array[] = []
  for (let at = 0; at < plain.length; at += 1_000_003)
    parts.push(compress(plain.subarray(at, at + 1_000_003)))
  const { records, error } = await readAll(forgeCompressed(name as CompressionName, Buffer.concat(parts)))
  expect(error).toBe('none')
  expect(Buffer.compare(records[0]!.value!, value)).toBe(0)
})

test('snappy in one raw block of any size is read', async () => {
  const value = contentOf(1, 9 * MiB)
  const { records, error } = await readAll(forgeCompressed('snappy', compressSync(plainOf([{ value }]))))
  expect([error, Buffer.compare(records[0]!.value!, value)]).toEqual(['none', 0])
})

test('a block of LZ4 may refer to those before', () => {
  const half = Buffer.from('0123456789abcdef'.repeat(4))
  const length = (bytes: number) => Buffer.from([bytes, 0, 0, 0])
  // Blocks that are not independent; the first one is stored.
  const start = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0])
  const stored = Buffer.from([half.length, 0, 0, 0x80])
  // No literals and 19 bytes from 64 bytes before; then the last five literals.
  const second = Buffer.from([0x0f, 64, 0, 0, 0x50, ...Buffer.from('12345')])
  const frame = [start, stored, half, length(second.length), second, length(0)]
  const pieces = [...lz4Pieces(Buffer.concat(frame))]
  expect(Buffer.concat(pieces).toString()).toBe(`${half}${half.subarray(0, 19)}12345`)
})

test('a record that says it is large takes no memory before it comes', async () => {
  const plain = Buffer.from(encodeBatch([{ value: Buffer.alloc(100) }], { nowMs: 5 }).subarray(61))
  // 128 MiB - 1, in zigzag.
  const claim = Buffer.from([0xfe, 0xff, 0xff, 0x7f])
  const batch = forgeCompressed(
    'zstd',
    zstdCompressSync(Buffer.concat([claim, plain, Buffer.alloc(5 * MiB)])),
  )
  const { records, error } = await readAll(batch)
  expect([records, error]).toEqual([[], 'INVALID_RECORD'])
})

test.each(['gzip', 'lz4', 'zstd'] as const)('%s stops at the limit of a batch', async name => {
  const value = new Uint8Array((DECOMPRESSED_BYTES_MAX / 8) * 5)
  const payload = encodeBatch([{ value }], { nowMs: 1, compression: name }).subarray(61)
  const { records, error } = await readAll(forgeCompressed(name, Buffer.concat([payload, payload]), 2))
  expect([records.length, error]).toEqual([1, 'MESSAGE_TOO_LARGE'])
})

test('what is no gzip behind the first pieces ends the reading there', async () => {
  const whole = Buffer.from(gzipSync(plainOf(LARGE), { level: 1 }))
  whole.fill(0xff, whole.length - 3_000, whole.length - 1_000)
  const { records, error } = await readAll(forgeCompressed('gzip', whole, LENGTHS.length))
  expect(error).toBe('INVALID_RECORD')
  expect(records.length).toBeGreaterThan(5)
  expect((await readAll(forgeCompressed('gzip', deflateSync(Buffer.alloc(9 * MiB)), 1))).error).toBe(
    'INVALID_RECORD',
  )
})

test('RecordTooLarge tells where and how large', () => {
  expect(new RecordTooLarge(toOffset(5), '10 bytes', '3', 10)).toMatchObject({
    kafkaName: 'MESSAGE_TOO_LARGE',
    offset: 5,
    recordBytes: 10,
  })
})
