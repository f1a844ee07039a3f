import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { GatewaySockets } from '../../../src/adapters/aws/delivery/gateway-sockets.ts'
import { LambdaWakePosts } from '../../../src/adapters/aws/delivery/lambda-wake-posts.ts'
import { POSTS_BYTES_MAX } from '../../../src/core/limits.ts'
import { parsePosts } from '../../../src/core/waking/posts.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'
import { listenLocally } from './local-server.ts'

const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }

async function socketsOn(gateway: RequestListener, timeoutMs?: number): Promise<GatewaySockets> {
  const { url, close } = await listenLocally(createServer(gateway))
  onTestFinished(close)
  const options = { url: `${url}/waking`, region: 'eu-west-1', credentials }
  return new GatewaySockets({ ...options, ...(timeoutMs !== undefined && { timeoutMs }) })
}

test('a message is posted to its socket, signed', async () => {
  const heard: [IncomingMessage, string][] = []
  const sockets = await socketsOn(async (request, response) => {
    heard.push([request, await text(request)])
    response.end()
  })
  expect(await sockets.send('L0SM9c/OFvHcCIhw=', '{"type":"wake"}')).toBe('sent')
  const [[request, body]] = heard as [[IncomingMessage, string]]
  expect([request.method, request.url, body]).toEqual([
    'POST',
    '/waking/@connections/L0SM9c%2FOFvHcCIhw%3D',
    '{"type":"wake"}',
  ])
  expect(request.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=id\/\d{8}\/eu-west-1\/execute-api\/aws4_request, /,
  )
})

test.each([
  [200, 'sent'],
  [410, 'gone'],
])('%i says that it is %s', async (status, outcome) => {
  const sockets = await socketsOn((_, response) => response.writeHead(status).end('{}'))
  expect(await sockets.send('a', 'm')).toBe(outcome)
})

test.each([
  [429, NotApplied],
  [500, OutcomeUnknown],
  [403, StoreFailed],
])('%i is told as what can be done about it', async (status, kind) => {
  const sockets = await socketsOn((_, response) => response.writeHead(status).end('{}'))
  await expect(sockets.send('a', 'm')).rejects.toThrow(kind)
})

test('no answer, or none in time, leaves it unknown', async () => {
  const cut = await socketsOn((_, response) => response.destroy())
  await expect(cut.send('a', 'm')).rejects.toThrow(OutcomeUnknown)
  const silent = await socketsOn(() => {}, 50)
  await expect(silent.send('a', 'm')).rejects.toThrow(OutcomeUnknown)
})

test('posts are handed on as events that nobody waits for, in as many as they need', async () => {
  const events: unknown[] = []
  const { url, close } = await listenLocally(
    createServer(async (request, response) => {
      expect(request.headers['x-amz-invocation-type']).toBe('Event')
      expect(request.url).toBe('/2015-03-31/functions/post/invocations')
      events.push(JSON.parse(await text(request)))
      response.writeHead(202).end()
    }),
  )
  const posts = new LambdaWakePosts('post', { endpoint: url, region: 'eu-west-1', credentials })
  onTestFinished(async () => {
    posts.close()
    await close()
  })
  const all = ['a', 'b', 'c'].map(socket => ({ socket, message: 'm'.repeat(POSTS_BYTES_MAX / 2 - 100) }))
  await posts.post(all)
  expect(events).toHaveLength(2)
  expect(
    events.flatMap(event => parsePosts(event) ?? []).toSorted((a, b) => (a.socket < b.socket ? -1 : 1)),
  ).toEqual(all)
})
