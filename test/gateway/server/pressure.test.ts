import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { MemoryPool } from '../../../src/core/lent-memory.ts'
import { systemClock } from '../../../src/embedded/system.ts'
import type { GatewayBroker } from '../../../src/gateway/apis/context.ts'
import { type Handler, handler } from '../../../src/gateway/apis/handler.ts'
import { ListedTopics } from '../../../src/gateway/apis/topic-catalogue.ts'
import { Connection } from '../../../src/gateway/server/connection.ts'
import { Room } from '../../../src/gateway/server/room.ts'
import type { SaslSettings } from '../../../src/gateway/server/sasl/authentication.ts'
import { type ConnectionLimits, Offers, type Service } from '../../../src/gateway/server/service.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { RawClient, startGateway, until } from './raw-client.ts'

const MiB = 1024 * 1024
const LIMITS: ConnectionLimits = {
  frameBytesMax: MiB,
  frameUnprovedBytesMax: 100,
  frameMsMax: 1_000,
  pipelinedBytesMax: MiB,
  pipelinedMax: 10,
  unsentBytesMax: MiB,
  sendPaceMs: 10_000,
  sendPressedPaceMs: 2_000,
  sendPaceBytes: 1,
  idleMsMax: 5_000,
  provingMsMax: 3_000,
  answerWaitMs: 50,
}

/** Both ends of one connection, whose time the test tells. */
async function openConnection(
  handlers: readonly Handler[],
  given: {
    limits?: Partial<ConnectionLimits>
    requests?: Room
    newcomers?: Room
    answers?: Room
    sasl?: SaslSettings
  } = {},
) {
  const logged: string[] = []
  const broker = { listTopics: async () => [] } as unknown as GatewayBroker
  const room = () => new Room({ bytesMax: 64 * MiB, smallBytesMax: 1_000, smallOnlyBytes: MiB })
  const service: Service = {
    broker,
    settings: {
      nodeId: 1,
      clusterId: 'tides',
      advertised: { host: 'localhost', port: 1 },
      peers: [],
      autoCreate: undefined,
    },
    topics: new ListedTopics(broker, systemClock),
    clock: systemClock,
    offers: new Offers(handlers),
    limits: { ...LIMITS, ...given.limits },
    sasl: given.sasl,
    requests: given.requests ?? room(),
    newcomers: given.newcomers ?? room(),
    answers: given.answers ?? room(),
    renewLog: () => {},
    memory: new MemoryPool(MiB),
    log: line => logged.push(line),
    reportError: error => logged.push(String(error)),
  }
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const socket = connect({ port, host: '127.0.0.1' })
  const [accepted] = (await once(server, 'connection')) as [Socket]
  server.close()
  onTestFinished(() => {
    socket.destroy()
    accepted.destroy()
  })
  return {
    connection: new Connection(accepted, service),
    client: new RawClient(socket),
    accepted,
    service,
    logged,
  }
}

const CLUSTER = { brokers: [], clusterId: 'tides', controllerId: 1, topics: [] }
/** Asks for everything. */
const ALL = { topics: null }
const metadata = handler(Metadata, [0, 12], async () => CLUSTER)

const write = { acks: -1, timeoutMs: 1, topicData: [] }

/** Writes that are held, and how many have begun. */
function holdWrites() {
  const ends: (() => void)[] = []
  const produce = handler(Produce, [0, 11], async () => {
    await new Promise<void>(resolve => ends.push(resolve))
    return { responses: [] }
  })
  return { produce, ends }
}

test('no more than so many requests are taken from a connection; the others stay with its client', async () => {
  const { produce, ends } = holdWrites()
  const { client, accepted } = await openConnection([produce], { limits: { pipelinedMax: 3 } })
  for (let i = 0; i < 8; i++) client.ask(Produce, 7, write)
  await until(() => ends.length === 3 && accepted.isPaused())
  ends[1]!()
  await new Promise(resolve => setImmediate(resolve))
  expect(ends).toHaveLength(3)
  ends[0]!()
  await until(() => ends.length === 5)
  for (let i = 0; i < 8; i++) {
    await until(() => ends.length > i)
    ends[i]!()
  }
  for (let i = 1; i <= 8; i++) expect((await client.answer(Produce, 7)).correlationId).toBe(i)
})

test('what is large stays with its client for as long as it would only wait behind a fetch', async () => {
  const { produce, ends } = holdWrites()
  let endFetch = () => {}
  const fetch = handler(Fetch, [4, 16], async () => {
    await new Promise<void>(resolve => {
      endFetch = resolve
    })
    return { responses: [] }
  })
  const { client, accepted, service } = await openConnection([produce, fetch])
  const records = Buffer.alloc(MiB / 2)
  const large = { ...write, topicData: [{ name: 'a', partitionData: [{ index: 0, records }] }] }
  client.ask(Fetch, 4, { maxWaitMs: 0, minBytes: 0, topics: [] })
  client.ask(Produce, 7, write)
  client.ask(Produce, 7, large)
  await until(() => accepted.isPaused())
  expect([ends.length, service.requests.bytes < 1_000]).toEqual([0, true])
  endFetch()
  await client.answer(Fetch, 4)
  for (const nth of [0, 1]) {
    await until(() => ends.length > nth)
    ends[nth]!()
    await client.answer(Produce, 7)
  }
  await until(() => service.requests.bytes === 0)
})

test.each([
  { errorCode: 0, what: 'is all in the log', isUsedAgain: true },
  { errorCode: 7, what: 'may still be written', isUsedAgain: false },
])('the memory of a request that $what: used again is $isUsedAgain', async ({ errorCode, isUsedAgain }) => {
  const answered = { index: 0, baseOffset: 0, logAppendTimeMs: -1, recordErrors: [] }
  const produce = handler(Produce, [0, 11], async () => ({
    responses: [{ name: 'a', partitionResponses: [{ ...answered, errorCode }] }],
  }))
  const { client, service } = await openConnection([produce])
  const records = Buffer.alloc(300_000)
  await client.roundTrip(Produce, 7, {
    ...write,
    topicData: [{ name: 'a', partitionData: [{ index: 0, records }] }],
  })
  expect(service.memory.idleBytes > records.length).toBe(isUsedAgain)
})

test('nor more bytes, all connections together', async () => {
  const { produce, ends } = holdWrites()
  const requests = new Room({ bytesMax: 3_000, smallBytesMax: 100, smallOnlyBytes: 500 })
  const records = Buffer.alloc(2_000)
  const large = { ...write, topicData: [{ name: 'a', partitionData: [{ index: 0, records }] }] }
  const one = await openConnection([produce, metadata], { requests })
  const other = await openConnection([produce, metadata], { requests })
  one.client.ask(Produce, 7, large)
  await until(() => ends.length === 1)
  other.client.ask(Produce, 7, large)
  await until(() => requests.isPressed && other.accepted.isPaused())
  // What is small goes on.
  const third = await openConnection([metadata], { requests })
  expect((await third.client.roundTrip(Metadata, 12, ALL)).clusterId).toBe('tides')
  ends[0]!()
  await until(() => ends.length === 2)
  ends[1]!()
  expect((await other.client.answer(Produce, 7)).responses).toEqual([])
  expect(requests.bytes).toBe(0)
})

test('who has yet to prove who he is takes no room from those who have', async () => {
  const small = () => new Room({ bytesMax: 200, smallBytesMax: 100, smallOnlyBytes: 0 })
  const rooms = { requests: small(), newcomers: small() }
  const sasl: SaslSettings = { mechanisms: ['PLAIN'], users: async () => new Map() }
  const length = Buffer.from([0, 0, 0, 100])
  for (let i = 0; i < 2; i++) (await openConnection([], { ...rooms, sasl })).client.send(length)
  await until(() => rooms.newcomers.bytes === 200)
  const late = await openConnection([], { ...rooms, sasl })
  late.client.send(length)
  await until(() => rooms.newcomers.isPressed)
  const proved = await openConnection([metadata], rooms)
  expect((await proved.client.roundTrip(Metadata, 12, ALL)).clusterId).toBe('tides')
})

test('what is gone leaves its room to others', async () => {
  const { produce, ends } = holdWrites()
  const requests = new Room({ bytesMax: 3_000, smallBytesMax: 100, smallOnlyBytes: 500 })
  const large = Buffer.alloc(4 + 2_000)
  large.writeInt32BE(2_400)
  const one = await openConnection([produce], { requests })
  one.client.send(large)
  await until(() => requests.bytes > 0)
  const other = await openConnection([produce], { requests })
  other.client.send(large)
  await until(() => requests.isPressed)
  other.client.socket.destroy()
  one.client.socket.destroy()
  await until(() => requests.bytes === 0 || ends.length > 0)
  expect(ends).toEqual([])
})

test('for a client that takes no answers nothing more is done', async () => {
  let asked = 0
  const records = Buffer.alloc(4 * MiB)
  const fetch = handler(Fetch, [4, 16], async () => {
    asked += 1
    const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, records }]
    return { responses: [{ topic: 'tides', partitions }] }
  })
  const { client, accepted } = await openConnection([fetch])
  client.socket.pause()
  const request = { maxWaitMs: 0, minBytes: 0, topics: [] }
  for (let i = 0; i < 9; i++) client.ask(Fetch, 4, request)
  await until(() => accepted.writableLength > MiB && asked > 0)
  const before = asked
  expect(before).toBeLessThan(5)
  client.socket.resume()
  for (let i = 1; i <= 9; i++) expect((await client.answer(Fetch, 4)).correlationId).toBe(i)
  expect(asked).toBe(9)
})

test('an answer has its room until the client has taken it; who finds none in time is told so', async () => {
  const answers = new Room({ bytesMax: 3_000, smallBytesMax: 0, smallOnlyBytes: 0 })
  const outcomes: string[] = []
  const fetch = handler(Fetch, [4, 16], async (_request, { reserve }) => {
    await reserve(2_000).then(
      () => outcomes.push('there is room'),
      error => outcomes.push(error.kafkaName),
    )
    return { responses: [] }
  })
  const { client } = await openConnection([fetch], { answers })
  const other = answers.tryEnter(2_000)!
  await client.roundTrip(Fetch, 4, { maxWaitMs: 0, minBytes: 0, topics: [] })
  client.ask(Fetch, 4, { maxWaitMs: 0, minBytes: 0, topics: [] })
  await until(() => answers.isPressed)
  other.leave()
  await client.answer(Fetch, 4)
  expect(outcomes).toEqual(['THROTTLING_QUOTA_EXCEEDED', 'there is room'])
  await until(() => answers.bytes === 0)
})

test('idle connections end, and those that are waited for do not', async () => {
  const { produce, ends } = holdWrites()
  const { connection, client, logged } = await openConnection([produce])
  client.ask(Produce, 7, write)
  await until(() => ends.length === 1)
  connection.check(0, false)
  connection.check(60_000, false)
  expect(connection.idleSinceMs).toBe(undefined)
  ends[0]!()
  await client.answer(Produce, 7)
  connection.check(60_000, false)
  connection.check(64_999, false)
  expect([client.hasEnded, connection.idleSinceMs]).toEqual([false, 60_000])
  connection.check(65_000, false)
  await client.ended()
  expect(logged).toEqual([])
})

test('a request that does not arrive ends its connection', async () => {
  const { connection, client, logged, service } = await openConnection([metadata])
  client.send(Buffer.from([0, 0, 0, 100, 0]))
  await until(() => service.requests.bytes > 0)
  connection.check(0, false)
  client.send(Buffer.from([0]))
  connection.check(999, false)
  expect(logged).toEqual([])
  connection.check(1_000, false)
  await client.ended()
  expect(logged).toEqual([expect.stringMatching(/a request did not arrive in time/)])
  await until(() => service.requests.bytes === 0)
})

test('who takes nothing of his answer is cut off, sooner where others wait for room', async () => {
  const records = Buffer.alloc(32 * MiB)
  const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, records }]
  const fetch = handler(Fetch, [4, 16], async () => ({ responses: [{ topic: 'tides', partitions }] }))
  for (const [isPressed, ms] of [
    [false, LIMITS.sendPaceMs],
    [true, LIMITS.sendPressedPaceMs],
  ] as const) {
    const { connection, client, accepted, logged } = await openConnection([fetch])
    client.socket.pause()
    client.ask(Fetch, 4, { maxWaitMs: 0, minBytes: 0, topics: [] })
    await until(() => accepted.writableLength > 0)
    // What the kernel has room for goes out at once.
    await new Promise(resolve => setTimeout(resolve, 50))
    connection.check(0, isPressed)
    connection.check(ms - 1, isPressed)
    expect(accepted.destroyed).toBe(false)
    connection.check(ms, isPressed)
    expect(accepted.destroyed).toBe(true)
    expect(logged).toEqual([expect.stringMatching(/it does not take what it has asked for/)])
  }
})

test('a large answer that nobody has reserved takes room, too: the next one waits until it is taken', async () => {
  const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, records: Buffer.alloc(12 * MiB) }]
  const fetch = handler(Fetch, [4, 16], async () => ({ responses: [{ topic: 'tides', partitions }] }))
  const answers = new Room({ bytesMax: 16 * MiB, smallBytesMax: 1_000, smallOnlyBytes: 0 })
  const ask = { maxWaitMs: 0, minBytes: 0, topics: [] }
  // Longer than whatever holds up this test.
  const given = { answers, limits: { answerWaitMs: 60_000 } }
  const [one, other] = [await openConnection([fetch], given), await openConnection([fetch], given)]
  one.client.socket.pause()
  one.client.ask(Fetch, 4, ask)
  await until(() => one.accepted.writableLength > 0)
  other.client.ask(Fetch, 4, ask)
  await until(() => answers.isPressed)
  expect(other.accepted.bytesWritten).toBe(0)
  one.client.socket.resume()
  for (const { client } of [one, other]) expect((await client.answer(Fetch, 4)).responses).toHaveLength(1)
  await until(() => answers.bytes === 0)
  expect([...one.logged, ...other.logged]).toEqual([])
})

test('who does not prove who he is in time is let go', async () => {
  const sasl: SaslSettings = { mechanisms: ['PLAIN'], users: async () => new Map() }
  const { connection, client, logged } = await openConnection([metadata], { sasl })
  connection.check(0, false)
  connection.check(2_999, false)
  expect(logged).toEqual([])
  connection.check(3_000, false)
  await client.ended()
  expect(logged).toEqual([expect.stringMatching(/it has not proved who it is in time/)])
})

test('newcomers take the place of idle connections, and are closed where there is none', async () => {
  const { produce, ends } = holdWrites()
  const { client, gateway, logged } = await startGateway([produce], { connectionsMax: 2 })
  const [one, other] = [await client(), await client()]
  for (const raw of [one, other]) raw.ask(Produce, 7, write)
  await until(() => ends.length === 2)
  const late = await client()
  await late.ended()
  expect(logged).toEqual([expect.stringMatching(/as many connections as can be served \(2\)/)])
  ends[0]!()
  await one.answer(Produce, 7)
  // It has to be idle for a second before it makes way.
  let another = await client()
  while (another.hasEnded || gateway.connections > 2 || !one.hasEnded) {
    await new Promise(resolve => setTimeout(resolve, 50))
    if (another.hasEnded) another = await client()
  }
  another.ask(Produce, 7, write)
  await until(() => ends.length === 3)
})
