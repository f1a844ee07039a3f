import { beforeEach, describe, expect, test } from 'vitest'
import { FETCH_ROUTES } from '../../functions/fetch/routes.ts'
import { PRODUCE_ROUTES } from '../../functions/produce/routes.ts'
import { makeHttpFunction } from '../../functions/runtime/http-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { decodeFrames } from '../../src/contract/http/records/fetch-frames.ts'
import { defineRoute } from '../../src/contract/http/route.ts'
import {
  BATCH_BYTES_MAX,
  FUNCTION_ANSWER_BYTES_MAX,
  FUNCTION_FETCH_WAIT_MS_MAX,
  FUNCTION_JSON_RECORDS_MAX,
  FUNCTION_RESERVE_MS,
  FUNCTION_TIMEOUT_MS,
  LAMBDA_PAYLOAD_BYTES_MAX,
  TABLE_READ_TIMEOUT_MS,
  TAIL_ENTRIES_HARD_MAX,
  TAIL_ENTRIES_SHARED_MAX,
} from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch, type RecordInput } from '../../src/core/record/index.ts'
import { systemClock } from '../../src/embedded/system.ts'
import { NotApplied } from '../../src/ports/outcome.ts'
import {
  type Answered,
  caller,
  contextOf,
  decoded,
  openTestService,
  type TestService,
} from './function-service.ts'

const BATCHES_TYPE = 'application/vnd.tidemark.record-batches'

let service: TestService
let produce: (event: unknown) => Promise<Answered>
let fetch: (event: unknown) => Promise<Answered>

beforeEach(async () => {
  service = openTestService()
  produce = caller(service, PRODUCE_ROUTES)
  fetch = caller(service, FETCH_ROUTES)
  await openBroker(service).createTopic({
    topic: 'tides',
    partitions: 2,
    configs: { 'max.message.bytes': String(BATCH_BYTES_MAX) },
  })
})

function produceEvent(records: readonly RecordInput[], partition = 0) {
  return {
    method: 'POST',
    path: '/topics/tides/records',
    query: { partition: String(partition) },
    headers: { 'content-type': BATCHES_TYPE },
    body: Buffer.from(encodeBatch(records, { nowMs: Date.now() })).toString('base64'),
    isBase64Encoded: true,
  }
}

function fetchEvent(offset: number, query: Record<string, string> = {}, accept = 'application/json') {
  return {
    method: 'GET',
    path: '/topics/tides/partitions/0/records',
    query: { offset: String(offset), ...query },
    headers: { accept },
  }
}

function jsonEvent(body: unknown) {
  return {
    method: 'POST',
    path: '/topics/tides/records',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
}

describe('producing and fetching', () => {
  test('record batches come back as they were written', async () => {
    const produced = await produce(
      produceEvent([{ value: Buffer.from('ebb') }, { value: Buffer.of(0, 255) }]),
    )
    expect(produced.json).toMatchObject({ partition: 0, baseOffset: 0, records: 2 })
    const fetched = await fetch(fetchEvent(0, {}, BATCHES_TYPE))
    expect(fetched.status).toBe(200)
    expect(fetched.result.isBase64Encoded).toBe(true)
    expect(fetched.headers['tidemark-next-offset']).toBe('2')
    const asJson = await fetch(fetchEvent(0))
    expect(asJson.json.records.map((record: { value: unknown }) => record.value)).toEqual([
      'ebb',
      { base64: 'AP8=' },
    ])
  })

  test('many partitions are fetched by one call', async () => {
    await produce(produceEvent([{ value: Buffer.from('ebb') }], 1))
    const answered = await fetch({
      method: 'POST',
      path: '/topics/tides/fetch',
      headers: { 'content-type': 'application/json', accept: 'application/vnd.tidemark.fetch-frames' },
      body: JSON.stringify({
        partitions: [0, 1].map(partition => ({ partition, offset: 0 })),
        maxBytes: 16_777_216,
      }),
    })
    expect([answered.status, answered.result.isBase64Encoded]).toEqual([200, true])
    const asked = [0, 1].map(partition => ({ topic: 'tides', partition, offset: toOffset(0) }))
    expect(decodeFrames(answered.bytes, asked)).toMatchObject([
      { partition: 0, nextOffset: 0, chunks: [] },
      { partition: 1, nextOffset: 1 },
    ])
  })

  test('what one function does not serve, it says so', async () => {
    expect((await produce(fetchEvent(0))).json).toMatchObject({ status: 404, kafkaError: 'INVALID_REQUEST' })
    expect((await fetch({ method: 'PUT', path: '/health' })).status).toBe(405)
  })

  test('what goes wrong is a problem, and told', async () => {
    const { status, headers, json } = await fetch(fetchEvent(99))
    expect([status, headers['content-type'], json.kafkaError]).toEqual([
      416,
      'application/problem+json',
      'OFFSET_OUT_OF_RANGE',
    ])
    expect(service.telemetry.reports.at(-1)).toMatchObject({
      error: 'OFFSET_OUT_OF_RANGE',
      metrics: { Requests: 1, Errors: 1 },
      details: {
        method: 'GET',
        path: '/topics/tides/partitions/0/records',
        status: '416',
        requestId: 'request-1',
      },
    })
  })

  test('what is no request is a problem, too', async () => {
    const { status, json } = await produce({ Records: [] })
    expect([status, json.kafkaError, json.written]).toEqual([400, 'INVALID_REQUEST', 'no'])
  })

  test('records and bytes are counted once', async () => {
    await produce(produceEvent([{ value: Buffer.from('ebb') }, { value: Buffer.from('flow') }]))
    await produce(produceEvent([{ value: Buffer.from('slack') }]))
    const { chunks } = await openBroker(service).fetch({ topic: 'tides', partition: 0, offset: 0 as never })
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    await fetch(fetchEvent(0, {}, BATCHES_TYPE))
    const { telemetry } = service
    expect(telemetry.sum('ProducedRecords')).toBe(3)
    expect(telemetry.sum('ProducedBytes')).toBe(bytes)
    expect(telemetry.sum('FetchedBytes')).toBe(bytes)
    expect(telemetry.sum('Requests')).toBe(3)
    expect(telemetry.reports.every(({ error }) => error === undefined)).toBe(true)
  })

  test('a store that fails for no known reason shows nothing of itself, and is logged', async () => {
    const secret = new Error('the secret of the store')
    const index = openMemoryStore(systemClock).index
    index.append = async () => {
      throw secret
    }
    const broken = openTestService({ index })
    await openBroker(broken).createTopic({ topic: 'tides' })
    const { result, json } = await caller(broken, PRODUCE_ROUTES)(produceEvent([{ value: null }]))
    expect([json.status, json.kafkaError, json.written]).toEqual([500, 'UNKNOWN_SERVER_ERROR', 'unknown'])
    expect(result.body).not.toContain('secret')
    expect(broken.telemetry.logged.at(-1)).toMatchObject({ level: 'error', details: { error: secret } })
  })
})

describe('the limits of a function', () => {
  test('a batch of the largest size comes whole, and its result fits', async () => {
    const value = Buffer.alloc(BATCH_BYTES_MAX - 100, 'x')
    await produce(produceEvent([{ value }]))
    await produce(produceEvent([{ value: Buffer.from('next') }]))
    const { result, bytes, headers } = await fetch(fetchEvent(0, { maxBytes: '16777216' }, BATCHES_TYPE))
    expect(bytes.length).toBeGreaterThan(value.length)
    expect(headers['tidemark-next-offset']).toBe('1')
    expect(JSON.stringify(result).length).toBeLessThan(LAMBDA_PAYLOAD_BYTES_MAX)
  })

  test('much is fetched in answers that fit, with nothing lost', async () => {
    const records = Array.from({ length: 10 }, () => ({ value: Buffer.alloc(100_000, 'x') }))
    for (let count = 0; count < 8; count += 1) await produce(produceEvent(records))
    let answers = 0
    let next = 0
    for (; next < 80; answers += 1) {
      const { result, headers, status } = await fetch(
        fetchEvent(next, { maxBytes: '16777216' }, BATCHES_TYPE),
      )
      expect(status).toBe(200)
      expect(JSON.stringify(result).length).toBeLessThan(LAMBDA_PAYLOAD_BYTES_MAX)
      expect(Number(headers['tidemark-next-offset'])).toBeGreaterThan(next)
      next = Number(headers['tidemark-next-offset'])
    }
    expect(answers).toBe(2)
  })

  test('much is fetched as JSON in answers that fit, record by record', async () => {
    // One batch in base64 and with quotation marks is larger than an answer.
    const value = (index: number) =>
      index % 2 === 0 ? Buffer.alloc(30_000, 0xff) : Buffer.alloc(30_000, '"')
    const records = Array.from({ length: 130 }, (_, index) => ({ value: value(index) }))
    await produce(produceEvent(records))
    const offsets: number[] = []
    let answers = 0
    for (let next = 0; next < records.length; answers += 1) {
      const { json, bytes, result } = await fetch(fetchEvent(next, { maxBytes: '16777216' }))
      expect(bytes.length).toBeLessThanOrEqual(FUNCTION_ANSWER_BYTES_MAX)
      expect(JSON.stringify(result).length).toBeLessThan(LAMBDA_PAYLOAD_BYTES_MAX)
      for (const record of json.records) offsets.push(record.offset)
      expect(json.nextOffset).toBe(offsets.at(-1)! + 1)
      next = json.nextOffset
    }
    expect(offsets).toEqual(Array.from({ length: 130 }, (_, index) => index))
    expect(answers).toBe(2)
  })

  test('a record that is too large for JSON says how to get it', async () => {
    await produce(produceEvent([{ value: Buffer.from('small') }]))
    await produce(produceEvent([{ value: Buffer.alloc(3_500_000, 0xff) }]))
    // First what there is room for, then the error.
    const first = await fetch(fetchEvent(0, { maxBytes: '16777216' }))
    expect([first.json.records.length, first.json.nextOffset]).toEqual([1, 1])
    const { status, json } = await fetch(fetchEvent(1))
    expect([status, json.kafkaError]).toEqual([413, 'MESSAGE_TOO_LARGE'])
    expect(json.detail).toContain('locate=true')
    expect((await fetch(fetchEvent(1, {}, BATCHES_TYPE))).status).toBe(200)
    expect((await fetch(fetchEvent(1, { locate: 'true' }))).status).toBe(200)
  })

  test('located ranges come in answers that fit, with none lost', async () => {
    const value = Buffer.alloc(4_200)
    const calls = 3_000
    // Each commit its own object: ranges that cannot be joined.
    for (let call = 0; call < calls; call += 1) await produce(produceEvent([{ value }]))
    let next = 0
    let answers = 0
    for (; next < calls; answers += 1) {
      const { json, bytes } = await fetch(fetchEvent(next, { locate: 'true', maxBytes: '16777216' }))
      expect(bytes.length).toBeLessThanOrEqual(FUNCTION_ANSWER_BYTES_MAX)
      expect(json.ranges[0].baseOffset).toBe(next)
      for (const range of json.ranges) next += range.records
      expect(json.nextOffset).toBe(next)
    }
    expect(answers).toBe(2)
  })

  test('JSON of more records than can be answered for is refused before anything is written', async () => {
    const records = Array.from({ length: FUNCTION_JSON_RECORDS_MAX + 1 }, () => ({ value: 'x' }))
    const { status, json } = await produce(jsonEvent({ records }))
    expect([status, json.kafkaError, json.written]).toEqual([413, 'RECORD_LIST_TOO_LARGE', 'no'])
    expect((await fetch(fetchEvent(0))).json.endOffset).toBe(0)
    const most = await produce(jsonEvent({ records: records.slice(1) }))
    expect(most.json.records).toHaveLength(FUNCTION_JSON_RECORDS_MAX)
  })

  test('an answer that does not fit all the same is an error that says what became of the data', async () => {
    const large = defineRoute({
      method: 'post',
      path: '/large',
      handle: async () => new Response(Buffer.alloc(LAMBDA_PAYLOAD_BYTES_MAX)),
    })
    const call = caller(service, [large])
    const { status, json } = await call({ method: 'POST', path: '/large' })
    expect([status, json.kafkaError, json.written]).toEqual([500, 'UNKNOWN_SERVER_ERROR', 'unknown'])
    expect(service.telemetry.logged.at(-1)?.message).toContain('should not')
  })
})

describe('many invocations at the same time', () => {
  test('share commits', async () => {
    // Asks for the topic, so that the fifty find it known.
    await produce(produceEvent([{ value: Buffer.from('first') }]))
    let appends = 0
    const { index } = service.ports
    const append = index.append.bind(index)
    index.append = (...call) => {
      appends += 1
      return append(...call)
    }
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, call) =>
        produce(produceEvent([{ value: Buffer.from(`record ${call}`) }])),
      ),
    )
    const offsets = answers.map(({ json }) => json.baseOffset).sort((a, b) => a - b)
    expect(offsets).toEqual(Array.from({ length: 50 }, (_, call) => call + 1))
    expect(appends).toBeLessThanOrEqual(5)
    expect(service.telemetry.sum('ProducedRecords')).toBe(51)
  })

  test('each get their own answer', async () => {
    await produce(produceEvent([{ value: Buffer.from('zero') }, { value: Buffer.from('one') }]))
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, call) => fetch(fetchEvent(call % 4 === 3 ? 99 : call % 2))),
    )
    for (const [call, { status, json }] of answers.entries()) {
      if (call % 4 === 3) expect([status, json.kafkaError]).toEqual([416, 'OFFSET_OUT_OF_RANGE'])
      else expect(json.records[0]).toMatchObject({ offset: call % 2, value: call % 2 === 0 ? 'zero' : 'one' })
    }
  })
})

describe('a store that never answers', () => {
  test('leaves a write in doubt, and says so while there is time', async () => {
    service.ports.index.append = () => new Promise(() => {})
    const { status, json } = decoded(
      await makeHttpFunction(service, PRODUCE_ROUTES)(produceEvent([{ value: null }]), contextOf(3_050)),
    )
    expect([status, json.kafkaError, json.written]).toEqual([504, 'REQUEST_TIMED_OUT', 'unknown'])
  })

  test('leaves a read at nothing', async () => {
    service.ports.index.readHead = () => new Promise(() => {})
    const { status, json } = decoded(
      await makeHttpFunction(service, FETCH_ROUTES)(fetchEvent(0), contextOf(3_050)),
    )
    expect([status, json.kafkaError, json.written]).toEqual([504, 'REQUEST_TIMED_OUT', 'no'])
  })
})

test('a tail that grows long is cut by the producers themselves, since nothing works between calls', async () => {
  const { topicId } = await openBroker(service).describeTopic('tides')
  const calls = TAIL_ENTRIES_HARD_MAX - 1
  for (let call = 0; call < calls; call += 1) await produce(produceEvent([{ value: null }]))
  const head = await service.ports.index.readHead({ topicId, partition: 0 })
  expect(head!.nextOffset).toBe(calls)
  expect(head!.tail.length).toBeLessThanOrEqual(TAIL_ENTRIES_SHARED_MAX)
})

test('a long poll waits no longer than a gateway does', async () => {
  const { clock, settled, stuck } = await openStuck()
  const startedMs = clock.nowMs()
  const { json } = await settled(caller(stuck, FETCH_ROUTES)(fetchEvent(0, { maxWaitMs: '600000' })))
  expect(json.records).toEqual([])
  expect(clock.nowMs() - startedMs).toBe(FUNCTION_FETCH_WAIT_MS_MAX)
})

test('a topic is asked for once, and not with each call', async () => {
  let asked = 0
  const get = service.ports.topics.get.bind(service.ports.topics)
  service.ports.topics.get = name => {
    asked += 1
    return get(name)
  }
  let nowMs = Date.now()
  const now = Date.now
  Date.now = () => nowMs
  try {
    // Made only now: it takes the clock that it finds.
    const produce = caller(service, PRODUCE_ROUTES)
    for (let call = 0; call < 5; call += 1, nowMs += 5_000) {
      await produce(produceEvent([{ value: null }]))
      await produce(jsonEvent({ records: [{ value: 'x' }] }))
    }
    // Once to write, once to place records that are JSON.
    expect(asked).toBe(2)
  } finally {
    Date.now = now
  }
})

test('a produce call whose store does not answer is given up before the function would be', async () => {
  const { clock, index, produce } = await openStuck()
  const startedMs = clock.nowMs()
  index.append = async () => {
    await clock.sleep(500)
    throw new NotApplied('throttled')
  }
  const { status, json } = await produce()
  expect([status, json.kafkaError, json.written]).toEqual([504, 'REQUEST_TIMED_OUT', 'no'])
  expect(clock.nowMs() - startedMs).toBeLessThan(18_000)
})

test('a produce call is answered before its function is stopped, however slow each step is that succeeds', async () => {
  const { clock, index, topics, produce } = await openStuck()
  const startedMs = clock.nowMs()
  for (const store of [index, topics]) {
    for (const [name, method] of Object.entries(store) as [keyof typeof store, () => Promise<unknown>][]) {
      const slowly = async (...args: []) => {
        await clock.sleep(TABLE_READ_TIMEOUT_MS - 100)
        return await method(...args)
      }
      Object.assign(store, { [name]: slowly })
    }
  }
  const { status, json } = await produce()
  // The topic, the head, and then it is too late to begin to write.
  expect([status, json.kafkaError, json.written]).toEqual([504, 'REQUEST_TIMED_OUT', 'no'])
  expect(clock.nowMs() - startedMs).toBeLessThan(FUNCTION_TIMEOUT_MS - FUNCTION_RESERVE_MS)
})

/** A topic in a store whose methods can be replaced, over virtual time. */
async function openStuck() {
  const clock = new VirtualClock(Date.now())
  const { index, topics, objects } = openMemoryStore(clock)
  const stuck = openTestService({ index, topics, objects, clock })
  const settled = <T>(work: Promise<T>) => clock.runUntilSettled(work)
  await settled(openBroker(stuck).createTopic({ topic: 'tides' }))
  const produce = () => settled(caller(stuck, PRODUCE_ROUTES)(produceEvent([{ value: null }])))
  return { clock, index, topics, stuck, settled, produce }
}
