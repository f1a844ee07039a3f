import { expect, test } from 'vitest'
import type { Context } from '../../../src/gateway/apis/context.ts'
import { ConnectionEnded, handler } from '../../../src/gateway/apis/handler.ts'
import { ApiVersions } from '../../../src/gateway/wire/messages/api-versions.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { Produce, type ProduceRequest } from '../../../src/gateway/wire/messages/produce.ts'
import { startGateway, until } from './raw-client.ts'

const CLUSTER = { brokers: [], clusterId: 'tides', controllerId: 1, topics: [] }
/** Asks for everything. */
const ALL = { topics: null }
const metadata = handler(Metadata, [0, 12], async () => CLUSTER)

function producing(acks: number, topic = 'tides') {
  const partitionData = [{ index: 0, records: Buffer.from('batch') }]
  return { acks, timeoutMs: 1_000, topicData: [{ name: topic, partitionData }] }
}

/** Writes that end when the test says so, by their topics. */
function heldWrites() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const produce = handler(Produce, [0, 11], async (request: ProduceRequest) => {
    const { name } = request.topicData[0]!
    begun.push(name)
    await new Promise<void>(resolve => ends.set(name, resolve))
    if (request.acks === 0) return undefined
    return { responses: [{ name, partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 7 }] }] }
  })
  return { produce, begun, end: (name: string) => ends.get(name)!() }
}

test('ApiVersions tells what is offered, and what the server itself answers', async () => {
  const { client } = await startGateway([metadata])
  const raw = await client()
  const { errorCode, apiKeys } = await raw.roundTrip(ApiVersions, 3, {
    clientSoftwareName: 'raw',
    clientSoftwareVersion: '1',
  })
  expect(errorCode).toBe(0)
  expect(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion])).toEqual([
    [3, 0, 12],
    [17, 0, 1],
    [18, 0, 5],
    [36, 0, 2],
  ])
})

test('a version of ApiVersions that nobody knows is answered in the oldest one, and the connection goes on', async () => {
  const { client, logged } = await startGateway([metadata])
  const raw = await client()
  const request = raw.request(ApiVersions, 5, {})
  request.writeInt16BE(99, 6)
  raw.send(request)
  const { errorCode, apiKeys, correlationId } = await raw.answer(ApiVersions, 0)
  expect([errorCode, correlationId]).toEqual([35, 1])
  expect(apiKeys).toMatchObject([{ apiKey: 18, minVersion: 0, maxVersion: 5 }])
  expect((await raw.roundTrip(Metadata, 12, ALL)).clusterId).toBe('tides')
  expect(logged).toEqual([])
})

test('writes are begun at once, and answered in order; what is asked behind them waits', async () => {
  const { produce, begun, end } = heldWrites()
  let asked = 0
  const counted = handler(Metadata, [0, 12], async () => {
    asked += 1
    return CLUSTER
  })
  const { client } = await startGateway([produce, counted])
  const raw = await client()
  for (const topic of ['a', 'b']) raw.ask(Produce, 7, producing(-1, topic))
  raw.ask(Metadata, 12, ALL)
  raw.ask(Produce, 7, producing(-1, 'c'))
  await until(() => begun.length === 2)
  end('b')
  end('a')
  expect((await raw.answer(Produce, 7)).responses[0]?.name).toBe('a')
  expect((await raw.answer(Produce, 7)).correlationId).toBe(2)
  expect((await raw.answer(Metadata, 12)).correlationId).toBe(3)
  await until(() => begun.length === 3)
  expect([begun, asked]).toEqual([['a', 'b', 'c'], 1])
  end('c')
  expect((await raw.answer(Produce, 7)).correlationId).toBe(4)
})

test('a write that wants no answer gets none, and what comes behind it is answered', async () => {
  const { produce, end, begun } = heldWrites()
  const { client } = await startGateway([produce, metadata])
  const raw = await client()
  raw.ask(Produce, 7, producing(0))
  raw.ask(Metadata, 12, ALL)
  await until(() => begun.length === 1)
  end('tides')
  expect((await raw.answer(Metadata, 12)).correlationId).toBe(2)
})

test('what a client has sent before it hangs up is done: who wants no answer waits for none', async () => {
  let written = 0
  const produce = handler(Produce, [0, 11], async () => {
    await new Promise(resolve => setTimeout(resolve, 2))
    written += 1
    return undefined
  })
  const slow = handler(Metadata, [0, 12], async () => {
    await new Promise(resolve => setTimeout(resolve, 20))
    return CLUSTER
  })
  const { gateway, client, logged } = await startGateway([produce, slow])
  const raw = await client()
  const write = { acks: 0, timeoutMs: 1, topicData: [] }
  const frames = Array.from({ length: 200 }, () => raw.request(Produce, 7, write))
  raw.send(...frames, raw.request(Metadata, 12, { topics: null }), ...frames)
  raw.socket.end()
  await until(() => written === 400)
  await until(() => gateway.connections === 0)
  expect(logged).toEqual([])
})

test('a handler can end the connection where it cannot answer', async () => {
  const refuse = handler(Produce, [0, 11], async () => {
    throw new ConnectionEnded('there is no topic tides')
  })
  const { client, logged } = await startGateway([refuse])
  const raw = await client()
  raw.ask(Produce, 7, producing(0))
  await raw.ended()
  expect(logged).toEqual([
    expect.stringMatching(
      /^127\.0\.0\.1:\d+: Produce v7 of "raw": there is no topic tides; the connection is closed$/,
    ),
  ])
})

test('what cannot be read ends the connection with a line that says where, after what was asked before', async () => {
  const { client, logged, bugs } = await startGateway([metadata])
  const raw = await client()
  const broken = raw.request(Metadata, 12, { topics: [{ name: 'tides' }] })
  // The number of topics.
  broken[4 + 8 + 5 + 1] = 0xee
  raw.ask(Metadata, 12, ALL)
  raw.send(broken)
  raw.ask(Metadata, 12, ALL)
  expect((await raw.answer(Metadata, 12)).correlationId).toBe(2)
  await raw.ended()
  expect(await raw.frame()).toBe(undefined)
  expect(logged).toEqual([
    expect.stringMatching(/^127\.0\.0\.1:\d+: Metadata v12 of "raw": topics, at byte \d+: .*is closed$/),
  ])
  expect(bugs).toEqual([])
})

test.each([
  ['an API that is not offered', [0, 71, 0, 0, 0, 0, 0, 1], /API 71 v0: is not offered/],
  ['a version that is not offered', [0, 3, 0, 13, 0, 0, 0, 1, 0xff, 0xff], /Metadata v13: is not offered/],
  ['a negative version', [0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff], /Metadata v-1: is not offered/],
  ['half a header', [0, 3, 0, 12], /header, at byte 4: 4 bytes are needed, and 0 are left/],
  ['nothing', [], /header, at byte 0/],
])('%s ends the connection', async (_, body, line) => {
  const { client, logged } = await startGateway([metadata])
  const raw = await client()
  raw.sendFrame(Buffer.from(body))
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(line)])
})

test.each([
  ['a request that is too large', Buffer.from([0x7f, 0xff, 0xff, 0xff]), /a request of 2147483647 bytes/],
  ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff]), /a request of -1 bytes/],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /an HTTP request, which is none of Kafka/],
  ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02]), /the beginning of TLS, which is not spoken here/],
])('%s ends the connection', async (_, bytes, line) => {
  const { client, logged } = await startGateway([metadata])
  const raw = await client()
  raw.send(bytes)
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(line)])
})

test('what a handler fails with by mistake is reported, and ends the connection', async () => {
  const broken = handler(Metadata, [0, 12], async () => {
    throw new TypeError('no tide')
  })
  const { client, logged, bugs } = await startGateway([broken])
  const raw = await client()
  raw.ask(Metadata, 12, ALL)
  await raw.ended()
  expect(bugs).toEqual([new TypeError('no tide')])
  expect(logged).toHaveLength(1)
})

test('a handler knows who asks, in which version, and when he is gone', async () => {
  let seen: Context | undefined
  const waits = handler(Metadata, [0, 12], async (_request, context) => {
    seen = context
    await new Promise(resolve => context.signal.addEventListener('abort', resolve))
    return CLUSTER
  })
  const { client, gateway } = await startGateway([waits])
  const raw = await client()
  raw.ask(Metadata, 11, ALL)
  await until(() => seen !== undefined)
  expect(seen?.version).toBe(11)
  expect(seen?.client).toEqual({ clientId: 'raw', host: '127.0.0.1', principal: 'User:ANONYMOUS' })
  expect(seen?.settings.advertised).toEqual({ host: '127.0.0.1', port: gateway.port })
  raw.socket.destroy()
  await until(() => seen!.signal.aborted)
  await until(() => gateway.connections === 0)
})

test('a gateway that closes ends what waits, lets writes end, and takes nothing new', async () => {
  const { produce, begun, end } = heldWrites()
  let waiting = 0
  const waits = handler(Metadata, [0, 12], async (_request, { signal }) => {
    waiting += 1
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    return CLUSTER
  })
  const { client, gateway, logged } = await startGateway([produce, waits])
  const [polling, writing, idle] = [await client(), await client(), await client()]
  polling.ask(Metadata, 12, ALL)
  polling.ask(Metadata, 12, ALL)
  writing.ask(Produce, 7, producing(-1))
  await until(() => waiting === 1 && begun.length === 1)
  const closed = gateway.close()
  writing.ask(Produce, 7, producing(-1, 'late'))
  expect((await polling.answer(Metadata, 12)).correlationId).toBe(1)
  await Promise.all([polling.ended(), idle.ended()])
  end('tides')
  expect((await writing.answer(Produce, 7)).correlationId).toBe(1)
  await Promise.all([writing.ended(), closed])
  expect([begun, waiting, logged]).toEqual([['tides'], 1, []])
  await expect(client()).rejects.toThrow(/ECONNREFUSED/)
})
