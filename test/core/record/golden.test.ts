import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkBatch, decodeBatch, encodeBatch, patchOffsets } from '../../../src/core/record/index.ts'
import { COMPRESSIONS } from './arbitraries.ts'

/** Bytes that Apache Kafka's Java client made; see the README beside them. */
function golden(name: string): Uint8Array {
  const hex = readFileSync(new URL(`../../golden/record/${name}.hex`, import.meta.url), 'utf8')
  return Uint8Array.from(Buffer.from(hex.replaceAll('\n', ''), 'hex'))
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

const RECORDS = [
  { timestampMs: 1_700_000_000_000, key: utf8('key-0'), value: utf8('value-0'), headers: [] },
  {
    timestampMs: 1_700_000_000_001,
    key: null,
    value: utf8('Grüße, 世界 🌊'),
    headers: [
      { key: 'trace-id', value: Uint8Array.of(0, 255, 16) },
      { key: 'ключ', value: null },
      { key: 'empty', value: new Uint8Array(0) },
    ],
  },
  { timestampMs: 1_699_999_999_000, key: new Uint8Array(0), value: null, headers: [] },
  { timestampMs: 1_800_000_000_000, key: utf8('long'), value: utf8('a'.repeat(400)), headers: [] },
]
const DECODED = RECORDS.map((record, at) => ({ ...record, offset: 1000 + at }))
const PRODUCER = { producerId: 4242n, producerEpoch: 7, baseSequence: 99 }

describe.each(COMPRESSIONS)('the golden batch with compression %s', compression => {
  test('decodes', () => {
    const { header, records } = decodeBatch(golden(compression))
    expect(records).toEqual(DECODED)
    expect(header).toMatchObject({
      ...PRODUCER,
      compression,
      baseOffset: 1000,
      leaderEpoch: 5,
      baseTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_800_000_000_000,
      recordCount: 4,
    })
  })
})

test('the encoder makes the uncompressed golden batch, byte for byte', () => {
  const batch = encodeBatch(RECORDS, PRODUCER)
  patchOffsets(batch, 0, 1000, 5)
  expect(Buffer.from(batch).toString('hex')).toBe(Buffer.from(golden('none')).toString('hex'))
})

test('a batch that the broker stamped has one time', () => {
  const { header, records } = decodeBatch(golden('log-append-time'))
  expect(header.timestampType).toBe('LogAppendTime')
  expect(records).toEqual(DECODED.map(record => ({ ...record, timestampMs: 1_750_000_000_000 })))
})

test('transactions have their flags and markers', () => {
  const transactional = checkBatch(golden('transactional'))
  expect(transactional).toMatchObject({ isTransactional: true, isControl: false })

  const { header, records } = decodeBatch(golden('control'))
  expect(header).toMatchObject({
    isTransactional: true,
    isControl: true,
    producerId: 4242n,
    baseSequence: -1,
  })
  // Version 0, type 1: commit.
  expect(records).toMatchObject([{ offset: 1004, key: Uint8Array.of(0, 0, 0, 1) }])
})
