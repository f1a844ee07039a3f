import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ProblemAnswer } from '../../src/contract/http/schemas/problem.ts'
import { isKafkaErrorName } from '../../src/core/errors.ts'
import { type Served, serveBroker } from '../contract/http/served-broker.ts'

let served: Served
beforeAll(async () => {
  served = await serveBroker()
  await served.send('POST', '/topics', { topic: 't' })
  await served.send('POST', '/topics/t/records', { records: [{ value: 'ebb' }] })
})
afterAll(() => served.close())

/** What comes for these bytes until the server closes the connection. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(served.port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    let received = ''
    socket.setEncoding('latin1').setTimeout(20_000, () => socket.destroy(new Error(`no end: ${bytes}`)))
    socket.on('data', chunk => {
      received += chunk
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}

interface Answer {
  status: number
  headers: Map<string, string>
  body: string
}

function parse(received: string): Answer {
  const end = received.indexOf('\r\n\r\n')
  const [line = '', ...headers] = received.slice(0, end).split('\r\n')
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]),
    headers: new Map(
      headers.map(header => [
        header.split(':', 1)[0]!.toLowerCase(),
        header.slice(header.indexOf(':') + 1).trim(),
      ]),
    ),
    body: Buffer.from(received.slice(end + 4), 'latin1').toString(),
  }
}

/** A refusal says what it is, in JSON and with Kafka's name; nothing is the server's fault. */
function expectSense(method: string, { status, headers, body }: Answer): void {
  expect(status).toBeGreaterThanOrEqual(200)
  expect(status).toBeLessThan(500)
  if (status === 405) {
    expect(headers.get('allow')).toMatch(/^(HEAD|GET|POST|PATCH|DELETE)(, (HEAD|GET|POST|PATCH|DELETE))*$/)
    expect(headers.get('allow')!.split(', ')).not.toContain(method)
  }
  if (status < 400 || method === 'HEAD') return
  expect(headers.get('content-type')).toBe('application/problem+json')
  const problem = ProblemAnswer.parse(JSON.parse(body))
  expect(problem).toMatchObject({ status, written: 'no' })
  expect(isKafkaErrorName(problem.kafkaError)).toBe(true)
}

const METHODS = [
  'GET',
  'POST',
  'PATCH',
  'DELETE',
  'PUT',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'QUERY',
  'PROPFIND',
]

const escaped = fc.constantFrom(
  '%0A',
  '%0D%0A',
  '%00',
  '%2F',
  '%2f..%2F',
  '%5C',
  '%2e%2e',
  '%25',
  '%ff',
  '%',
  '%zz',
  '%E0%A4%A',
)
const plain = fc.constantFrom(
  't',
  'none',
  '0',
  '1',
  '-1',
  '2147483648',
  '..',
  '.',
  '',
  '~2F',
  ';a=b',
  '*',
  ':',
  '@',
  '[',
  '\\',
  '\xe9',
)
const part = fc.oneof(
  plain,
  escaped,
  fc.tuple(plain, escaped).map(([before, after]) => before + after),
)
const path = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        '/topics/{}',
        '/topics/{}/records',
        '/topics/{}/partitions/{}/records',
        '/topics/{}/partitions/{}/offsets',
      ),
      fc.array(part, { minLength: 2, maxLength: 2 }),
    )
    .map(([template, parts]) =>
      parts.reduce<string>((text, each) => text.replace('{}', () => each), template),
    ),
  fc
    .tuple(
      fc.constantFrom(
        '/groups/{}',
        '/groups/{}/offsets',
        '/groups/{}/heartbeat',
        '/groups/{}/members/{}',
        '/groups/{}/triggers/{}/pause',
      ),
      fc.array(part, { minLength: 2, maxLength: 2 }),
    )
    .map(([template, parts]) =>
      parts.reduce<string>((text, each) => text.replace('{}', () => each), template),
    ),
  fc.array(part, { maxLength: 6 }).map(parts => `/objects/${parts.join('/')}`),
  fc
    .array(fc.oneof(part, fc.constantFrom('topics', 'groups', 'health', 'objects')), { maxLength: 6 })
    .map(parts => `/${parts.join('/')}`),
  fc.nat({ max: 20_000 }).map(length => `/topics/${'x'.repeat(length)}`),
)
const value = fc.oneof(
  escaped,
  fc.constantFrom(
    '',
    '0',
    '1',
    '-0',
    '00',
    '1e3',
    '1.5',
    '9223372036854775807',
    '99999999999999999999',
    'true',
    'earliest',
  ),
)
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'offset',
        'maxBytes',
        'maxWaitMs',
        'minBytes',
        'at',
        'before',
        'locate',
        'encoding',
        'topic',
        'partition',
        'signature',
        '%0A',
        '',
        'x',
      ),
      value,
    ),
    { maxLength: 4 },
  )
  // A long poll of its own would take its time.
  .map(pairs =>
    pairs
      .filter(([name]) => name !== 'maxWaitMs')
      .map(pair => pair.join('='))
      .join('&'),
  )
const target = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(path, query).map(([path, query]) => (query === '' ? path : `${path}?${query}`)),
  },
  fc
    .tuple(
      fc.constantFrom('http://localhost', 'http://evil.example', 'https://[::1]:1', 'ftp://x', 'http://'),
      path,
    )
    .map(parts => parts.join('')),
  fc.constantFrom(
    '*',
    '/',
    '//',
    '///topics',
    '?',
    '#',
    '/topics#x',
    '/topics?',
    'topics',
    'localhost:80',
    '/%',
    '/?%00=%00',
  ),
)
const headers = fc.array(
  fc.constantFrom(
    'Accept: text/html',
    'Accept: application/json;q=2, */*;q=-1',
    'Accept: \xff',
    'Accept-Encoding: br',
    'Authorization: Bearer',
    'Content-Type: application/json',
    'Content-Type: text/plain',
    'Content-Encoding: gzip',
    'Expect: 100-continue',
    'Expect: the-unexpected',
    'Upgrade: websocket',
    'Range: bytes=9-1',
    'If-None-Match: *',
    'Origin: null',
    'X-Forwarded-Host: evil.example',
    'Host: other',
    'Transfer-Encoding: gzip',
    `X: ${'y'.repeat(5_000)}`,
  ),
  { maxLength: 4 },
)
const body = fc.constantFrom(
  '',
  '{}',
  '{"records":[{"value":null}]}',
  '[',
  'null',
  '\xff',
  '{"topic":"\\ud800"}',
  '{"offsets":[]}',
  '{"topic":"t","partitions":1e999}',
)
const host = fc.oneof(
  { weight: 8, arbitrary: fc.constant('Host: localhost\r\n') },
  fc.constantFrom('', 'Host:\r\n', 'Host: a b\r\n', 'Host: localhost:99999\r\n', 'Host: evil.example\r\n'),
)

test('every request gets an answer that makes sense, however strange it is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...METHODS),
      target,
      fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''),
      host,
      headers,
      body,
      async (method, target, version, host, headers, body) => {
        const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]
        const lines = [...headers, ...length, 'Connection: close'].map(line => `${line}\r\n`).join('')
        const received = await exchange(`${method} ${target} ${version}\r\n${host}${lines}\r\n${body}`)
        expectSense(method, parse(received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')))
      },
    ),
    { numRuns: 1_000 },
  )
  expect(served.logged).toEqual([])
  expect((await served.get('/topics/t')).status).toBe(200)
}, 120_000)

test.each([
  ['GET /objects/%0A', 400],
  ['GET /objects/a/%0D%0A/b', 400],
  ['PUT /objects/%0A', 405],
  ['PUT /topics/%0A', 405],
  ['PUT /groups/a%2Fb', 405],
  ['CONNECT localhost:80', 405],
  ['TRACE /health', 405],
  ['GET //topics', 404],
])('%s is %d', async (line, status) => {
  const answer = parse(await exchange(`${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`))
  expect(answer.status).toBe(status)
  expectSense(line.split(' ')[0]!, answer)
})

test.each([
  ['Expect: the-unexpected\r\nHost: localhost', 417],
  ['Accept: */*', 400],
])('with %s alone it is %d', async (headers, status) => {
  const answer = parse(await exchange(`GET /health HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`))
  expect(answer.status).toBe(status)
  expectSense('GET', answer)
})
