import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fromFailedFetch } from '../../src/client/failed-fetch.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { withRetries } from '../../src/client/retry.ts'
import { toProblem } from '../../src/contract/http/problems/problem.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { SELF_SIGNED } from './self-signed.ts'

async function portOf(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  for (const event of ['connection', 'secureConnection'])
    server.on(event, (socket: Socket) => sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Something that answers whatever comes with these bytes, or hangs up. */
const answering = (bytes: string) =>
  portOf(createServer(socket => socket.on('error', () => {}).once('data', () => socket.end(bytes))))
const hangingUp = () => portOf(createServer(socket => socket.once('data', () => socket.resetAndDestroy())))
const closing = () => portOf(createServer(socket => socket.once('data', () => socket.destroy())))
const serving = (listener: RequestListener) => portOf(createHttpServer(listener))
const withTls = () => portOf(createHttpsServer(SELF_SIGNED, (_, response) => response.end('{}')))
const redirecting = (location: string) =>
  serving((_, response) => response.writeHead(301, { location }).end())
const page = (status: number, text: string) =>
  serving((_, response) =>
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(text),
  )
const freePort = async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** What a broker's user is told, and how often the request was sent where it may be sent again. */
async function trouble(url: string): Promise<TidemarkError & { tries: number }> {
  const client = new HttpBroker({ url, timeoutMs: 10_000 })
  let tries = 0
  let first: TidemarkError | undefined
  const attempt = async () => {
    tries++
    try {
      return await client.listTopics()
    } catch (error) {
      first ??= error as TidemarkError
      throw error
    }
  }
  // The tries end by their number: how long the first one takes is for the machine to say.
  const retry = {
    forMs: 60_000,
    firstPauseMs: 10,
    pauseMaxMs: 10,
    random: () => 0,
    isGivenUp: () => tries === 2,
  }
  await expect(withRetries(attempt, retry)).rejects.toThrow(TidemarkError)
  expect(first!.message).not.toContain('fetch failed')
  return Object.assign(first!, { tries })
}

describe('what no other try can mend is sent once, and named', () => {
  const CASES: [string, () => Promise<string> | string, RegExp][] = [
    [
      'a port that fetch refuses',
      () => 'http://127.0.0.1:6000',
      /no port 6000, .* another one, such as 8082/,
    ],
    [
      'TLS where there is none',
      async () => `https://127.0.0.1:${await serving(() => {})}`,
      /try http:\/\/127/,
    ],
    [
      'a certificate that nobody knows',
      async () => `https://127.0.0.1:${await withTls()}`,
      /not accepted \(DEPTH_ZERO_SELF_SIGNED_CERT\): nobody whom Node trusts .* NODE_EXTRA_CA_CERTS=FILE/,
    ],
    [
      'another protocol',
      async () => `http://127.0.0.1:${await answering('SSH-2.0-x\r\n')}`,
      /does not speak HTTP/,
    ],
    [
      'a redirect to the same host over TLS',
      async () => `http://127.0.0.1:${await redirecting('https://127.0.0.1/topics')}`,
      /answered 301 and sends to "https:\/\/127.0.0.1\/topics": give https:\/\/127.0.0.1:\d+\.$/,
    ],
    [
      'a redirect to a login',
      async () => `http://127.0.0.1:${await redirecting('https://login.example/?next=x')}`,
      /sends to "https:\/\/login.example\/\?next=x": requests are not sent on: .* or sign in/,
    ],
    [
      'a page',
      async () => `http://127.0.0.1:${await page(200, '<!doctype html><title>Welcome</title>')}`,
      /answered 200 with a page of HTML, .* is that its URL, or is there a proxy or a login before it\?/,
    ],
    [
      'a page that says it is not there',
      async () =>
        `http://127.0.0.1:${await page(404, '<html><style>h1 {}</style><h1>Not here</h1>\n<p>Sorry</html>')}`,
      /answered 404, and not as a Tidemark broker does: "Not here Sorry"/,
    ],
    [
      "a server's own words for a request without TLS",
      async () =>
        `http://127.0.0.1:${await page(400, '<html>400 The plain HTTP request was sent to HTTPS port</html>')}`,
      /answered 400, since it speaks TLS: give https:\/\/127.0.0.1:\d+\./,
    ],
  ]
  test.each(CASES)('%s', async (_, open, message) => {
    const error = await trouble(await open())
    expect(error.message).toMatch(message)
    expect([error.tries, error.retriable]).toEqual([1, false])
  })
})

describe('what may pass is tried again, and named', () => {
  const CASES: [string, () => Promise<string> | string, RegExp][] = [
    [
      'nobody',
      async () => `http://127.0.0.1:${await freePort()}`,
      /\(ECONNREFUSED\): is `tidemark dev` running there/,
    ],
    [
      'no such host',
      () => 'http://nowhere.invalid',
      /There is no host nowhere.invalid \(ENOTFOUND\)|cannot be looked up/,
    ],
    ['a connection that is reset', async () => `http://127.0.0.1:${await hangingUp()}`, /ECONNRESET/],
    [
      'a connection that is closed',
      async () => `http://127.0.0.1:${await closing()}`,
      /closed without an answer; has the broker been stopped, or does it speak TLS \(https:/,
    ],
    [
      'TLS where none is spoken',
      async () => `http://127.0.0.1:${await withTls()}`,
      /or does it speak TLS \(https:/,
    ],
    [
      'a page of a proxy',
      async () => `http://127.0.0.1:${await page(502, '<h1>Bad Gateway</h1>')}`,
      /502.*"Bad Gateway"/,
    ],
  ]
  test.each(CASES)('%s', async (_, open, message) => {
    const error = await trouble(await open())
    expect(error.message).toMatch(message)
    expect(error.retriable).toBe(true)
    expect(error.tries).toBe(2)
  })
})

describe('by what the platform says', () => {
  const failed = (code: string, base: string, message = `${code} happened`) =>
    fromFailedFetch(
      new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) }),
      base,
      'unknown',
    )

  test.each([
    ['CERT_HAS_EXPIRED', /has to be renewed, or this machine's clock is wrong/],
    ['CERT_NOT_YET_VALID', /this machine's clock/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /it is not for broker.example: use a name that stands in it/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /NODE_EXTRA_CA_CERTS/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /NODE_EXTRA_CA_CERTS/],
    ['CERT_REVOKED', /openssl s_client/],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', /no TLS in common/],
  ])('%s', (code, message) => {
    const error = failed(code, 'https://broker.example')
    expect(error.message).toMatch(message)
    expect(error).toMatchObject({ kafkaName: 'NETWORK_EXCEPTION', written: 'no', retriable: false })
  })

  test.each(['ENOTFOUND', 'ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'EAI_AGAIN'])(
    '%s: an address of AWS is not asked for `tidemark dev`',
    code => {
      for (const host of [
        'abc.execute-api.eu-west-1.amazonaws.com',
        'abc.lambda-url.eu-west-1.on.aws',
        'abc.execute-api.localhost.localstack.cloud:4566',
      ]) {
        const { message, retriable } = failed(code, `https://${host}`)
        expect(message).not.toContain('tidemark dev')
        expect(message).toMatch(code === 'ENOTFOUND' ? /ApiUrl/ : /from here to AWS|a network/)
        expect(retriable).toBe(true)
      }
    },
  )

  test('what it has no code for is said as it says it', () => {
    const deep = new TypeError('fetch failed', {
      cause: new Error('outer', { cause: new Error('the reason') }),
    })
    expect(fromFailedFetch(deep, 'http://broker.example', 'unknown')).toMatchObject({
      message: 'The connection to http://broker.example failed (the reason).',
      written: 'unknown',
      retriable: true,
    })
    const header = new TypeError('Cannot convert argument to a ByteString')
    expect(fromFailedFetch(header, 'http://broker.example', 'unknown')).toMatchObject({
      kafkaName: 'INVALID_REQUEST',
      written: 'no',
    })
  })
})

test('what the server says another try can mend is tried again, whatever the error is called', async () => {
  const error = new TidemarkError('INVALID_REQUEST', 'The body comes too slowly.')
  const problem = JSON.stringify({ ...toProblem(error, 408), retriable: true })
  const port = await serving((_, response) =>
    response.writeHead(408, { 'content-type': 'application/problem+json' }).end(problem),
  )
  const client = new HttpBroker({ url: `http://127.0.0.1:${port}` })
  await expect(client.listTopics()).rejects.toMatchObject({ kafkaName: 'INVALID_REQUEST', retriable: true })
})
