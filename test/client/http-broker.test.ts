import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpBroker } from '../../src/client/http-broker.ts'
import type { Broker } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { overriding, type Served, serveBroker } from '../contract/http/served-broker.ts'

const batch = (...values: string[]) =>
  encodeBatch(
    values.map(value => ({ value: Buffer.from(value) })),
    { nowMs: 1_000 },
  )

describe('over a server', () => {
  let served: Served
  let client: Broker
  beforeAll(async () => {
    served = await serveBroker({ app: { token: 'secret' } })
    client = served.client
  })
  afterAll(() => served.close())

  test('answers what the broker behind it answers', async () => {
    const created = await client.createTopic({
      topic: 'same',
      partitions: 2,
      configs: { 'retention.ms': '60000' },
    })
    expect(created).toEqual(await served.broker.describeTopic('same'))
    expect(await client.listTopics()).toEqual(await served.broker.listTopics())
    const altered = await client.alterTopic({
      topic: 'same',
      partitions: 3,
      set: { 'flush.ms': '10' },
      unset: ['retention.ms'],
    })
    expect(altered).toEqual(await served.broker.describeTopic('same'))
    expect(altered.partitions).toBe(3)

    const produced = await client.produce({ topic: 'same', partition: 2, batches: batch('a', 'b') })
    expect(produced).toEqual({ baseOffset: 0, records: 2, startOffset: 0, logAppendTimeMs: null })
    const request = { topic: 'same', partition: 2, offset: toOffset(0) }
    const fetched = await client.fetch(request)
    const direct = await served.broker.fetch(request)
    expect({ ...fetched, chunks: Buffer.concat(fetched.chunks) }).toEqual({
      ...direct,
      chunks: Buffer.concat(direct.chunks),
    })
    expect(await client.fetch({ ...request, offset: toOffset(2) })).toMatchObject({
      endOffset: 2,
      nextOffset: 2,
      chunks: [],
    })

    const at = { topic: 'same', partition: 2 }
    expect(await client.offsetFor({ ...at, at: 'latest' })).toMatchObject({ offset: 2 })
    expect(await client.offsetFor({ ...at, at: { timestampMs: 1_000 } })).toEqual({
      offset: 0,
      timestampMs: 1_000,
    })
    expect(await client.offsetFor({ ...at, at: { timestampMs: 1_001 } })).toEqual({
      offset: null,
      timestampMs: null,
    })
    expect(await client.deleteRecords({ ...at, beforeOffset: toOffset(1) })).toEqual({ startOffset: 1 })
    const { topicId } = await client.describeTopic('same')
    expect(await client.fetch({ ...at, topicId, offset: toOffset(1) })).toMatchObject({ nextOffset: 2 })
    await client.deleteTopic('same')
    expect(await client.listTopics()).toEqual([])
    await client.createTopic({ topic: 'same' })
    const unknown = { kafkaName: 'UNKNOWN_TOPIC_ID', retriable: true }
    for (const read of ['fetch', 'locate'] as const) {
      await expect(client[read]({ ...at, partition: 0, topicId, offset: toOffset(0) })).rejects.toMatchObject(
        unknown,
      )
    }
    await client.deleteTopic('same')
  })

  test('says what no other try can mend, as the broker itself does', async () => {
    await using failing = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          listTopics: async () => {
            throw new TidemarkError('KAFKA_STORAGE_ERROR', 'The disk failed.', 'no', { retriable: false })
          },
        }),
    })
    const told = { kafkaName: 'KAFKA_STORAGE_ERROR', retriable: false }
    await expect(failing.client.listTopics()).rejects.toMatchObject(told)
  })

  const refusals: [string, (broker: Broker) => Promise<unknown>][] = [
    ['a topic that is not there', broker => broker.describeTopic('none')],
    ['a name that is no name', broker => broker.createTopic({ topic: 'a b' })],
    ['a name with a slash', broker => broker.describeTopic('a/b')],
    ['a name that a URL would swallow', broker => broker.deleteTopic('..')],
    ['an empty name', broker => broker.describeTopic('')],
    ['a config that is none', broker => broker.createTopic({ topic: 'x', configs: { no: '1' } })],
    [
      'bytes that are no batch',
      broker => broker.produce({ topic: 'here', partition: 0, batches: Buffer.from('xxxxxxxx') }),
    ],
    [
      'a partition that is not there',
      broker => broker.produce({ topic: 'here', partition: 7, batches: batch('') }),
    ],
    ['an offset outside', broker => broker.fetch({ topic: 'here', partition: 0, offset: toOffset(5) })],
    ['locating outside', broker => broker.locate({ topic: 'here', partition: 0, offset: toOffset(5) })],
  ]
  test.each(refusals)('%s fails as at the broker itself', async (_, call) => {
    await client.createTopic({ topic: 'here' }).catch(() => {}) // it may be there from the case before
    const [here, there] = await Promise.all(
      [served.broker, client].map(broker => call(broker).catch((error: unknown) => error)),
    )
    expect(here).toBeInstanceOf(TidemarkError)
    expect(there).toBeInstanceOf(TidemarkError)
    const { kafkaName, written, retriable } = here as TidemarkError
    expect(there).toMatchObject({ kafkaName, written, retriable })
  })

  test('sends records elsewhere where that is wanted, signed by another, and nothing else', async () => {
    const asked: string[] = []
    const elsewhere = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers['x-signed']}`)
      request.resume()
      const answer = { partition: 1, baseOffset: 7, records: 1, startOffset: 0, logAppendTimeMs: null }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
    await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
    const sign = async () => ({ 'x-signed': 'for the function' })
    const both = new HttpBroker({ url: served.url, token: 'secret', produceBy: { url, sign } })
    expect(await both.produce({ topic: 'away', partition: 1, batches: batch('a') })).toMatchObject({
      baseOffset: 7,
    })
    expect(asked).toEqual(['POST /topics/away/records?partition=1 for the function'])
    expect(await both.listTopics()).toEqual(await served.broker.listTopics())
    elsewhere.closeAllConnections()
    elsewhere.close()
  })

  test('a wrong token is an error, not an empty answer', async () => {
    const stranger = new HttpBroker({ url: served.url, token: 'wrong' })
    await expect(stranger.listTopics()).rejects.toMatchObject({
      kafkaName: 'SASL_AUTHENTICATION_FAILED',
      written: 'no',
    })
  })

  test('a fetch waits, and its signal ends the wait with what there is', async () => {
    await client.createTopic({ topic: 'waiting' })
    const request = { topic: 'waiting', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 }
    const poll = client.fetch(request)
    await served.broker.produce({ topic: 'waiting', partition: 0, batches: batch('now') })
    expect((await poll).chunks.flatMap(decodeBatches)).toHaveLength(1)

    const controller = new AbortController()
    const ended = client.fetch({ ...request, offset: toOffset(1), signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    expect(await ended).toEqual({ startOffset: 0, endOffset: 1, nextOffset: 1, chunks: [] })
    expect(await client.fetch({ ...request, offset: toOffset(1), signal: controller.signal })).toMatchObject({
      chunks: [],
    })
  })
})

describe('when nobody answers as a broker', () => {
  async function listen(listener: RequestListener): Promise<{ client: HttpBroker; close: () => void }> {
    const server = createHttpServer(listener)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return {
      client: new HttpBroker({ url: `http://127.0.0.1:${port}`, timeoutMs: 300 }),
      close: () => {
        server.closeAllConnections()
        server.close()
      },
    }
  }
  const produce = (client: Broker) => client.produce({ topic: 't', partition: 0, batches: batch('x') })

  test('a refused connection wrote nothing, and the error says what to look at', async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise(resolve => server.close(resolve))
    for (const host of ['127.0.0.1', 'localhost']) {
      const error = await produce(new HttpBroker({ url: `http://${host}:${port}` })).catch(
        (error: unknown) => error,
      )
      expect(error).toMatchObject({ kafkaName: 'NETWORK_EXCEPTION', written: 'no', retriable: true })
      expect((error as Error).message).toContain(`http://${host}:${port}`)
      expect((error as Error).message).toContain('tidemark dev')
    }
  })

  test('a connection that breaks leaves a write unknown, and a read is nothing to worry about', async () => {
    const { client, close } = await listen(request => request.socket.destroy())
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'NETWORK_EXCEPTION',
      written: 'unknown',
    })
    await expect(client.listTopics()).rejects.toMatchObject({ kafkaName: 'NETWORK_EXCEPTION', written: 'no' })
    close()
  })

  test('an answer that breaks off leaves a write unknown', async () => {
    const { client, close } = await listen((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{')
      setTimeout(() => request.socket.destroy(), 20)
    })
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'NETWORK_EXCEPTION',
      written: 'unknown',
    })
    close()
  })

  test('silence ends with a time-out', async () => {
    const { client, close } = await listen(() => {})
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'REQUEST_TIMED_OUT',
      written: 'unknown',
    })
    await expect(client.listTopics()).rejects.toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'no' })
    close()
  })

  test('an answer that stops in the middle ends with a time-out too', async () => {
    const { client, close } = await listen((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{')
    })
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'REQUEST_TIMED_OUT',
      written: 'unknown',
    })
    close()
  })

  test('what a gateway in between says is not taken for the broker', async () => {
    let status = 502
    const { client, close } = await listen((_, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>no</h1>')
    })
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'NETWORK_EXCEPTION',
      written: 'unknown',
    })
    status = 404
    await expect(produce(client)).rejects.toMatchObject({ kafkaName: 'INVALID_REQUEST', written: 'no' })
    close()
  })

  test('a success that cannot be understood is no success, but was written', async () => {
    const { client, close } = await listen((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"baseOffset":-1}')
    })
    await expect(produce(client)).rejects.toMatchObject({ kafkaName: 'UNSUPPORTED_VERSION', written: 'yes' })
    await expect(client.fetch({ topic: 't', partition: 0, offset: toOffset(0) })).rejects.toMatchObject({
      kafkaName: 'UNSUPPORTED_VERSION',
      written: 'no',
    })
    close()
  })

  test('a redirect is not followed', async () => {
    let requests = 0
    const { client, close } = await listen((_, response) => {
      requests += 1
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'NETWORK_EXCEPTION',
      written: 'unknown',
    })
    expect(requests).toBe(1)
    close()
  })

  test('an error of a newer broker keeps what it says', async () => {
    const problem = {
      type: 'about:blank',
      title: 'FENCED',
      status: 409,
      detail: 'why',
      kafkaError: 'FENCED',
      kafkaErrorNumber: 90,
      retriable: false,
      written: 'unknown',
    }
    const { client, close } = await listen((_, response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
    })
    await expect(produce(client)).rejects.toMatchObject({
      kafkaName: 'UNKNOWN_SERVER_ERROR',
      written: 'unknown',
      message: 'FENCED: why',
    })
    close()
  })

  test.each(['', 'localhost:80', 'ftp://x', 'not a url', 'http://me:it@x', 'http://x?a=1', 'http://x/#a'])(
    '%j is refused as a URL',
    url => {
      expect(() => new HttpBroker({ url })).toThrow(TidemarkError)
    },
  )
})

test('a produce is never sent a second time', async () => {
  let calls = 0
  await using served = await serveBroker({
    wrap: broker =>
      overriding(broker, {
        produce: async () => {
          calls += 1
          throw new TidemarkError('REQUEST_TIMED_OUT', 'late', 'unknown')
        },
      }),
  })
  await expect(
    served.client.produce({ topic: 't', partition: 0, batches: batch('x') }),
  ).rejects.toMatchObject({ written: 'unknown' })
  expect(calls).toBe(1)
})
