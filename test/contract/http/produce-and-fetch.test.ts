import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TidemarkError } from '../../../src/core/errors.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import { BATCHES, overriding, type Served, serveBroker } from './served-broker.ts'

let served: Served
beforeAll(async () => {
  served = await serveBroker()
})
afterAll(() => served.close())

let topics = 0
async function newTopic(partitions = 1, configs = {}): Promise<string> {
  const topic = `topic-${topics++}`
  expect((await served.send('POST', '/topics', { topic, partitions, configs })).status).toBe(201)
  return topic
}

async function readAll(topic: string, partition = 0, query = '') {
  const answer = await served.get(`/topics/${topic}/partitions/${partition}/records?offset=0${query}`)
  expect(answer.status).toBe(200)
  return answer.json.records
}

describe('JSON records', () => {
  test('come back as they were sent, in every form', async () => {
    const topic = await newTopic()
    const records = [
      {
        key: 'k',
        value: 'text',
        headers: [
          { key: 'h', value: 'v' },
          { key: 'h', value: { base64: '/w==' } },
        ],
        timestampMs: 5,
      },
      { key: null, value: null, headers: [], timestampMs: 6 },
      {
        key: { base64: '//4=' },
        value: { base64: '' },
        headers: [{ key: 'n', value: null }],
        timestampMs: 7,
      },
      { key: '\ufeffbom', value: '\0', headers: [], timestampMs: 8 },
    ]
    const produced = await served.send('POST', `/topics/${topic}/records`, { records })
    expect(produced.status).toBe(200)
    expect(produced.json).toEqual({ records: [0, 1, 2, 3].map(offset => ({ partition: 0, offset })) })
    const expected = records.map((record, offset) => ({ offset, ...record }))
    expected[2]!.value = '' as never // empty bytes are valid UTF-8
    expect(await readAll(topic)).toEqual(expected)
  })

  test('what is read can be produced again as it is', async () => {
    const [from, to] = [await newTopic(), await newTopic()]
    const bytes = fc.option(fc.uint8Array({ maxLength: 40 }))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ key: bytes, value: bytes }), { minLength: 1 }), async inputs => {
        const { baseOffset } = await served.broker.produce({
          topic: from,
          partition: 0,
          batches: encodeBatch(inputs, { nowMs: 1 }),
        })
        const read = await served.get(`/topics/${from}/partitions/0/records?offset=${baseOffset}`)
        const records = read.json.records.map(({ offset: _, ...record }: { offset: number }) => record)
        const produced = await served.send('POST', `/topics/${to}/records`, { records })
        const copy = await served.broker.fetch({
          topic: to,
          partition: 0,
          offset: produced.json.records[0].offset,
        })
        const copied = copy.chunks.flatMap(decodeBatches)
        const toBuffer = (value: Uint8Array | null) => value && Buffer.from(value)
        expect(copied.map(record => [toBuffer(record.key), toBuffer(record.value)])).toEqual(
          inputs.map(input => [toBuffer(input.key), toBuffer(input.value)]),
        )
      }),
      { numRuns: 50 },
    )
  })

  test('JSON values are stored as JSON text, and numbers keep all their digits', async () => {
    const topic = await newTopic()
    const body =
      '{"records":[{"value":{"json":{"id":12345678901234567890,"b":[1.50,1e400,-0],"c":"x"}}},{"value":{"json":null}}]}'
    expect((await served.send('POST', `/topics/${topic}/records`, body)).status).toBe(200)
    const records = await readAll(topic)
    expect(records[0].value).toBe('{"id":12345678901234567890,"b":[1.50,1e400,-0],"c":"x"}')
    expect(records[1].value).toBe('null')
  })

  test('encoding=base64 is the same for every value', async () => {
    const topic = await newTopic()
    await served.send('POST', `/topics/${topic}/records`, { records: [{ key: 'k', value: null }] })
    expect(await readAll(topic, 0, '&encoding=base64')).toMatchObject([
      { key: { base64: 'aw==' }, value: null },
    ])
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('are stored with %s', async compression => {
    const topic = await newTopic()
    const records = Array.from({ length: 50 }, (_, n) => ({ value: `value ${n % 3}`.repeat(20) }))
    expect((await served.send('POST', `/topics/${topic}/records`, { records, compression })).status).toBe(200)
    const read = await readAll(topic)
    expect(read.map((record: { value: string }) => record.value)).toEqual(records.map(record => record.value))
  })

  test('go where Kafka would put them, and the answer keeps the order of the request', async () => {
    const topic = await newTopic(5)
    const records = Array.from({ length: 60 }, (_, n) =>
      n % 3 === 0
        ? { key: `key ${n}`, value: `${n}` }
        : n % 3 === 1
          ? { value: `${n}`, key: 'x', partition: n % 5 }
          : { value: `${n}` },
    )
    const { json } = await served.send('POST', `/topics/${topic}/records`, { records })
    const sticky = new Set<number>()
    for (const [n, record] of records.entries()) {
      const { partition, offset } = json.records[n]
      if (n % 3 === 0) expect(partition).toBe(partitionForKey(Buffer.from(`key ${n}`), 5))
      if (n % 3 === 1) expect(partition).toBe(n % 5)
      if (n % 3 === 2) sticky.add(partition)
      expect((await readAll(topic, partition))[offset].value).toBe(record.value)
    }
    expect(sticky.size).toBe(1)
  })

  test('an empty key is a key', async () => {
    const topic = await newTopic(7)
    const { json } = await served.send('POST', `/topics/${topic}/records`, {
      records: [{ key: '', value: 'v' }],
    })
    expect(json.records[0].partition).toBe(partitionForKey(new Uint8Array(), 7))
  })

  test('records without a key change their partition from request to request', async () => {
    const topic = await newTopic(3)
    const partitions: number[] = []
    for (let request = 0; request < 20; request++) {
      const { json } = await served.send('POST', `/topics/${topic}/records`, {
        records: [{ value: '' }, { value: '' }],
      })
      expect(json.records[0].partition).toBe(json.records[1].partition)
      partitions.push(json.records[0].partition)
    }
    for (const [n, partition] of partitions.entries()) expect(partition).not.toBe(partitions[n - 1])
    expect(new Set(partitions).size).toBe(3)
  })

  const invalid: [string, unknown, RegExp][] = [
    ['no records', { records: [] }, /body\.records/],
    ['no value', { records: [{ key: 'k' }] }, /records\[0\]\.value/],
    ['a misspelt member', { records: [{ value: 'v', vlaue: 1 }] }, /vlaue/],
    ['bad base64', { records: [{ value: { base64: 'a' } }] }, /records\[0\]\.value\.base64: is not base64/],
    ['half a surrogate pair', '{"records":[{"value":"\\ud800"}]}', /surrogate/],
    [
      'a header without a value',
      { records: [{ value: '', headers: [{ key: 'k' }] }] },
      /headers\[0\]\.value/,
    ],
    ['a negative partition', { records: [{ value: '', partition: -1 }] }, /partition/],
    ['a fraction of a millisecond', { records: [{ value: '', timestampMs: 1.5 }] }, /timestampMs/],
    ['a list', [], /body/],
    ['broken JSON', '{"records":', /not JSON/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /UTF-8/],
    ['an unknown compression', { records: [{ value: '' }], compression: 'brotli' }, /compression/],
    ['a number as a value', { records: [{ value: 1 }] }, /must be a string, /],
  ]
  test.each(invalid)('%s is refused as a whole', async (_, body, detail) => {
    const topic = await newTopic(2)
    const answer = await served.send('POST', `/topics/${topic}/records`, body)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.json).toMatchObject({
      kafkaError: 'INVALID_REQUEST',
      kafkaErrorNumber: 42,
      written: 'no',
      retriable: false,
    })
    expect(answer.json.detail).toMatch(detail)
    expect(await readAll(topic, 0)).toEqual([])
    expect(await readAll(topic, 1)).toEqual([])
  })

  test('one bad record in many writes none of them', async () => {
    const topic = await newTopic(2, { 'max.message.bytes': '1000' })
    const good = { value: 'v', partition: 0 }
    const wrong = await served.send('POST', `/topics/${topic}/records`, {
      records: [good, { value: 'v', partition: 2 }],
    })
    expect(wrong.status).toBe(404)
    expect(wrong.json).toMatchObject({ kafkaError: 'UNKNOWN_TOPIC_OR_PARTITION', written: 'no' })
    const large = await served.send('POST', `/topics/${topic}/records`, {
      records: [good, { value: 'v'.repeat(2000), partition: 1 }],
    })
    expect(large.status).toBe(413)
    expect(large.json).toMatchObject({ kafkaError: 'MESSAGE_TOO_LARGE', written: 'no' })
    const deep = `{"records":[{"value":"v"},{"value":{"json":${'['.repeat(100_000)}${']'.repeat(100_000)}}}]}`
    expect((await served.send('POST', `/topics/${topic}/records`, deep)).json).toMatchObject({
      written: 'no',
      kafkaError: 'INVALID_RECORD',
    })
    const ahead = await served.send('POST', `/topics/${topic}/records`, {
      records: [good, { value: 'v', partition: 1, timestampMs: Date.now() + 3_700_000 }],
    })
    expect(ahead.status).toBe(422)
    expect(ahead.json).toMatchObject({ kafkaError: 'INVALID_TIMESTAMP', written: 'no' })
    expect(ahead.json.detail).toMatch(
      /^records\[1\] has the timestamp \d+, .* Nothing of the request was written\.$/,
    )
    expect(await readAll(topic, 0)).toEqual([])
  })

  test('of any time are taken where the topic stamps them itself', async () => {
    const topic = await newTopic(2, { 'message.timestamp.type': 'LogAppendTime' })
    const records = [0, 1].map(partition => ({ value: 'v', partition, timestampMs: Date.now() + 3_700_000 }))
    expect((await served.send('POST', `/topics/${topic}/records`, { records })).status).toBe(200)
  })

  test('an unknown topic is 404', async () => {
    const answer = await served.send('POST', '/topics/nowhere/records', { records: [{ value: '' }] })
    expect(answer.status).toBe(404)
    expect(answer.json).toMatchObject({ title: 'UNKNOWN_TOPIC_OR_PARTITION', status: 404, written: 'no' })
  })

  test('what was remembered of a topic gives way to what it is now', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '1000' })
    const send = (record: object) => served.send('POST', `/topics/${topic}/records`, { records: [record] })
    expect((await send({ value: '', partition: 0 })).status).toBe(200)
    await served.broker.alterTopic({ topic, partitions: 4, set: { 'max.message.bytes': '9000' } })
    expect((await send({ value: '', partition: 3 })).status).toBe(200)
    const timestampMs = Date.now() + 3_700_000
    expect((await send({ value: '', timestampMs })).status).toBe(422)
    await served.broker.alterTopic({ topic, set: { 'message.timestamp.after.max.ms': '7200000' } })
    expect((await send({ value: '', timestampMs })).status).toBe(200)
    await served.broker.alterTopic({ topic, set: { 'max.message.bytes': '20000' } })
    expect((await send({ value: 'x'.repeat(15_000) })).status).toBe(200)
  })
})

describe('when a partition fails', () => {
  async function serveFailing(fail: (partition: number) => unknown) {
    const failing = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          produce: async request => {
            const error = fail(request.partition)
            if (error !== undefined) throw error
            return broker.produce(request)
          },
        }),
    })
    await failing.send('POST', '/topics', { topic: 't', partitions: 3 })
    return failing
  }
  const three = { records: [0, 1, 2].map(partition => ({ value: `${partition}`, partition })) }

  test('the answer says for each record what became of it, and invites no repetition', async () => {
    await using failing = await serveFailing(partition =>
      partition === 1 ? new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'too much') : undefined,
    )
    const { status, json, headers } = await failing.send('POST', '/topics/t/records', three)
    expect(status).toBe(500)
    expect(headers.has('retry-after')).toBe(false)
    expect(json).toMatchObject({
      kafkaError: 'THROTTLING_QUOTA_EXCEEDED',
      retriable: false,
      written: 'unknown',
      records: [
        { partition: 0, written: 'yes', offset: 0 },
        { partition: 1, written: 'no', kafkaError: 'THROTTLING_QUOTA_EXCEEDED' },
        { partition: 2, written: 'yes', offset: 0 },
      ],
    })
  })

  test('nothing written is a plain error that may be retried', async () => {
    await using failing = await serveFailing(() => new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'too much'))
    const { status, json, headers } = await failing.send('POST', '/topics/t/records', three)
    expect(status).toBe(429)
    expect(headers.get('retry-after')).toBe('1')
    expect(json).toMatchObject({ retriable: true, written: 'no' })
  })

  test('an unknown outcome stays unknown', async () => {
    await using failing = await serveFailing(partition =>
      partition === 2
        ? new TidemarkError('REQUEST_TIMED_OUT', 'late', 'unknown')
        : new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'too much'),
    )
    const { status, json } = await failing.send('POST', '/topics/t/records', three)
    expect(status).toBe(504)
    expect(json).toMatchObject({ kafkaError: 'REQUEST_TIMED_OUT', written: 'unknown' })
    expect(json.records.map((record: { written: string }) => record.written)).toEqual(['no', 'no', 'unknown'])
  })

  test('an unexpected exception shows nothing of itself, and is logged', async () => {
    await using failing = await serveFailing(() => new Error('secret path /etc/shadow'))
    const answer = await failing.send('POST', '/topics/t/records', { records: [{ value: '', partition: 0 }] })
    expect(answer.status).toBe(500)
    expect(answer.json).toMatchObject({
      kafkaError: 'UNKNOWN_SERVER_ERROR',
      written: 'unknown',
      retriable: false,
    })
    expect(JSON.stringify(answer.json)).not.toContain('shadow')
    expect(failing.logged).toHaveLength(1)
    expect(String(failing.logged[0]!.error)).toContain('secret path')
  })
})

describe('record batches', () => {
  const binary = { 'content-type': BATCHES }

  test('go in and come out as they are', async () => {
    const topic = await newTopic(2)
    const batches = Buffer.concat([
      encodeBatch([{ value: Buffer.from('a') }, { value: Buffer.from('b') }], { nowMs: 1 }),
      encodeBatch([{ value: Buffer.from('c') }], { nowMs: 2, compression: 'zstd' }),
    ])
    const produced = await served.send('POST', `/topics/${topic}/records?partition=1`, batches, binary)
    expect(produced.status).toBe(200)
    expect(produced.json).toEqual({
      partition: 1,
      baseOffset: 0,
      records: 3,
      startOffset: 0,
      logAppendTimeMs: null,
    })
    const read = await served.get(`/topics/${topic}/partitions/1/records?offset=1`, { accept: BATCHES })
    expect(read.status).toBe(200)
    expect(read.headers.get('content-type')).toBe(BATCHES)
    expect(read.headers.get('tidemark-start-offset')).toBe('0')
    expect(read.headers.get('tidemark-end-offset')).toBe('3')
    expect(read.headers.get('tidemark-next-offset')).toBe('3')
    expect(Number(read.headers.get('content-length'))).toBe(read.bytes.length)
    // The whole first batch comes, as in Kafka; JSON leaves out what was not asked for.
    expect(decodeBatches(read.bytes).map(record => record.offset)).toEqual([0, 1, 2])
    const json = await served.get(`/topics/${topic}/partitions/1/records?offset=1`)
    expect(json.json).toMatchObject({
      startOffset: 0,
      endOffset: 3,
      nextOffset: 3,
      records: [{ offset: 1 }, { offset: 2 }],
    })
  })

  test('many chunks come in order', async () => {
    const topic = await newTopic()
    const sizes = [10, 50_000, 20, 9_000, 30]
    for (const size of sizes) {
      const value = Buffer.alloc(size, 'x')
      await served.send(
        'POST',
        `/topics/${topic}/records?partition=0`,
        encodeBatch([{ value }], { nowMs: 1 }),
        binary,
      )
    }
    const read = await served.get(`/topics/${topic}/partitions/0/records?offset=0`, { accept: BATCHES })
    expect(decodeBatches(read.bytes).map(record => record.value!.length)).toEqual(sizes)
  })

  test('need a partition, and JSON refuses one', async () => {
    const topic = await newTopic()
    const batch = encodeBatch([{ value: null }], { nowMs: 1 })
    expect((await served.send('POST', `/topics/${topic}/records`, batch, binary)).json.detail).toMatch(
      /partition=N/,
    )
    const json = await served.send('POST', `/topics/${topic}/records?partition=0`, {
      records: [{ value: '' }],
    })
    expect(json.status).toBe(400)
  })

  test('random, cut and changed bytes are refused, and nothing is written', async () => {
    const topic = await newTopic()
    const batch = encodeBatch([{ key: Buffer.from('k'), value: Buffer.from('value') }], { nowMs: 1 })
    const cut = fc.nat({ max: batch.length - 1 }).map(length => batch.slice(0, length))
    // What lies in the first 8 bytes and in 12..15 is the broker's to overwrite, and the CRC leaves it out.
    const flipped = fc
      .tuple(fc.integer({ min: 17, max: batch.length - 1 }), fc.integer({ min: 1, max: 255 }))
      .map(([at, mask]) => {
        const changed = batch.slice()
        changed[at]! ^= mask
        return changed
      })
    const trailing = fc.uint8Array({ minLength: 1, maxLength: 90 }).map(rest => Buffer.concat([batch, rest]))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), cut, flipped, trailing), async bytes => {
        const answer = await served.send(
          'POST',
          `/topics/${topic}/records?partition=0`,
          Buffer.from(bytes),
          binary,
        )
        expect([400, 413, 422]).toContain(answer.status)
        expect(answer.json).toMatchObject({ written: 'no' })
      }),
      { numRuns: 300 },
    )
    expect(await readAll(topic)).toEqual([])
    expect(served.logged).toEqual([])
  })
})

describe('reading', () => {
  test('outside of the log is 416', async () => {
    const topic = await newTopic()
    const answer = await served.get(`/topics/${topic}/partitions/0/records?offset=1`)
    expect(answer.status).toBe(416)
    expect(answer.json).toMatchObject({ kafkaError: 'OFFSET_OUT_OF_RANGE', kafkaErrorNumber: 1 })
  })

  test('a long poll ends with the first record', async () => {
    const topic = await newTopic()
    const poll = served.get(`/topics/${topic}/partitions/0/records?offset=0&maxWaitMs=20000`)
    await served.send('POST', `/topics/${topic}/records`, { records: [{ value: 'now' }] })
    expect((await poll).json.records).toMatchObject([{ value: 'now' }])
  })

  test('a long poll ends when its client goes away', async () => {
    let ended = 0
    await using watched = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          fetch: async request => {
            const answer = await broker.fetch(request)
            if (request.signal?.aborted) ended += 1
            return answer
          },
        }),
    })
    await watched.send('POST', '/topics', { topic: 't' })
    const controller = new AbortController()
    const poll = fetch(`${watched.url}/topics/t/partitions/0/records?offset=0&maxWaitMs=20000`, {
      signal: controller.signal,
    })
    setTimeout(() => controller.abort(), 100)
    await expect(poll).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => ended).toBe(1)
  })

  test.each([
    ['offset=-1', /offset/],
    ['offset=1.5', /offset/],
    ['offset=99999999999999999', /offset/],
    ['', /offset/],
    ['offset=0&offset=1', /offset/],
    ['offset=0&maxwaitms=5', /maxwaitms/],
    ['offset=0&encoding=hex', /encoding/],
  ])('?%s is refused', async (query, detail) => {
    const topic = await newTopic()
    const answer = await served.get(`/topics/${topic}/partitions/0/records?${query}`)
    expect(answer.status).toBe(400)
    expect(answer.json.detail).toMatch(detail)
  })

  test('compressed batches that grow large come in several answers, with nothing lost', async () => {
    const topic = await newTopic()
    const value = Buffer.alloc(9 * 1024 * 1024, 'x')
    for (let n = 0; n < 4; n++) {
      await served.broker.produce({
        topic,
        partition: 0,
        batches: encodeBatch([{ value }], { nowMs: n, compression: 'zstd' }),
      })
    }
    const seen: number[] = []
    let requests = 0
    for (let offset = 0; offset < 4; requests++) {
      const { json } = await served.get(`/topics/${topic}/partitions/0/records?offset=${offset}`)
      seen.push(...json.records.map((record: { offset: number }) => record.offset))
      offset = json.nextOffset
    }
    expect(seen).toEqual([0, 1, 2, 3])
    // Each is larger than what is sent unless more is asked for, and comes all the same.
    expect(requests).toBe(4)
  })
})
