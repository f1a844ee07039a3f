import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { askFetch } from '../../src/client/answer.ts'
import { askDispatcher, currentDispatcher } from '../../src/client/dispatcher.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { encodeBatch } from '../../src/core/record/batch-encoder.ts'

const TOPICS = JSON.stringify({ topics: [] })
const CURRENT = Symbol.for('undici.globalDispatcher.1')
const platform = globalThis as { [CURRENT]?: NonNullable<ReturnType<typeof currentDispatcher>> }

async function serving(listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A client whose first request was answered, and what answers those that follow. */
async function open(settings: { sign?: () => Promise<Record<string, string>>; timeoutMs?: number } = {}) {
  let answer: RequestListener = (_, response) => response.end(TOPICS)
  const url = await serving((request, response) => answer(request, response))
  const client = new HttpBroker({ url, ...settings })
  await client.listTopics()
  return {
    client,
    url,
    answerBy: (next: RequestListener) => {
      answer = next
    },
  }
}

const batch = (value: string) => encodeBatch([{ value: Buffer.from(value) }], { nowMs: 0 })
const produce = (client: HttpBroker) => client.produce({ topic: 't', partition: 0, batches: batch('x') })

describe('once fetch has taken a request', () => {
  test('others go without it, and without what it adds for web pages', async () => {
    const { client, answerBy } = await open()
    let headers: object = {}
    answerBy((request, response) => {
      headers = request.headers
      response.end(TOPICS)
    })
    await client.listTopics()
    expect(headers).toMatchObject({
      accept: 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': 'node',
    })
    expect(headers).not.toHaveProperty('sec-fetch-mode')
  })

  test('what a program puts in its place sees every request', async () => {
    const { client, answerBy } = await open()
    answerBy((_, response) => response.destroy())
    const seen = vi.fn(async () => Response.json({ topics: [] }))
    vi.stubGlobal('fetch', seen)
    onTestFinished(() => void vi.unstubAllGlobals())
    expect(currentDispatcher()).toBeUndefined()
    await client.listTopics()
    expect(seen).toHaveBeenCalledTimes(1)
    vi.unstubAllGlobals()
    await expect(client.listTopics()).rejects.toMatchObject({ kafkaName: 'NETWORK_EXCEPTION' })
  })

  test("the program's own dispatcher is used, such as one for a proxy", async () => {
    const { client } = await open()
    const before = platform[CURRENT]!
    const dispatch = vi.fn(before.dispatch.bind(before))
    platform[CURRENT] = { dispatch }
    onTestFinished(() => {
      platform[CURRENT] = before
    })
    await client.listTopics()
    expect(dispatch).toHaveBeenCalledTimes(1)
  })

  test('bodies arrive as they are, of bytes and of text', async () => {
    const { client, answerBy } = await open()
    const bodies: Buffer[] = []
    answerBy(async (request, response) => {
      bodies.push(Buffer.concat(await request.toArray()))
      response.end(
        JSON.stringify({ partition: 0, baseOffset: 5, records: 1, startOffset: 0, logAppendTimeMs: 0 }),
      )
    })
    const bytes = batch('x'.repeat(300_000))
    await client.produce({ topic: 't', partition: 0, batches: bytes })
    await expect(client.createTopic({ topic: 'gezeiten – 潮' })).rejects.toMatchObject({ written: 'yes' })
    expect(Buffer.compare(bodies[0]!, bytes)).toBe(0)
    expect(`${bodies[1]}`).toContain('gezeiten – 潮')
  })

  test('answers in pieces, without a length, and packed ones are put together', async () => {
    const { client, answerBy } = await open()
    const names = Array.from({ length: 20_000 }, (_, index) => `tide-${index}`)
    const topics = names.map(topic => ({ topic, topicId: '0123456789abcdef0123456789abcdef', partitions: 1 }))
    const text = JSON.stringify({ topics })
    const listed = async () => (await client.listTopics()).map(({ topic }) => topic)
    answerBy((_, response) => {
      response.write(text.slice(0, 7))
      setImmediate(() => response.end(text.slice(7)))
    })
    expect(await listed()).toEqual(names)
    answerBy((_, response) => response.setHeader('Content-Encoding', 'gzip').end(gzipSync(text)))
    expect(await listed()).toEqual(names)
  })

  test.each<[string, Buffer, string, number]>([
    ['named in capitals', gzipSync(TOPICS), 'GZIP', 200],
    ['named as of old', gzipSync(TOPICS), ' x-gzip ', 200],
    ['not packed, with the header empty', Buffer.from(TOPICS), ' ', 200],
    ['of nothing', Buffer.of(), 'gzip', 204],
  ])('an answer that is %s is read as fetch reads it', async (_, bytes, encoding, status) => {
    const { answerBy, url } = await open()
    answerBy((_, response) => response.writeHead(status, { 'content-encoding': encoding }).end(bytes))
    const request = { method: 'GET', url, headers: {} }
    const { signal } = new AbortController()
    const asked = await askDispatcher(currentDispatcher()!, request, signal)
    expect([asked.status, asked.text()]).toEqual([status, `${bytes}` && TOPICS])
    const fetched = await askFetch(request, signal)
    expect([fetched.status, fetched.text()]).toEqual([asked.status, asked.text()])
  })

  test.each([
    ['packed in a way that nobody asked for', 'br', 'x'],
    ['not packed as it says', 'gzip', 'x'],
  ])('an answer that is %s leaves a write unknown', async (_, encoding, text) => {
    const { client, answerBy } = await open()
    answerBy((_, response) => response.setHeader('content-encoding', encoding).end(text))
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'NETWORK_EXCEPTION',
      written: 'unknown',
    })
  })

  test.each<[string, RequestListener, object]>([
    [
      'closed without an answer',
      request => request.socket.destroy(),
      { kafkaName: 'NETWORK_EXCEPTION', written: 'unknown', retriable: true },
    ],
    [
      'reset',
      request => (request.socket as Socket).resetAndDestroy(),
      { kafkaName: 'NETWORK_EXCEPTION', written: 'unknown', retriable: true },
    ],
    [
      'broken off in its answer',
      (request, response) => {
        response.setHeader('content-length', 100).write('{')
        setTimeout(() => request.socket.destroy(), 20)
      },
      { kafkaName: 'NETWORK_EXCEPTION', written: 'unknown', retriable: true },
    ],
    [
      'answered by another protocol',
      request => request.socket.end('SSH-2.0-x\r\n'),
      { kafkaName: 'NETWORK_EXCEPTION', written: 'unknown', retriable: false },
    ],
    [
      'sent elsewhere',
      (_, response) => response.writeHead(307, { location: '/elsewhere' }).end(),
      { kafkaName: 'NETWORK_EXCEPTION', written: 'unknown', retriable: false },
    ],
    ['answered never', () => {}, { kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' }],
    [
      'answered in part and no further',
      (_, response) => response.write('{'),
      { kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' },
    ],
  ])('a write that is %s', async (_, listener, failure) => {
    const { client, answerBy } = await open({ timeoutMs: 300 })
    let requests = 0
    answerBy((request, response) => {
      requests += 1
      request.resume().on('end', () => listener(request, response))
    })
    await expect(produce(client)).rejects.toMatchObject(failure)
    expect(requests).toBe(1)
  })

  test('a header that cannot be sent is the fault of who gave it', async () => {
    let value = 'fine'
    const { client } = await open({ sign: async () => ({ authorization: value }) })
    value = 'not\nfine'
    await expect(produce(client)).rejects.toMatchObject({ kafkaName: 'INVALID_REQUEST', written: 'no' })
  })
})

describe('a signal', () => {
  async function asking(signal: AbortSignal, listener: RequestListener) {
    const { url } = await open()
    const own = await serving(listener)
    const headers = { accept: 'application/json' }
    expect(new URL(url).origin).not.toBe(own)
    return askDispatcher(currentDispatcher()!, { method: 'GET', url: own, headers }, signal)
  }

  test('ends a request, and its connection', async () => {
    const controller = new AbortController()
    const closed = Promise.withResolvers<void>()
    const asked = asking(controller.signal, request => {
      request.on('close', closed.resolve)
      controller.abort('enough')
    })
    await expect(asked).rejects.toBe('enough')
    await closed.promise
  })

  test('that has aborted lets nothing be sent', async () => {
    let requests = 0
    const asked = asking(AbortSignal.abort('enough'), (_, response) => {
      requests += 1
      response.end()
    })
    await expect(asked).rejects.toBe('enough')
    expect(requests).toBe(0)
  })
})
