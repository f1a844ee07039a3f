import { describe, expect, test } from 'vitest'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import {
  JSON_RECORD_BYTES_MAX,
  JSON_RECORD_HEADERS_MAX,
  JSON_STORED_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { encodeBatch, type RecordInput } from '../../../src/core/record/index.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { forgeCompressed, rawCompress } from '../../core/record/forge.ts'
import { serveBroker } from './served-broker.ts'

const MB = 1_000_000
const FRAME_BYTES = 200

/** A server with one topic, and a way to put batches into it as they are. */
async function serve() {
  const served = await serveBroker()
  await served.send('POST', '/topics', {
    topic: 't',
    configs: { 'max.message.bytes': String(4 * 1024 * 1024) },
  })
  return {
    ...served,
    put: (batches: Uint8Array) => served.broker.produce({ topic: 't', partition: 0, batches }),
    read: (offset: number, query = '') =>
      served.get(`/topics/t/partitions/0/records?offset=${offset}${query}`),
  }
}

const zeros = (records: number, bytes: number): RecordInput[] =>
  Array.from({ length: records }, () => ({ value: new Uint8Array(bytes) }))

describe.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'a batch in %s that holds many times its size',
  compression => {
    test('is read on to its end, and what follows', async () => {
      await using served = await serve()
      await served.put(encodeBatch(zeros(8, 700_000), { nowMs: 1, compression }))
      await served.put(encodeBatch([{ value: Buffer.from('behind') }], { nowMs: 1 }))
      const seen: number[] = []
      const text = '\0'.repeat(700_000)
      for (let offset = 0; offset < 9; ) {
        const { status, json, bytes } = await served.read(offset, '&maxBytes=16777216')
        expect(status).toBe(200)
        expect(bytes.length).toBeLessThan(16_777_216 + FRAME_BYTES)
        for (const record of json.records) {
          seen.push(record.offset)
          if (record.offset < 8) expect(record.value === text).toBe(true)
        }
        expect(json.nextOffset).toBe(seen.at(-1)! + 1)
        offset = json.nextOffset
      }
      expect(seen).toEqual(Array.from({ length: 9 }, (_, n) => n))
      expect(served.logged).toEqual([])
    })
  },
)

test('maxBytes bounds what is sent, and a record comes in any case', async () => {
  await using served = await serve()
  const values = Array.from({ length: 3_000 }, (_, n) => `${n} é "quoted" \u0001 ${'x'.repeat(n % 300)}`)
  const records = values.map((value, n) => ({
    value: Buffer.from(value),
    key: n % 2 === 0 ? null : Buffer.from([0xff]),
  }))
  await served.put(encodeBatch(records, { nowMs: 1, compression: 'zstd' }))
  const seen: string[] = []
  for (let offset = 0, maxBytes = 1; offset < 3_000; maxBytes = maxBytes === 100_000 ? 1 : 100_000) {
    const { json, bytes, headers } = await served.read(offset, `&maxBytes=${maxBytes}`)
    if (maxBytes === 1) expect(json.records).toHaveLength(1)
    else {
      expect(bytes.length).toBeLessThan(maxBytes + FRAME_BYTES)
      expect(json.records.length).toBeGreaterThan(100)
    }
    expect(Number(headers.get('content-length'))).toBe(bytes.length)
    for (const record of json.records) seen.push(record.value)
    offset = json.nextOffset
  }
  expect(seen).toEqual(values)
})

describe('a large record', () => {
  test.each([
    ['text whose characters have several bytes', Buffer.from('aé€😀"\\\n'.repeat(60_000)), 'auto'],
    ['bytes', Buffer.from(Array.from({ length: 700_001 }, (_, n) => n % 256)), 'auto'],
    ['text as base64', Buffer.from('plain '.repeat(100_000)), 'base64'],
    ['text that begins with a byte order mark', Buffer.from(`\uFEFF${'x'.repeat(500_000)}`), 'auto'],
    ['four megabytes of which each is escaped', Buffer.alloc(4_100_000, 1), 'auto'],
  ])('of %s comes as a small one would', async (_, value, encoding) => {
    await using served = await serve()
    const headers = [
      { key: 'large', value },
      { key: 'none', value: null },
    ]
    await served.put(
      encodeBatch([{ key: Buffer.from('k'), value, ...(value.length < MB && { headers }) }, {}], {
        nowMs: 7,
      }),
    )
    const { json } = await served.read(0, `&encoding=${encoding}`)
    const isText = encoding === 'auto' && Buffer.from(value.toString()).equals(value)
    const shown = isText ? value.toString() : { base64: value.toString('base64') }
    const record = json.records[0]
    expect(record.value).toEqual(shown)
    expect(record.timestampMs).toBe(7)
    if (value.length < MB) {
      expect(record.headers).toEqual([
        { key: 'large', value: shown },
        { key: 'none', value: null },
      ])
    }
    expect((await served.read(json.nextOffset)).status).toBe(200)
  })

  test('that no answer has room for says where it is to be had, and where to go on', async () => {
    await using served = await serve()
    await served.put(
      encodeBatch(
        [{ value: Buffer.from('before') }, ...zeros(1, JSON_RECORD_BYTES_MAX + 1), { value: null }],
        {
          nowMs: 1,
          compression: 'zstd',
        },
      ),
    )
    expect((await served.read(0)).json).toMatchObject({ nextOffset: 1, records: [{ value: 'before' }] })
    const { status, json } = await served.read(1)
    expect([status, json.kafkaError, json.retriable]).toEqual([413, 'MESSAGE_TOO_LARGE', false])
    expect(json.detail).toContain('application/vnd.tidemark.record-batches')
    expect(json.detail).toContain('go on at offset 2')
    expect((await served.read(2)).json).toMatchObject({
      nextOffset: 3,
      records: [{ offset: 2, value: null }],
    })
  })

  test('is one with many headers, too', async () => {
    await using served = await serve()
    const header = { key: '', value: null }
    const headers = Array.from({ length: JSON_RECORD_HEADERS_MAX }, () => header)
    await served.put(
      encodeBatch([{ headers }, { headers: [...headers, header] }, {}], { nowMs: 1, compression: 'zstd' }),
    )
    const first = await served.read(0)
    expect(first.json.records[0].headers).toHaveLength(JSON_RECORD_HEADERS_MAX)
    const second = await served.read(1)
    expect([second.status, second.json.kafkaError]).toEqual([413, 'MESSAGE_TOO_LARGE'])
    expect((await served.read(2)).json.records).toHaveLength(1)
  })
})

describe('what cannot be read', () => {
  test('in the middle of a batch comes after what is before, and says where to go on', async () => {
    await using served = await serve()
    const good = encodeBatch([{ value: Buffer.from('good') }], { nowMs: 1 }).subarray(61)
    // The second record has the first one's offset delta, and there is a third.
    const batch = forgeCompressed('gzip', rawCompress.gzip(Buffer.concat([good, good, good])), 3)
    await served.put(batch)
    await served.put(encodeBatch([{ value: Buffer.from('behind') }], { nowMs: 1 }))
    expect((await served.read(0)).json).toMatchObject({ nextOffset: 1, records: [{ value: 'good' }] })
    const { status, json } = await served.read(1)
    expect([status, json.kafkaError]).toEqual([500, 'INVALID_RECORD'])
    expect(json.detail).toContain('go on at offset 3')
    expect((await served.read(3)).json).toMatchObject({ nextOffset: 4, records: [{ value: 'behind' }] })
  })

  test('since it is more than a batch may hold does not hide what comes before', async () => {
    await using served = await serve()
    const half = encodeBatch(zeros(1, 80 * MB), { nowMs: 1, compression: 'zstd' }).subarray(61)
    const small = rawCompress.zstd(encodeBatch([{ value: Buffer.from('first') }], { nowMs: 1 }).subarray(61))
    await served.put(forgeCompressed('zstd', Buffer.concat([small, half, half]), 3))
    expect((await served.read(0)).json).toMatchObject({ nextOffset: 1, records: [{ value: 'first' }] })
    const { status, json } = await served.read(1)
    expect([status, json.kafkaError]).toEqual([413, 'MESSAGE_TOO_LARGE'])
    const last = await served.read(2)
    expect([last.status, last.json.kafkaError]).toEqual([413, 'MESSAGE_TOO_LARGE'])
    expect(last.json.detail).toContain('go on at offset 3')
  })
})

test('an answer asks for what it needs before it is made, and gives back what it did not need', async () => {
  const embedded = openInMemory()
  const app = createHttpApp({ broker: embedded.broker, logger: { error: () => {} } }, { allowedHosts: 'any' })
  await embedded.broker.createTopic({ topic: 't' })
  const put = (batches: Uint8Array) => embedded.broker.produce({ topic: 't', partition: 0, batches })
  await put(encodeBatch([{ value: Buffer.from('small') }], { nowMs: 1 }))
  await put(encodeBatch(zeros(20, MB), { nowMs: 1, compression: 'zstd' }))
  let held = 0
  const peaks: number[] = []
  const room = {
    take: async (bytes: number) => {
      held += bytes
      peaks.push(held)
    },
    give: (bytes: number) => {
      held -= bytes
    },
  }
  const read = async (query: string) => {
    held = 0
    peaks.length = 0
    const response = await app.fetch(new Request(`http://x/topics/t/partitions/0/records?${query}`), { room })
    const { length } = await response.arrayBuffer().then(Buffer.from)
    expect(response.status).toBe(200)
    expect(held).toBeGreaterThanOrEqual(Math.min(length, 1))
    expect(held).toBeLessThanOrEqual(length)
    return { peak: Math.max(...peaks), bytes: length }
  }
  expect((await read('offset=0&maxBytes=1')).peak).toBeLessThan(10_000)
  // A megabyte of zeros is six of JSON: more than what is sent unless more is asked for.
  const single = await read('offset=1')
  expect(single.bytes).toBeGreaterThan(6 * MB)
  expect(single.peak).toBeGreaterThan(single.bytes)
  expect(single.peak).toBeLessThan(40 * MB)
  await embedded.close()
})

test('many small records are made JSON of in turns', async () => {
  const embedded = openInMemory()
  const app = createHttpApp({ broker: embedded.broker, logger: { error: () => {} } }, { allowedHosts: 'any' })
  await embedded.broker.createTopic({ topic: 't' })
  const records = Array.from({ length: 50_000 }, () => ({ value: Buffer.from('x') }))
  await embedded.broker.produce({
    topic: 't',
    partition: 0,
    batches: encodeBatch(records, { nowMs: 1, compression: 'zstd' }),
  })
  let turns = 0
  let isOver = false
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const url = `http://x/topics/t/partitions/0/records?offset=0&maxBytes=${JSON_STORED_BYTES_MAX}`
  const responses = await Promise.all(Array.from({ length: 4 }, () => app.fetch(new Request(url))))
  isOver = true
  for (const response of responses) {
    const answer = (await response.json()) as { nextOffset: number; records: unknown[] }
    expect(answer.records).toHaveLength(50_000)
    expect(answer.nextOffset).toBe(50_000)
  }
  // A thousand records at a time, of one answer at a time.
  expect(turns).toBeGreaterThan(150)
  await embedded.close()
})
