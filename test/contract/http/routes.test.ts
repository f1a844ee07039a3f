import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import { ProblemAnswer } from '../../../src/contract/http/schemas/problem.ts'
import { UrlSigner } from '../../../src/contract/http/trust/signed-url.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { BATCHES, overriding, type Served, serveBroker } from './served-broker.ts'

let served: Served
beforeAll(async () => {
  served = await serveBroker()
  await served.send('POST', '/topics', {
    topic: 'orders',
    partitions: 2,
    configs: { 'retention.ms': 60_000 },
  })
})
afterAll(() => served.close())

describe('topics', () => {
  test('are created with a Location, described, listed', async () => {
    const created = await served.send('POST', '/topics', {
      topic: 'a.b',
      configs: { 'cleanup.policy': 'delete' },
    })
    expect(created.status).toBe(201)
    expect(created.headers.get('location')).toBe('/topics/a.b')
    expect(created.json).toMatchObject({
      topic: 'a.b',
      partitions: 1,
      offsets: [{ partition: 0, startOffset: 0, endOffset: 0 }],
    })
    expect((await served.get('/topics/a.b')).json).toEqual(created.json)
    const { topics } = (await served.get('/topics')).json
    expect(topics.map((topic: { topic: string }) => topic.topic)).toEqual(['a.b', 'orders'])
    expect((await served.send('DELETE', '/topics/a.b')).status).toBe(204)
    expect((await served.get('/topics/a.b')).status).toBe(404)
  })

  test('configs may be numbers', async () => {
    const { configs } = (await served.get('/topics/orders')).json
    expect(configs).toContainEqual({
      name: 'retention.ms',
      value: '60000',
      isDefault: false,
    })
  })

  test.each([
    [{ topic: 'orders' }, 409, 'TOPIC_ALREADY_EXISTS'],
    [{ topic: '..' }, 422, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic: 'a/b' }, 422, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic: '' }, 422, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic: 'x', partitions: 0 }, 422, 'INVALID_PARTITIONS'],
    [{ topic: 'x', configs: { nonsense: '1' } }, 422, 'INVALID_CONFIG'],
    [{ topic: 'x', partitions: 'many' }, 400, 'INVALID_REQUEST'],
    [{}, 400, 'INVALID_REQUEST'],
  ])('%j is %d', async (body, status, kafkaError) => {
    const answer = await served.send('POST', '/topics', body)
    expect(answer.status).toBe(status)
    expect(answer.json).toMatchObject({ kafkaError, title: kafkaError, status, written: 'no' })
  })

  test('change whole or not at all', async () => {
    const changed = await served.send('PATCH', '/topics/orders', {
      partitions: 3,
      set: { 'retention.ms': 1 },
      unset: [],
    })
    expect(changed.status).toBe(200)
    expect(changed.json).toMatchObject({ partitions: 3 })
    expect((await served.send('PATCH', '/topics/orders', { partitions: 2 })).json.kafkaError).toBe(
      'INVALID_PARTITIONS',
    )
    expect((await served.send('PATCH', '/topics/orders', {})).status).toBe(400)
    expect((await served.send('PATCH', '/topics/none', { partitions: 2 })).status).toBe(404)
  })
})

describe('offsets', () => {
  beforeAll(async () => {
    await served.send('POST', '/topics', { topic: 'timed' })
    const records = [1_000, 2_000, 3_000].map(timestampMs => ({ value: '', timestampMs }))
    await served.send('POST', '/topics/timed/records', { records })
  })

  test.each([
    ['earliest', { offset: 0 }],
    ['latest', { offset: 3 }],
    ['1500', { offset: 1, timestampMs: 2_000 }],
    ['1970-01-01T00:00:02.5Z', { offset: 2, timestampMs: 3_000 }],
    ['1970-01-01T01:00:02.5%2B01:00', { offset: 2, timestampMs: 3_000 }],
    ['3001', { offset: null, timestampMs: null }],
  ])('at=%s', async (at, expected) => {
    const answer = await served.get(`/topics/timed/partitions/0/offsets?at=${at}`)
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject(expected)
  })

  test.each(['', 'now', '-1', '1.5', '2026-07-01', '2026-07-01T12:00:00', '99999999999999999'])(
    'at=%s is refused',
    async at => {
      expect((await served.get(`/topics/timed/partitions/0/offsets?at=${at}`)).status).toBe(400)
    },
  )

  test('the oldest records can be deleted', async () => {
    const deleted = await served.send('DELETE', '/topics/timed/partitions/0/records?before=2')
    expect(deleted.json).toEqual({ startOffset: 2 })
    expect((await served.get('/topics/timed/partitions/0/records?offset=1')).status).toBe(416)
    expect((await served.send('DELETE', '/topics/timed/partitions/0/records?before=4')).status).toBe(416)
  })

  test('those of a topic that is only compacted cannot, as in Kafka', async () => {
    await served.send('POST', '/topics', { topic: 'latest', configs: { 'cleanup.policy': 'compact' } })
    const refused = await served.send('DELETE', '/topics/latest/partitions/0/records?before=0')
    expect(refused.status).toBe(422)
    expect(refused.json).toMatchObject({ kafkaError: 'POLICY_VIOLATION', retriable: false, written: 'no' })
  })
})

describe('what is wrong with a number is said', () => {
  const records = '/topics/orders/partitions/0/records'

  test.each([
    [`${records}?offset=9223372036854775808`, 'query.offset: is larger than 9007199254740991; it'],
    [`${records}?offset=-1`, 'query.offset: is negative; it'],
    [`${records}?offset=+1`, 'query.offset: has a blank before or behind it (a + in a query is one); it'],
    [`${records}?offset=%2B1`, 'query.offset: has a plus sign; it'],
    [`${records}?offset=1.0`, 'query.offset: is written as a fraction; it'],
    [`${records}?offset=`, 'query.offset: is empty; it'],
    [
      '/topics/orders/partitions/2147483648/records?offset=0',
      'path.partition: is larger than 2147483647; it',
    ],
    [
      '/topics/orders/partitions/0/offsets?at=9007199254740992',
      'query.at: is larger than 9007199254740991; it',
    ],
  ])('%s', async (path, problem) => {
    const { status, json } = await served.get(path)
    expect([status, json.detail]).toEqual([400, expect.stringContaining(` ${problem} must be `)])
  })

  test.each([
    ['9223372036854775808', 'is larger than 9007199254740991'],
    ['1e400', 'is larger than 9007199254740991'],
    ['-1', 'is negative'],
    ['1.5', 'is a fraction'],
    ['"1"', 'is no number'],
  ])('%s in a body', async (number, problem) => {
    const body = `{"records":[{"value":"","timestampMs":${number}}]}`
    const { status, json } = await served.send('POST', '/topics/orders/records', body, {
      'content-type': 'application/json',
    })
    expect([status, json.detail]).toEqual([
      400,
      `The request is not valid. body.records[0].timestampMs: ${problem}; it must be a whole number from 0 on, below 2^53.`,
    ])
  })
})

describe('what is no route', () => {
  test.each(['/', '/nothing', '/topics/', '/topics/a/b', '/topics/orders/partitions/0', '/objects/'])(
    '%s is 404',
    async path => {
      const answer = await served.get(path)
      expect(answer.status).toBe(404)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(ProblemAnswer.parse(answer.json).kafkaError).toBe('INVALID_REQUEST')
    },
  )

  test.each([
    ['PUT', '/topics', 'HEAD, GET, POST'],
    ['POST', '/topics/orders', 'HEAD, GET, PATCH, DELETE'],
    ['GET', '/topics/orders/records', 'POST'],
    ['DELETE', '/health', 'HEAD, GET'],
    ['OPTIONS', '/topics', 'HEAD, GET, POST'],
  ])('%s %s is 405', async (method, path, allow) => {
    const answer = await served.send(method, path)
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allow)
    expect(answer.json).toMatchObject({ kafkaError: 'INVALID_REQUEST', status: 405 })
  })

  test('HEAD is GET without a body', async () => {
    const answer = await served.send('HEAD', '/topics')
    expect(answer.status).toBe(200)
    expect(answer.bytes.length).toBe(0)
  })
})

describe('content types', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/octet-stream',
    'application/jsonx',
  ])('%s is 415', async type => {
    const answer = await served.send('POST', '/topics/orders/records', '{"records":[{"value":""}]}', {
      'content-type': type,
    })
    expect(answer.status).toBe(415)
    expect(answer.json).toMatchObject({ kafkaError: 'INVALID_REQUEST', status: 415, written: 'no' })
  })

  test('a body in another encoding is 415', async () => {
    const answer = await served.send('POST', '/topics', { topic: 'x' }, { 'content-encoding': 'gzip' })
    expect(answer.status).toBe(415)
  })

  test('JSON may say its charset', async () => {
    const answer = await served.send(
      'POST',
      '/topics/orders/records',
      { records: [{ value: '' }] },
      { 'content-type': 'Application/JSON; charset=utf-8' },
    )
    expect(answer.status).toBe(200)
  })

  test.each([
    ['/topics', 'text/html', 406],
    ['/topics', 'text/html, */*;q=0.1', 200],
    ['/topics', 'application/*', 200],
    ['/topics', 'application/json;q=0', 406],
    ['/topics', BATCHES, 406],
  ])('GET %s with Accept: %s is %d', async (path, accept, status) => {
    expect((await served.get(path, { accept })).status).toBe(status)
  })
})

describe('errors of the broker', () => {
  test('have the status that HTTP has for them', async () => {
    let error: unknown
    await using failing = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          listTopics: async () => {
            throw error
          },
        }),
    })
    for (const [name, status] of [
      ['THROTTLING_QUOTA_EXCEEDED', 429],
      ['KAFKA_STORAGE_ERROR', 503],
      ['REQUEST_TIMED_OUT', 504],
      ['TOPIC_AUTHORIZATION_FAILED', 403],
      ['BROKER_NOT_AVAILABLE', 503],
    ] as const) {
      error = new TidemarkError(name, 'why', 'unknown')
      const answer = await failing.get('/topics')
      expect(answer.status).toBe(status)
      expect(answer.json).toMatchObject({
        kafkaError: name,
        detail: 'why',
        written: 'unknown',
        retriable: (error as TidemarkError).retriable,
      })
      expect(answer.headers.get('retry-after')).toBe(status === 429 ? '1' : null)
    }
    expect(failing.logged).toEqual([])
    for (error of [new TypeError('x is undefined'), 'a string', null, undefined]) {
      const answer = await failing.get('/topics')
      expect(answer.status).toBe(500)
      expect(answer.json).toMatchObject({
        kafkaError: 'UNKNOWN_SERVER_ERROR',
        kafkaErrorNumber: -1,
        written: 'no',
      })
      expect(answer.json.detail).not.toContain('undefined')
    }
    expect(failing.logged).toHaveLength(4)
  })
})

describe('limits', () => {
  const json = { 'content-type': 'application/json' }

  test('a body that is too large is 413, whether it says its length or not', async () => {
    await using small = await serveBroker({ app: { bodyBytesMax: 1_000 } })
    const body = JSON.stringify({ topic: 'x'.repeat(2_000) })
    expect((await small.send('POST', '/topics', body)).status).toBe(413)
    const chunked = await fetch(`${small.url}/topics`, {
      method: 'POST',
      headers: json,
      body: new Blob([body]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
    expect(await chunked.json()).toMatchObject({ kafkaError: 'MESSAGE_TOO_LARGE', written: 'no' })
    const endless = new ReadableStream({ pull: controller => controller.enqueue(Buffer.alloc(100, ' ')) })
    const post = new Request(`${small.url}/topics`, {
      method: 'POST',
      headers: json,
      body: endless,
      duplex: 'half',
    } as RequestInit)
    // The connection may be cut before the answer was read: what counts is that it ends.
    await fetch(post).then(
      answer => expect(answer.status).toBe(413),
      error => expect(error).toBeInstanceOf(TypeError),
    )
    expect((await small.send('POST', '/topics', { topic: 'fits' })).status).toBe(201)
  })

  test('more bodies at the same time than fit into memory are 429, and later ones are taken', async () => {
    const gate = Promise.withResolvers<void>()
    await using small = await serveBroker({
      app: { bodiesInFlightBytesMax: 1_500 },
      wrap: broker =>
        overriding(broker, {
          createTopic: async request => {
            await gate.promise
            return broker.createTopic(request)
          },
        }),
    })
    const body = (topic: string) => JSON.stringify({ topic, configs: {} }).padEnd(1_000)
    const first = small.send('POST', '/topics', body('first'))
    await expect.poll(async () => (await small.send('POST', '/topics', body('second'))).status).toBe(429)
    gate.resolve()
    expect((await first).status).toBe(201)
    expect((await small.send('POST', '/topics', body('third'))).status).toBe(201)
  })
})

describe('without a server around it', () => {
  const app = (settings = {}) =>
    createHttpApp({ broker: openInMemory().broker, logger: { error: () => {} } }, settings)
  const post = (headers: Record<string, string>, body: string) =>
    new Request('http://localhost/topics', {
      method: 'POST',
      headers: { host: 'localhost', 'content-type': 'application/json', ...headers },
      body,
    })

  test('requests are answered', async () => {
    expect((await app().fetch(post({}, '{"topic":"t"}'))).status).toBe(201)
  })

  test('a length that lies does not get past the limits', async () => {
    const body = JSON.stringify({ topic: 't' }).padEnd(2_000)
    const small = app({ bodyBytesMax: 1_000, bodiesInFlightBytesMax: 1_000 })
    for (const length of ['1', '-1', 'x', '1e2', '99999999999999999999', '']) {
      expect([length, (await small.fetch(post({ 'content-length': length }, body))).status]).toEqual([
        length,
        413,
      ])
    }
    expect((await small.fetch(post({}, '{"topic":"t"}'))).status).toBe(201)
  })

  test('a body without an end is refused as soon as it is too large', async () => {
    const endless = new ReadableStream({ pull: controller => controller.enqueue(Buffer.alloc(100, ' ')) })
    const request = new Request('http://localhost/topics', {
      method: 'POST',
      headers: { host: 'localhost', 'content-type': 'application/json' },
      body: endless,
      duplex: 'half',
    } as RequestInit)
    expect((await app({ bodyBytesMax: 1_000 }).fetch(request)).status).toBe(413)
  })

  test('any Host is taken where that was set, and none where it was not', async () => {
    const from = (host: string) => new Request('http://localhost/topics', { headers: { host } })
    expect((await app({ allowedHosts: 'any' }).fetch(from('api.example.test'))).status).toBe(200)
    expect((await app().fetch(from('api.example.test'))).status).toBe(403)
  })
})

describe('documentation', () => {
  test('has every route, with descriptions and errors', async () => {
    const { json: document } = await served.get('/openapi.json')
    expect(document.openapi).toBe('3.1.0')
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map(method => `${method.toUpperCase()} ${path}`),
    )
    expect(routes.sort()).toEqual(
      [
        'GET /topics',
        'POST /topics',
        'GET /topics/{topic}',
        'PATCH /topics/{topic}',
        'DELETE /topics/{topic}',
        'POST /topics/{topic}/records',
        'GET /topics/{topic}/partitions/{partition}/records',
        'POST /fetch',
        'POST /topics/{topic}/fetch',
        'DELETE /topics/{topic}/partitions/{partition}/records',
        'GET /topics/{topic}/partitions/{partition}/offsets',
        'POST /groups/{groupId}/heartbeat',
        'DELETE /groups/{groupId}/members/{memberId}',
        'POST /groups/{groupId}/offsets',
        'GET /groups/{groupId}/offsets',
        'GET /groups',
        'GET /groups/{groupId}',
        'DELETE /groups/{groupId}',
        'POST /transactions/{transactionalId}',
        'POST /transactions/{transactionalId}/partitions',
        'POST /transactions/{transactionalId}/batches',
        'POST /transactions/{transactionalId}/offsets',
        'POST /transactions/{transactionalId}/end',
        'GET /transactions',
        'GET /transactions/{transactionalId}',
        'DELETE /transactions/{transactionalId}',
        'GET /triggers',
        'POST /groups/{groupId}/triggers/{topic}/pause',
        'POST /groups/{groupId}/triggers/{topic}/resume',
        'DELETE /groups/{groupId}/triggers/{topic}',
        'GET /objects/{key}',
        'GET /health',
        'GET /health/live',
        'GET /health/ready',
        'GET /openapi.json',
      ].sort(),
    )
    for (const methods of Object.values<
      Record<
        string,
        {
          summary: string
          responses: Record<string, { description: string }>
          parameters?: { description?: string; name: string }[]
        }
      >
    >(document.paths)) {
      for (const operation of Object.values(methods)) {
        expect(operation.summary).not.toBe('')
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '403', '406', '500']))
        for (const { description } of Object.values(operation.responses)) expect(description).not.toBe('')
        for (const parameter of operation.parameters ?? [])
          expect([parameter.name, parameter.description ?? '']).not.toEqual([parameter.name, ''])
      }
    }
    const references = JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)
    for (const [, name] of references) expect(document.components.schemas).toHaveProperty(name!)
  })

  test('every error that was seen here is documented for its route', async () => {
    const { json: document } = await served.get('/openapi.json')
    const seen: [string, string, unknown?][] = [
      ['post', '/topics', { topic: 'orders' }],
      ['post', '/topics', { topic: '..' }],
      ['get', '/topics/none'],
      ['get', '/topics/orders/partitions/9/records?offset=0'],
      ['get', '/topics/orders/partitions/0/records?offset=900'],
      ['post', '/topics/none/records', { records: [{ value: '' }] }],
      ['get', '/objects/a/b?position=0&bytes=1&expires=1&signature=x'],
    ]
    for (const [method, path, body] of seen) {
      const { status } = await served.send(method.toUpperCase(), path, body)
      expect(status).toBeGreaterThanOrEqual(400)
      const template = path
        .split('?')[0]!
        .replace(/^\/topics\/\w+/, '/topics/{topic}')
        .replace(/partitions\/\d/, 'partitions/{partition}')
        .replace(/objects\/.*/, 'objects/{key}')
      expect([template, Object.keys(document.paths[template][method].responses)]).toEqual([
        template,
        expect.arrayContaining([String(status)]),
      ])
    }
  })
})

test('health', async () => {
  expect((await served.get('/health')).json).toEqual({ status: 'ok' })
  expect((await served.get('/health/live')).json).toEqual({ status: 'ok' })
  expect((await served.get('/health/ready')).json).toEqual({ status: 'ok' })
})

test('a server whose store does not answer is there, and not ready', async () => {
  await using broken = await serveBroker({
    wrap: broker =>
      overriding(broker, {
        describeTopic: async () => {
          throw new TidemarkError('KAFKA_STORAGE_ERROR', 'The disk is gone.')
        },
      }),
  })
  expect((await broken.get('/health')).status).toBe(200)
  const { status, json } = await broken.get('/health/ready')
  expect([status, json.detail]).toEqual([503, 'The disk is gone.'])
})

test('a server is not alive where only a restart can mend its store, and alive with any other trouble', async () => {
  let lasting: string | undefined
  const health = { look: async () => 'the disk failed', needsRestart: () => lasting }
  await using served = await serveBroker({ ports: { health } })
  expect((await served.get('/health/live')).status).toBe(200)
  expect((await served.get('/health')).json).toMatchObject({ retriable: true })
  lasting = 'the index is closed to writing'
  expect(await served.get('/health/live')).toMatchObject({
    status: 503,
    json: {
      kafkaError: 'KAFKA_STORAGE_ERROR',
      retriable: false,
      detail: 'Only a restart can mend it: the index is closed to writing.',
    },
  })
  expect((await served.get('/health')).json).toMatchObject({ retriable: false })
  expect((await served.get('/health/ready')).json).toMatchObject({ retriable: false })
})

test('a look whether requests can be served tries to write, a look at health does not; a slow read is not waited for', async () => {
  const tried: unknown[] = []
  const health = { look: async (isTried?: boolean) => void tried.push(isTried) }
  await using served = await serveBroker({
    ports: { health },
    wrap: broker => overriding(broker, { describeTopic: () => new Promise(() => {}) }),
  })
  expect((await served.get('/health')).status).toBe(200)
  expect((await served.get('/health/ready')).json).toMatchObject({ kafkaError: 'REQUEST_TIMED_OUT' })
  expect(tried).toEqual([false, true])
})

test("a store's trouble that comes by another way than the broker is told as the store's, and not as the server's", async () => {
  const signer = new UrlSigner({ secret: randomBytes(32) })
  const get = async () => {
    throw new StoreFailed('the disk failed')
  }
  await using served = await serveBroker({ ports: { objects: { signer, get } } })
  const { url } = signer.sign('segments/00/0', toPosition(0), 1, Date.now())
  expect(await served.get(url)).toMatchObject({
    status: 503,
    json: {
      kafkaError: 'KAFKA_STORAGE_ERROR',
      retriable: false,
      detail: 'The store cannot do this: the disk failed.',
    },
  })
})

test('health says no, and why, while the store is in trouble', async () => {
  let trouble: string | undefined = 'the disk is full: make room'
  await using served = await serveBroker({ ports: { health: { look: async () => trouble } } })
  expect(await served.get('/health')).toMatchObject({
    status: 503,
    json: {
      kafkaError: 'KAFKA_STORAGE_ERROR',
      detail: 'The store is in trouble: the disk is full: make room.',
    },
  })
  expect(await served.get('/health/ready')).toMatchObject({ status: 503 })
  trouble = undefined
  expect(await served.get('/health')).toMatchObject({ status: 200, json: { status: 'ok' } })
  expect(await served.get('/health/ready')).toMatchObject({ status: 200 })
})
