import { createRequire } from 'node:module'
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBatch, encodeBatch, type LogRecord, type RecordInput } from '../../../src/core/record/index.ts'
import { COMPRESSIONS } from './arbitraries.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array))
const nullable = fc.option(bytes, { nil: null })
// kafkajs collects headers in an object, and takes what Object.prototype has for a header that came before.
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(text => !(text in {}))

interface Simple {
  key: Buffer | null
  value: Buffer | null
  headers: [string, Buffer][]
  timestampMs: number
}

const simple: fc.Arbitrary<Simple> = fc.record({
  key: nullable,
  value: nullable,
  headers: fc.uniqueArray(fc.tuple(name, bytes), { maxLength: 3, selector: ([text]) => text }),
  // Within 2^31 ms: @platformatic/dynamic-buffer 0.3 writes wider timestamp deltas wrongly.
  timestampMs: fc.integer({ min: 1_700_000_000_000, max: 1_702_147_483_647 }),
})
const simples = fc.array(simple, { minLength: 1, maxLength: 20 })

function asInput(record: Simple): RecordInput {
  return { ...record, headers: record.headers.map(([key, value]) => ({ key, value })) }
}

/** Everything as text and hex, so that Buffers and views, bigints and numbers compare. */
function plain(records: Simple[], baseOffset: number): unknown[] {
  return records.map((record, at) => ({
    offset: baseOffset + at,
    timestampMs: record.timestampMs,
    key: hex(record.key),
    value: hex(record.value),
    headers: record.headers.map(([key, value]) => [key, hex(value)]),
  }))
}

function plainOurs(records: LogRecord[]): unknown[] {
  return records.map(record => ({
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: hex(record.key),
    value: hex(record.value),
    headers: record.headers.map(({ key, value }) => [key, hex(value)]),
  }))
}

function hex(value: Uint8Array | null | undefined): string | null {
  return value == null ? null : Buffer.from(value).toString('hex')
}

describe.each(COMPRESSIONS)('@platformatic/kafka with compression %s', compression => {
  test('writes what we read', () => {
    fc.assert(
      fc.property(simples, records => {
        const messages = records.map(record => ({
          topic: 'topic',
          key: record.key,
          value: record.value,
          headers: new Map(record.headers.map(([key, value]) => [Buffer.from(key), value])),
          timestamp: BigInt(record.timestampMs),
        }))
        // Its types know no null key or value; its encoder writes both.
        const batch = createRecordsBatch(messages as never, { compression }).buffer
        const { header, records: decoded } = decodeBatch(batch)
        expect(header).toMatchObject({
          compression,
          recordCount: records.length,
          leaderEpoch: 0,
          producerEpoch: 0,
        })
        expect(plainOurs(decoded)).toEqual(plain(records, 0))
      }),
    )
  })

  test('reads what we write', () => {
    fc.assert(
      fc.property(simples, records => {
        const batch = encodeBatch(records.map(asInput), { compression, baseOffset: 123_456_789_012 })
        const read = readRecordsBatch(Reader.from(Buffer.from(batch)))
        const theirs = read.records.map(record => ({
          offset: Number(read.firstOffset) + record.offsetDelta,
          timestampMs: Number(read.firstTimestamp + record.timestampDelta),
          key: hex(record.key),
          value: hex(record.value),
          headers: record.headers.map(([key, value]) => [key!.toString(), hex(value)]),
        }))
        expect(theirs).toEqual(plain(records, 123_456_789_012))
        expect(read).toMatchObject({ producerId: -1n, producerEpoch: -1, firstSequence: -1, magic: 2 })
      }),
    )
  })
})

interface KafkaJsRecord {
  offset: string
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, Buffer>
}

// kafkajs exports none of this, and has no types for it.
const require = createRequire(import.meta.url)
const kafkaJsRecord: (record: object) => object = require('kafkajs/src/protocol/recordBatch/record/v0')
const kafkaJsBatch: (batch: object) => Promise<{ buffer: Buffer }> =
  require('kafkajs/src/protocol/recordBatch/v0').RecordBatch
const kafkaJsDecode: (decoder: object) => Promise<{ records: KafkaJsRecord[] }> =
  require('kafkajs/src/protocol/recordBatch/v0/decoder')
const KafkaJsDecoder: new (bytes: Buffer) => object = require('kafkajs/src/protocol/decoder')

describe.each([
  ['none', 0],
  ['gzip', 1],
] as const)('kafkajs with compression %s', (compression, code) => {
  test('writes what we read', async () => {
    await fc.assert(
      fc.asyncProperty(simples, async records => {
        const timestamps = records.map(record => record.timestampMs)
        const firstTimestamp = Math.min(...timestamps)
        const batch = await kafkaJsBatch({
          compression: code,
          firstTimestamp,
          maxTimestamp: Math.max(...timestamps),
          lastOffsetDelta: records.length - 1,
          records: records.map((record, offsetDelta) =>
            kafkaJsRecord({
              offsetDelta,
              timestampDelta: record.timestampMs - firstTimestamp,
              key: record.key,
              value: record.value,
              headers: Object.fromEntries(record.headers),
            }),
          ),
        })
        const { header, records: decoded } = decodeBatch(batch.buffer)
        expect(header).toMatchObject({
          compression,
          recordCount: records.length,
          producerId: -1n,
          producerEpoch: 0,
        })
        expect(sortHeaders(plainOurs(decoded))).toEqual(sortHeaders(plain(records, 0)))
      }),
    )
  })

  test('reads what we write', async () => {
    await fc.assert(
      fc.asyncProperty(simples, async records => {
        const batch = encodeBatch(records.map(asInput), { compression, baseOffset: 123_456_789_012 })
        const { records: read } = await kafkaJsDecode(new KafkaJsDecoder(Buffer.from(batch)))
        const theirs = read.map(record => ({
          offset: Number(record.offset),
          timestampMs: Number(record.timestamp),
          key: hex(record.key),
          value: hex(record.value),
          headers: Object.entries(record.headers).map(([key, value]) => [key, hex(value)]),
        }))
        expect(sortHeaders(theirs)).toEqual(sortHeaders(plain(records, 123_456_789_012)))
      }),
    )
  })
})

/** kafkajs keeps headers in an object, where names that look like numbers come first. */
function sortHeaders(records: unknown[]): unknown[] {
  return (records as { headers: [string, string][] }[]).map(record => ({
    ...record,
    headers: record.headers.toSorted(([one], [other]) => (one < other ? -1 : 1)),
  }))
}
