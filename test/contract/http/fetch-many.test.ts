import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import { fetchLocated } from '../../../src/client/located.ts'
import type { FetchedPartition, FetchPartition } from '../../../src/contract/broker.ts'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import { FRAMES_TYPE, JSON_TYPE } from '../../../src/contract/http/media-types.ts'
import { decodeFrames, encodeFrames } from '../../../src/contract/http/records/fetch-frames.ts'
import { readFetchBody } from '../../../src/contract/http/requests/fetch-body.ts'
import { FetchManyRequest, FetchTopicRequest } from '../../../src/contract/http/schemas/records.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { FETCH_ERRORS_BYTES_MAX, FETCH_FRAME_BYTES, FETCH_PARTITIONS_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { startHttpServer } from '../../../src/embedded/http-server.ts'
import { type Served, serveBroker } from './served-broker.ts'

let served: Served
let topicId: string

beforeAll(async () => {
  served = await serveBroker()
  topicId = (await served.client.createTopic({ topic: 'tides', partitions: 5 })).topicId
  await served.client.createTopic({ topic: 'ebbs' })
  await write('tides', 1, 'a')
  await write('tides', 3, 'b'.repeat(500))
  await write('ebbs', 0, 'c')
})
afterAll(() => served.close())

async function write(topic: string, partition: number, value: string): Promise<void> {
  const batches = encodeBatch([{ value: Buffer.from(value) }], { nowMs: 1 })
  await served.broker.produce({ topic, partition, batches })
}

const at = (
  topic: string | undefined,
  partition: number,
  more: Partial<FetchPartition> = {},
): FetchPartition => ({
  topic,
  partition,
  offset: toOffset(0),
  ...more,
})
const TIDES = [0, 1, 2, 3, 4].map(partition => at('tides', partition))

function told(answer: FetchedPartition): string {
  if ('error' in answer) return answer.error.kafkaName
  return answer.chunks
    .flatMap(chunk => decodeBatches(chunk).map(({ value }) => Buffer.from(value ?? []).toString()))
    .join()
}

const post = (body: object, path = '/fetch', headers = {}) =>
  served.send('POST', path, body, { accept: FRAMES_TYPE, ...headers })

describe('frames', () => {
  test('are as the documentation has them', () => {
    const offsets = { startOffset: toOffset(1), endOffset: toOffset(258), nextOffset: toOffset(3) }
    const id = '00112233-4455-6677-8899-aabbccddeeff'
    const chunks = encodeFrames([
      { topic: 't', topicId: id, partition: 0, ...offsets, chunks: [Uint8Array.of(7), Uint8Array.of(8, 9)] },
      {
        topic: 't',
        topicId: undefined,
        partition: 1,
        error: new TidemarkError('OFFSET_OUT_OF_RANGE', 'No.'),
      },
    ])
    const text = '{"kafkaError":"OFFSET_OUT_OF_RANGE","detail":"No.","retriable":false,"written":"no"}'
    expect(Buffer.concat(chunks).toString('hex')).toBe(
      [
        '0000',
        '00112233445566778899aabbccddeeff',
        '0000000000000001',
        '0000000000000102',
        '0000000000000003',
        '00000003',
        '070809',
        '0001',
        '0'.repeat(32),
        'f'.repeat(48),
        '00000054',
        Buffer.from(text).toString('hex'),
      ].join(''),
    )
  })

  test('come back as they were, whatever is in them', () => {
    const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map(toOffset)
    const which = { partition: fc.nat(), topicId: fc.option(fc.uuid(), { nil: undefined }) }
    const answer = fc.oneof(
      fc.record({
        ...which,
        startOffset: offset,
        endOffset: offset,
        nextOffset: offset,
        chunks: fc.array(fc.uint8Array({ minLength: 1 }), { maxLength: 3 }),
      }),
      fc.record({
        ...which,
        error: fc
          .constantFrom('UNKNOWN_SERVER_ERROR' as const, 'UNKNOWN_TOPIC_ID' as const)
          .map(name => new TidemarkError(name, `${name} é`, 'unknown', { retriable: true })),
      }),
    )
    const property = fc.property(fc.array(answer), answers => {
      const given = answers.map(each => ({ topic: 't', ...each })) as FetchedPartition[]
      const asked = given.map(({ partition }) => at('t', partition))
      const decoded = decodeFrames(Buffer.concat(encodeFrames(given)), asked)
      const joined = (each: FetchedPartition) =>
        'chunks' in each ? { ...each, chunks: Buffer.concat(each.chunks).toString('hex') } : each
      expect(decoded.map(joined)).toEqual(given.map(joined))
      for (const [index, each] of decoded.entries()) {
        const before = given[index]!
        if ('error' in each && 'error' in before)
          expect({ ...each.error, retriable: each.error.retriable }).toEqual({
            ...before.error,
            retriable: true,
          })
      }
    })
    fc.assert(property)
  })

  test('that are cut off, or more than was asked for, are no answer', () => {
    const bytes = Buffer.concat(
      encodeFrames([{ topic: 't', partition: 0, topicId, error: new TidemarkError('INVALID_REQUEST', 'x') }]),
    )
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeFrames(bytes.subarray(0, length), [at('t', 0)])).toThrow(RangeError)
    expect(() => decodeFrames(bytes, [])).toThrow('more follows')
  })

  test('of very many errors tell their numbers, and of the first ones what is wrong', () => {
    const asked = Array.from({ length: FETCH_PARTITIONS_MAX }, (_, partition) => at('t', partition))
    const error = new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', 'x'.repeat(300))
    const bytes = Buffer.concat(
      encodeFrames(asked.map(each => ({ ...each, topicId: undefined, error }) as FetchedPartition)),
    )
    expect(bytes.length).toBeLessThanOrEqual(
      FETCH_PARTITIONS_MAX * FETCH_FRAME_BYTES + FETCH_ERRORS_BYTES_MAX,
    )
    const decoded = decodeFrames(bytes, asked)
    expect(new Set(decoded.map(told))).toEqual(new Set(['UNKNOWN_TOPIC_OR_PARTITION']))
    expect(decoded.map(each => 'error' in each && each.error.message.length)).toContain(300)
  })
})

describe('POST /fetch', () => {
  test('answers for each partition, in their order, with its own error', async () => {
    const partitions = [
      at('tides', 3),
      at('ebbs', 0),
      at('ebbs', 7),
      at('tides', 1, { offset: toOffset(9) }),
      at(undefined, 1, { topicId }),
    ]
    const { status, headers, bytes } = await post({ partitions })
    expect([status, headers.get('content-type')]).toEqual([200, FRAMES_TYPE])
    expect(headers.get('content-length')).toBe(String(bytes.length))
    const wanted = ['b'.repeat(500), 'c', 'UNKNOWN_TOPIC_OR_PARTITION', 'OFFSET_OUT_OF_RANGE', 'a']
    expect(decodeFrames(bytes, partitions).map(told)).toEqual(wanted)
    const { partitions: answers } = await served.client.fetchMany({ partitions })
    expect(answers.map(told)).toEqual(wanted)
    expect(answers[0]).toMatchObject({ topic: 'tides', topicId, partition: 3, startOffset: 0, nextOffset: 1 })
  })

  test('of a topic has a path of its own', async () => {
    const partitions = [{ partition: 1, offset: 0 }]
    const { status, bytes } = await post({ partitions }, '/topics/tides/fetch')
    expect([status, ...decodeFrames(bytes, [at('tides', 1)]).map(told)]).toEqual([200, 'a'])
    expect((await post({ partitions: TIDES }, '/topics/tides/fetch')).json.detail).toContain(
      'body.partitions[0]: Unrecognized key: "topic"',
    )
  })

  test('of what can be no topic is refused', async () => {
    const { status, json } = await post({ partitions: [] }, '/topics/a%20b/fetch')
    expect([status, json.kafkaError]).toEqual([422, 'INVALID_TOPIC_EXCEPTION'])
  })

  test('keeps to its limits', async () => {
    const { partitions } = await served.client.fetchMany({ partitions: TIDES, maxBytes: 100 })
    expect(partitions.map(told)).toEqual(['', 'a', '', '', ''])
    const turned = TIDES.toReversed()
    const { partitions: first } = await served.client.fetchMany({ partitions: turned, maxBytes: 1 })
    expect(first.map(told)).toEqual(['', 'b'.repeat(500), '', '', ''])
  })

  test('waits for any of them', async () => {
    const ends = TIDES.map((each, partition) => ({ ...each, offset: toOffset(partition % 2) }))
    const waiting = served.client.fetchMany({ partitions: ends, maxWaitMs: 20_000 })
    await sleep(100)
    await write('tides', 4, 'late')
    expect((await waiting).partitions.map(told)).toEqual(['', '', '', '', 'late'])
  })

  test('whose signal aborts is answered with what there is', async () => {
    const hurry = new AbortController()
    const partitions = [at('tides', 0), at('tides', 1)]
    const waiting = served.client.fetchMany({
      partitions,
      minBytes: 10_000,
      maxWaitMs: 20_000,
      signal: hurry.signal,
    })
    await sleep(50)
    hurry.abort()
    expect((await waiting).partitions.map(told)).toEqual(['', 'a'])
  })

  test('tells where the bytes lie', async () => {
    const partitions = [at('tides', 3), at('tides', 0), at('ebbs', 9)]
    const { status, json, headers } = await post({ partitions, locate: true }, '/fetch', {
      accept: JSON_TYPE,
    })
    expect([status, headers.get('content-type')]).toEqual([200, JSON_TYPE])
    expect(json.partitions).toMatchObject([
      { topic: 'tides', topicId, partition: 3, nextOffset: 1, ranges: [{ baseOffset: 0, span: 1 }] },
      { topic: 'tides', partition: 0, nextOffset: 0, ranges: [] },
      {
        topic: 'ebbs',
        partition: 9,
        error: { kafkaError: 'UNKNOWN_TOPIC_OR_PARTITION', kafkaErrorNumber: 3 },
      },
    ])
    const { partitions: located } = await served.client.locateMany({ partitions })
    const [first] = located
    if (!first || 'error' in first) throw new Error('nothing was located')
    expect(told({ ...first, ...(await fetchLocated(first)) })).toBe('b'.repeat(500))
    expect(located[2]).toMatchObject({ error: { kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' } })
  })

  test.each([
    ['no JSON', '{', {}, 400, 'is not JSON'],
    ['a list', '[]', {}, 400, 'body: Invalid input: expected object'],
    ['no partitions', '{}', {}, 400, 'body.partitions'],
    [
      'an offset below 0',
      '{"partitions":[{"topic":"t","partition":0,"offset":-1}]}',
      {},
      400,
      'body.partitions[0].offset: is negative',
    ],
    ['no partition', '{"partitions":[{"topic":"t","offset":1}]}', {}, 400, 'body.partitions[0].partition'],
    ['a member that is not known', '{"partitions":[],"max":1}', {}, 400, 'Unrecognized key: "max"'],
    ['another type of answer', '{"partitions":[]}', { accept: 'text/html' }, 406, 'Accept'],
    ['records in JSON', '{"partitions":[]}', { accept: JSON_TYPE }, 400, FRAMES_TYPE],
    ['places in frames', '{"partitions":[],"locate":true}', { accept: FRAMES_TYPE }, 400, JSON_TYPE],
    ['another content type', '{"partitions":[]}', { 'content-type': 'text/plain' }, 415, 'text/plain'],
  ])('refuses %s', async (_, body, headers, status, words) => {
    const answer = await served.send('POST', '/fetch', body, { 'content-type': JSON_TYPE, ...headers })
    expect([answer.status, answer.json.kafkaError]).toEqual([status, 'INVALID_REQUEST'])
    expect(answer.json.detail).toContain(words)
  })

  test('refuses more partitions than it takes', async () => {
    const partitions = Array.from({ length: FETCH_PARTITIONS_MAX + 1 }, () => at('tides', 0))
    expect((await post({ partitions })).json.detail).toContain(`<=${FETCH_PARTITIONS_MAX} items`)
    expect((await post({ partitions: partitions.slice(1) })).status).toBe(200)
  })

  test('takes what its schema takes, and nothing else', () => {
    const number = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.constantFrom<unknown>('1', null, 2 ** 53, undefined),
    )
    const text = fc.oneof(fc.string(), fc.constantFrom<unknown>(1, null))
    const partition = fc.oneof(
      fc.record(
        { topic: text, topicId: text, partition: number, offset: number, maxBytes: number, more: number },
        { requiredKeys: [] },
      ),
      fc.constantFrom<unknown>(null, 1, []),
    )
    const members = {
      maxBytes: number,
      minBytes: number,
      maxWaitMs: number,
      locate: fc.oneof(fc.boolean(), number),
      more: text,
    }
    const body = fc.oneof(
      fc.record({ partitions: fc.array(partition, { maxLength: 3 }), ...members }, { requiredKeys: [] }),
      fc.constantFrom<unknown>(null, 'a', [], { partitions: 1 }),
    )
    const takes = (read: () => unknown) => {
      try {
        read()
        return true
      } catch (error) {
        if (error instanceof TidemarkError && error.kafkaName === 'INVALID_REQUEST') return false
        throw error
      }
    }
    const property = fc.property(body, given => {
      // As it comes: JSON has no undefined.
      const parsed = JSON.parse(JSON.stringify(given))
      expect(takes(() => readFetchBody(parsed))).toBe(FetchManyRequest.safeParse(parsed).success)
      expect(takes(() => readFetchBody(parsed, 'tides'))).toBe(FetchTopicRequest.safeParse(parsed).success)
    })
    fc.assert(property, { numRuns: 500 })
  })
})

test('a client that is let in to its topics alone asks for each by one request', async () => {
  const app = createHttpApp({ broker: served.broker as never, logger: { error: () => {} } })
  const asked: string[] = []
  const guarded = await startHttpServer(
    {
      ...app,
      fetch: async (request, context) => {
        const { pathname } = new URL(request.url)
        asked.push(pathname)
        return pathname === '/fetch' ? new Response('{}', { status: 403 }) : app.fetch(request, context)
      },
    },
    { port: 0 },
  )
  try {
    const client = new HttpBroker({ url: guarded.url })
    const partitions = [at('tides', 1), at('ebbs', 0), at('tides', 3), at('ebbs', 3)]
    const { partitions: answers } = await client.fetchMany({ partitions, maxWaitMs: 1_000 })
    expect(answers.map(told)).toEqual(['a', 'c', 'b'.repeat(500), 'UNKNOWN_TOPIC_OR_PARTITION'])
    expect(asked).toEqual(['/fetch', '/topics/tides/fetch', '/topics/ebbs/fetch'])
  } finally {
    await guarded.close()
  }
})

let late = 0

describe.each([403, 404, 405])('a broker of before, or a gateway, that answers %d', status => {
  test('is asked for one partition at a time, and not again for many', async () => {
    const app = createHttpApp({ broker: served.broker as never, logger: { error: () => {} } })
    const asked: string[] = []
    const older = await startHttpServer(
      {
        ...app,
        fetch: async (request, context) => {
          const { pathname } = new URL(request.url)
          asked.push(`${request.method} ${pathname}`)
          if (!pathname.endsWith('/fetch')) return app.fetch(request, context)
          return new Response('{"message":"Not Found"}', { status })
        },
      },
      { port: 0 },
    )
    try {
      const client = new HttpBroker({ url: older.url })
      const partitions = [at('tides', 0), at('tides', 1), at('ebbs', 0), at('ebbs', 3)]
      const wanted = ['', 'a', 'c', 'UNKNOWN_TOPIC_OR_PARTITION']
      expect((await client.fetchMany({ partitions })).partitions.map(told)).toEqual(wanted)
      expect((await client.fetchMany({ partitions, maxWaitMs: 5_000 })).partitions.map(told)).toEqual(wanted)
      // Two at the same time, before it is known of either.
      expect(asked.filter(each => each.startsWith('POST'))).toEqual([
        'POST /fetch',
        'POST /topics/tides/fetch',
        'POST /topics/ebbs/fetch',
      ])
      const waiting = client.fetchMany({
        partitions: [at('tides', 0), at('tides', 2, { offset: toOffset(late++) })],
        maxWaitMs: 20_000,
      })
      await sleep(100)
      await write('tides', 2, `late ${status}`)
      const [, second] = (await waiting).partitions
      expect(told(second!)).toBe(`late ${status}`)
    } finally {
      await older.close()
    }
  })
})
