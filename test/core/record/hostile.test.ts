import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { DECOMPRESSED_BYTES_MAX } from '../../../src/core/limits.ts'
import { BatchRecords } from '../../../src/core/record/batch-records.ts'
import { findTimestamp } from '../../../src/core/record/find-timestamp.ts'
import {
  type CompressionName,
  checkBatch,
  decodeBatch,
  decodeBatches,
  encodeBatch,
} from '../../../src/core/record/index.ts'
import { COMPRESSIONS, record } from './arbitraries.ts'
import { errorAfter, errorOf } from './errors-of.ts'
import { forge, forgeCompressed, rawCompress, rawRecord, reseal, snappyStream, varint } from './forge.ts'

const MiB = 1024 * 1024
const TIME = varint(0)
const OFFSET = varint(0)
const NULL = varint(-1)
const NO_HEADERS = varint(0)

/** How much the process grew meanwhile: by what stayed, or by a new peak in between. */
function grownBytes(action: () => void): number {
  const before = { rss: process.memoryUsage().rss, peak: peakBytes() }
  action()
  return Math.max(process.memoryUsage().rss - before.rss, peakBytes() - before.peak)
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}

describe('a record with a right CRC around it', () => {
  const bad: [string, Uint8Array][] = [
    ['is missing', new Uint8Array(0)],
    ['is all zeros', new Uint8Array(20)],
    ['has a negative length', Uint8Array.from([...varint(-1), 0, 0, 0, 0, 0, 0])],
    ['says 1 GiB', Uint8Array.from([...varint(2 ** 30), 0, 0, 0, 0, 0, 0])],
    ['says one byte too many', Uint8Array.from([...varint(8), 0, 0, 0, 1, 1, 0, 0])],
    ['has an endless length', new Uint8Array(30).fill(0xff)],
    ['has a key of 1 GiB', rawRecord(TIME, OFFSET, varint(2 ** 30), NULL, NO_HEADERS)],
    ['has a key length of -2', rawRecord(TIME, OFFSET, varint(-2), NULL, NO_HEADERS)],
    ['has a value of 1 GiB', rawRecord(TIME, OFFSET, NULL, varint(2 ** 30), NO_HEADERS)],
    ['has a value that takes the header count', rawRecord(TIME, OFFSET, NULL, varint(2), [1, 1])],
    ['has a value length below all', rawRecord(TIME, OFFSET, NULL, varint(-(2 ** 31)), NO_HEADERS)],
    ['has a billion headers', rawRecord(TIME, OFFSET, NULL, NULL, varint(2 ** 30))],
    ['has a negative number of headers', rawRecord(TIME, OFFSET, NULL, NULL, varint(-1))],
    ['has a header without a name', rawRecord(TIME, OFFSET, NULL, NULL, varint(1), varint(-1), NULL)],
    ['has a header name of 1 GiB', rawRecord(TIME, OFFSET, NULL, NULL, varint(1), varint(2 ** 30), NULL)],
    [
      'has a header value of 1 GiB',
      rawRecord(TIME, OFFSET, NULL, NULL, varint(1), varint(0), varint(2 ** 30)),
    ],
    ['has a byte after its headers', rawRecord(TIME, OFFSET, NULL, NULL, NO_HEADERS, [0])],
    ['has another offset', rawRecord(TIME, varint(1), NULL, NULL, NO_HEADERS)],
    ['has an endless timestamp', rawRecord(new Array(10).fill(0xff), OFFSET, NULL, NULL, NO_HEADERS)],
    [
      'has a timestamp too wide',
      rawRecord([...new Array(8).fill(0xff), 0x7f], OFFSET, NULL, NULL, NO_HEADERS),
    ],
    ['is followed by more', Uint8Array.from([...rawRecord(TIME, OFFSET, NULL, NULL, NO_HEADERS), 0])],
  ]

  test.each(bad)('that %s is refused', async (_, payload) => {
    expect(errorOf(() => decodeBatch(forge(payload)))).toBe('INVALID_RECORD')
    expect(errorOf(() => decodeBatches(forge(payload)))).toBe('INVALID_RECORD')
    // The next batch's bytes must not be read as this one's.
    const followed = Buffer.concat([forge(payload), encodeBatch([{}], { nowMs: 0 })])
    expect(errorOf(() => decodeBatch(followed))).toBe('INVALID_RECORD')
    expect(['INVALID_RECORD', 'none']).toContain(await errorAfter(() => findTimestamp(followed, 0, 0)))
  })

  test.each(bad)('that %s is refused when it is compressed', (_, payload) => {
    for (const name of ['gzip', 'lz4', 'zstd'] as const) {
      if (payload.length === 0) continue
      expect(errorOf(() => decodeBatch(forgeCompressed(name, rawCompress[name](payload))))).toBe(
        'INVALID_RECORD',
      )
    }
  })

  test('is counted: more are claimed than can be, or are there', async () => {
    const one = rawRecord(TIME, OFFSET, NULL, NULL, NO_HEADERS)
    for (const records of [2, 1000, 1_000_000]) {
      expect(errorOf(() => decodeBatch(forge(one, { records })))).toBe('INVALID_RECORD')
      const packed = forgeCompressed('zstd', zstdCompressSync(one), records)
      expect(errorOf(() => decodeBatch(packed))).toBe('INVALID_RECORD')
      expect(await errorAfter(() => findTimestamp(packed, 0, 0))).toBe('INVALID_RECORD')
    }
  })
})

test.each(COMPRESSIONS)(
  'any change behind the CRC with %s gives records or an error, and nothing else',
  async name => {
    const inputs = fc.array(record, { minLength: 1, maxLength: 6 })
    const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }) })
    await fc.assert(
      fc.asyncProperty(inputs, fc.array(change, { minLength: 1, maxLength: 4 }), async (given, changes) => {
        const batch = encodeBatch(given, { compression: name })
        for (const { at, to } of changes) batch[21 + (at % (batch.length - 21))] = to
        reseal(batch)
        // errorOf lets every error pass that is not a TidemarkError.
        errorOf(() => decodeBatch(batch))
        await errorAfter(() => findTimestamp(batch, 0, 1_700_000_050_000))
        await errorAfter(async () => {
          const reading = new BatchRecords(checkBatch(batch), batch, 0)
          while (!reading.isAtEnd) await reading.next({ records: 2, bytes: 100 })
        })
      }),
      { numRuns: 2000 },
    )
  },
)

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('random bytes called %s are refused', name => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), payload => {
      expect(errorOf(() => decodeBatch(forgeCompressed(name, payload)))).not.toBe('none')
    }),
    { numRuns: 500 },
  )
})

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('every truncation of %s data is refused', name => {
  const value = Uint8Array.from({ length: 500 }, (_, at) => (at * at) % 251)
  const payload = encodeBatch([{ value }], { compression: name, nowMs: 0 }).subarray(61)
  for (let length = 0; length < payload.length; length++) {
    const batch = forgeCompressed(name, payload.subarray(0, length))
    expect(errorOf(() => decodeBatch(batch))).toBe('INVALID_RECORD')
  }
})

describe('a bomb', () => {
  // Decompressed it would be refused as no record; the error's name shows that it was not.
  const large = new Uint8Array(DECOMPRESSED_BYTES_MAX + 1)
  const packed = {
    gzip: () => rawCompress.gzip(large),
    zstd: () => rawCompress.zstd(large),
    lz4: () => rawCompress.lz4(large),
    snappy: () => snappyStream(new Array(4097).fill(compressSync(new Uint8Array(32 * 1024)))),
  }

  test.each(['gzip', 'zstd', 'lz4', 'snappy'] as const)('of %s stops at the limit', name => {
    const batch = forgeCompressed(name, packed[name]())
    expect(batch.length).toBeLessThan(8 * MiB)
    const grown = grownBytes(() => {
      expect(errorOf(() => decodeBatch(batch))).toBe('MESSAGE_TOO_LARGE')
    })
    expect(grown).toBeLessThan(4 * DECOMPRESSED_BYTES_MAX)
  })

  test.each(['gzip', 'zstd', 'lz4', 'snappy'] as const)(
    'of %s stops at a lower limit that is given',
    name => {
      const batch = encodeBatch([{ value: new Uint8Array(100_000) }], { nowMs: 1, compression: name })
      expect(errorOf(() => decodeBatch(batch, 0, { maxBytes: 99_000 }))).toBe('MESSAGE_TOO_LARGE')
      expect(decodeBatch(batch, 0, { maxBytes: 300_000 }).records).toHaveLength(1)
    },
  )

  test('that only claims to be large takes next to nothing', () => {
    const claims: [CompressionName, number[]][] = [
      // Raw snappy: a length of 100 MiB and of 4 GiB - 1, then a literal of one byte.
      ['snappy', [0x80, 0x80, 0x80, 0x32, 0, 0x61]],
      ['snappy', [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x61]],
      ['snappy', [...snappyStream([Uint8Array.of(0xff, 0xff, 0xff, 0x3f, 0, 0x61)])]],
      // A stream whose block says 1 GiB of compressed bytes, then one that says less than none.
      ['snappy', [...snappyStream([]), 0x40, 0, 0, 0, 1]],
      ['snappy', [...snappyStream([]), 0x80, 0, 0, 0, 1]],
      // LZ4: a content size of 2^62, and a stored block of 2 GiB - 1.
      ['lz4', [0x04, 0x22, 0x4d, 0x18, 0x68, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0]],
      ['lz4', [0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
      // zstd: a single segment of 2^62 bytes.
      ['zstd', [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0]],
    ]
    const grown = grownBytes(() => {
      for (const [name, payload] of claims) {
        for (let time = 0; time < 20; time++) {
          const error = errorOf(() => decodeBatch(forgeCompressed(name, Uint8Array.from(payload))))
          expect(error).toMatch(/INVALID_RECORD|MESSAGE_TOO_LARGE/)
        }
      }
    })
    expect(grown).toBeLessThan(64 * MiB)
  })

  test.each(['lz4', 'zstd'] as const)('of %s in several frames stops at the limit of all together', name => {
    const part = rawCompress[name](new Uint8Array(DECOMPRESSED_BYTES_MAX / 4))
    const batch = forgeCompressed(
      name,
      Buffer.concat([part, part, part, part, rawCompress[name](Uint8Array.of(1))]),
    )
    expect(errorOf(() => decodeBatch(batch))).toBe('MESSAGE_TOO_LARGE')
  })

  test.each(['lz4', 'zstd'] as const)('of frames of %s with nothing inside is refused', name => {
    const frame = rawCompress[name](new Uint8Array(0))
    const batch = forgeCompressed(name, Buffer.concat(Array.from({ length: 10_001 }, () => frame)))
    expect(() => decodeBatch(batch)).toThrow('more than 10000 frames')
  })

  test('of headers is refused before they are made', () => {
    const count = 20_000_000
    const body = [0, 0, 0, ...NULL, ...NULL, ...varint(count)]
    const lengthBytes = varint(body.length + 2 * count)
    const plain = new Uint8Array(lengthBytes.length + body.length + 2 * count)
    plain.set([...lengthBytes, ...body])
    const batch = forgeCompressed('zstd', zstdCompressSync(plain))
    expect(batch.length).toBeLessThan(8192)
    const grown = grownBytes(() => expect(errorOf(() => decodeBatch(batch))).toBe('INVALID_RECORD'))
    expect(grown).toBeLessThan(6 * plain.length)
  })
})

describe('an LZ4 frame', () => {
  const frame = rawCompress.lz4(new Uint8Array(100).fill(7))
  const changed = (at: number, to: number) =>
    Uint8Array.from(frame, (byte, index) => (index === at ? to : byte))
  const bad: [string, Uint8Array][] = [
    ['with another magic', changed(0, 5)],
    ['in the legacy format', changed(0, 2)],
    ['of another version', changed(4, 0xa0)],
    ['with a reserved flag', changed(4, 0x62)],
    ['with a dictionary', changed(4, 0x61)],
    ['with an unknown block size', changed(5, 0x30)],
    ['with a wrong header checksum', changed(6, frame[6]! ^ 1)],
    ['without an end', frame.subarray(0, frame.length - 4)],
    ['with something after its end', Uint8Array.from([...frame, 0])],
    ['with another one that has no end', Uint8Array.from([...frame, ...frame.subarray(0, frame.length - 4)])],
    ['with a skippable one that has no end', Uint8Array.from([...frame, 0x5f, 0x2a, 0x4d, 0x18, 1, 0, 0, 0])],
  ]
  test.each(bad)('%s is refused', (_, payload) => {
    expect(errorOf(() => decodeBatch(forgeCompressed('lz4', payload)))).toBe('INVALID_RECORD')
  })
})
