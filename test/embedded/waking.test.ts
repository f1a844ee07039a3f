import { once } from 'node:events'
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import type { FetchedMany } from '../../src/contract/broker.ts'
import { createHttpApp } from '../../src/contract/http/app.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import {
  LISTENER_MESSAGES_PER_SECOND_MAX,
  LISTENER_SOCKETS_MAX,
  LISTENERS_PER_PARTITION_MAX,
} from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { type Embedded, openInMemory } from '../../src/embedded/embedded.ts'
import { startHttpServer } from '../../src/embedded/http-server.ts'
import { hostOf } from '../../src/embedded/running-broker.ts'
import { openListeners } from '../../src/embedded/waking/open-listeners.ts'
import { StoreFailed } from '../../src/ports/outcome.ts'

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function serve(settings: { token?: string } = {}) {
  const store = openInMemory()
  const waking = openListeners(store)
  const lines: string[] = []
  const app = createHttpApp({ broker: store.broker, waking, logger: { error: () => {} } }, settings)
  const server = await startHttpServer(app, {
    port: 0,
    listeners: waking,
    tellAccess: line => lines.push(line),
  })
  cleanups.push(
    () => store.close(),
    () => server.close(),
  )
  await store.broker.createTopic({ topic: 'tides', partitions: 3 })
  const url = `${server.url.replace('http', 'ws')}/waking`
  return { store, server, url, lines, broker: new HttpBroker({ url: server.url, ...settings }) }
}

/** A socket, with what was said on it. */
class Talk {
  readonly socket: WebSocket
  readonly said: Record<string, unknown>[] = []
  readonly closed: Promise<number>
  #heard: () => void = () => {}

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers })
    this.socket.on('error', () => {})
    this.socket.on('message', data => {
      this.said.push(JSON.parse(String(data)))
      this.#heard()
    })
    this.closed = new Promise(resolve => this.socket.on('close', resolve))
    cleanups.push(async () => this.socket.terminate())
  }

  async heard(count: number): Promise<Record<string, unknown>[]> {
    while (this.said.length < count) {
      await new Promise<void>(resolve => {
        this.#heard = resolve
      })
    }
    return this.said
  }

  async ticket(): Promise<string> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, 'open')
    const before = this.said.length
    this.socket.send('{"type":"hello"}')
    return (await this.heard(before + 1))[before]!.ticket as string
  }
}

/** How the door answers somebody who is not let in. */
async function refusal(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers })
  socket.on('error', () => {})
  const [, answer] = (await once(socket, 'unexpected-response')) as [ClientRequest, IncomingMessage]
  const chunks = await answer.toArray()
  socket.terminate()
  return { status: answer.statusCode, ...JSON.parse(Buffer.concat(chunks).toString()) }
}

function armAll(broker: HttpBroker, ticket: string | undefined): Promise<FetchedMany> {
  return broker.fetchMany({
    partitions: [0, 1, 2].map(partition => ({ topic: 'tides', partition, offset: toOffset(0), arm: true })),
    ...(ticket !== undefined && { listener: ticket }),
  })
}

function append({ broker }: Embedded, partition: number) {
  const batches = encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: Date.now() })
  return broker.produce({ topic: 'tides', partition, batches })
}

describe('whoever is armed', () => {
  test('is woken once, at the next change, and then not until he is armed again', async () => {
    const { store, url, broker } = await serve()
    const talk = new Talk(url)
    const ticket = await talk.ticket()
    const { waking, partitions } = await armAll(broker, ticket)
    expect(waking?.armed).toBe('all')
    const topicId = partitions[0]!.topicId
    await append(store, 1)
    const wake = { type: 'wake', partitions: [{ topicId, partition: 1, endOffset: '1' }] }
    expect((await talk.heard(2)).slice(1)).toEqual([wake])
    await append(store, 1)
    await append(store, 2)
    const [, , next] = await talk.heard(3)
    expect(next).toEqual({ type: 'wake', partitions: [{ topicId, partition: 2, endOffset: '1' }] })
    await armAll(broker, ticket)
    await append(store, 1)
    expect((await talk.heard(4))[3]).toEqual({
      type: 'wake',
      partitions: [{ topicId, partition: 1, endOffset: '3' }],
    })
  })

  test('hears of what comes between arming and looking, and of no record twice missed', async () => {
    const { store, url, broker } = await serve()
    const talk = new Talk(url)
    const ticket = await talk.ticket()
    const [fetched] = await Promise.all([armAll(broker, ticket), append(store, 0)])
    const found = fetched.partitions[0]!
    if ('error' in found) throw found.error
    // In one of the two places it must be.
    if (found.endOffset === 0) await talk.heard(2)
    else expect(found.endOffset).toBe(1)
  })

  test('with others is told to poll where too many are', async () => {
    const { url, broker } = await serve()
    const talks = Array.from({ length: LISTENERS_PER_PARTITION_MAX + 1 }, () => new Talk(url))
    const tickets = await Promise.all(talks.map(talk => talk.ticket()))
    const armed: unknown[] = []
    for (const ticket of tickets) armed.push((await armAll(broker, ticket)).waking?.armed)
    expect(armed.slice(0, -1)).toEqual(Array(LISTENERS_PER_PARTITION_MAX).fill('all'))
    expect(armed.at(-1)).toEqual([0, 1, 2])
    // As soon as one of them goes, there is room.
    talks[0]!.socket.close()
    await talks[0]!.closed
    await expect.poll(async () => (await armAll(broker, tickets.at(-1))).waking?.armed).toBe('all')
  })

  test('is not when his ticket was forged, or his socket is gone; the fetch is answered all the same', async () => {
    const { url, broker } = await serve()
    const talk = new Talk(url)
    const ticket = await talk.ticket()
    for (const forged of ['x', `${ticket}x`, ticket.replace(/.$/, last => (last === 'A' ? 'B' : 'A'))]) {
      const { waking, partitions } = await armAll(broker, forged)
      expect([waking?.armed, partitions.length]).toEqual(['forged', 3])
    }
    talk.socket.close()
    await talk.closed
    await expect.poll(async () => (await armAll(broker, ticket)).waking?.armed).toBe('stale')
    expect((await armAll(broker, undefined)).waking?.armed).toBe(undefined)
  })
})

describe('at the door', () => {
  test('without the token, from another page and by another name nobody is let in', async () => {
    const { url } = await serve({ token: 'secret' })
    expect(await refusal(url)).toMatchObject({ status: 401, kafkaError: 'SASL_AUTHENTICATION_FAILED' })
    expect(await refusal(url, { authorization: 'Bearer other' })).toMatchObject({ status: 401 })
    const authorization = 'Bearer secret'
    const refused = { status: 403, kafkaError: 'CLUSTER_AUTHORIZATION_FAILED' }
    expect(await refusal(url, { authorization, origin: 'https://evil.example' })).toMatchObject(refused)
    expect(await refusal(url, { authorization, host: 'evil.example' })).toMatchObject(refused)
    expect(await new Talk(url, { authorization }).ticket()).toMatch(/^[\w.-]+$/)
  })

  test('another path has no sockets, and a request that asks for none is told so', async () => {
    const { server, url } = await serve()
    expect(await refusal(url.replace('/waking', '/topics'))).toMatchObject({ status: 200 })
    expect(await refusal(url.replace('/waking', '/nothing'))).toMatchObject({ status: 404 })
    const plain = await fetch(`${server.url}/waking`)
    expect([plain.status, await plain.json()]).toMatchObject([400, { kafkaError: 'INVALID_REQUEST' }])
  })

  test('what asks for a protocol that is not spoken here is answered as if it had not', async () => {
    const { server } = await serve()
    const request = get(`${server.url}/topics`, { headers: { connection: 'Upgrade', upgrade: 'h2c' } })
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(200)
    answer.resume()
  })

  test('a broker that wakes nobody says nothing of it', async () => {
    const store = openInMemory()
    const server = await startHttpServer(
      createHttpApp({ broker: store.broker, logger: { error: () => {} } }),
      { port: 0 },
    )
    cleanups.push(
      () => store.close(),
      () => server.close(),
    )
    await store.broker.createTopic({ topic: 'tides', partitions: 3 })
    const broker = new HttpBroker({ url: server.url })
    expect((await armAll(broker, undefined)).waking).toBe(undefined)
    expect(await refusal(`${server.url.replace('http', 'ws')}/waking`)).toMatchObject({ status: 404 })
  })
})

describe('a socket is closed, with the reason,', () => {
  test.each([
    ['that is no JSON', 'hello', 4400],
    ['of a type that nobody says', '{"type":"arm"}', 4400],
    ['in bytes', Buffer.from('{"type":"hello"}'), 4400],
    ['larger than any', `{"type":"hello","more":"${'x'.repeat(2_000)}"}`, 1009],
  ])('for a message %s', async (_, message, code) => {
    const { url } = await serve()
    const talk = new Talk(url)
    await talk.ticket()
    talk.socket.send(message)
    expect(await talk.closed).toBe(code)
    if (code === 4400) expect(talk.said.at(-1)).toMatchObject({ type: 'error', error: 'INVALID_REQUEST' })
  })

  test.each(['send', 'ping'] as const)('for too many messages: %s', async how => {
    const { url } = await serve()
    const talk = new Talk(url)
    await talk.ticket()
    for (let sent = 0; sent < 2 * LISTENER_MESSAGES_PER_SECOND_MAX + 2; sent++)
      talk.socket[how]('{"type":"ping"}')
    expect(await talk.closed).toBe(1008)
  })

  test('when the broker stops', async () => {
    const { server, url } = await serve()
    const talk = new Talk(url)
    await talk.ticket()
    await server.close()
    expect(await talk.closed).toBe(1001)
  })
})

test('a log that cannot be looked at keeps nobody from the others', async () => {
  const { store, url, broker } = await serve()
  const talk = new Talk(url)
  const ticket = await talk.ticket()
  const { index } = hostOf(store).ports
  const readHead = index.readHead.bind(index)
  index.readHead = async partition => {
    if (partition.partition === 1) throw new StoreFailed('its head is broken')
    return await readHead(partition)
  }
  const { partitions } = await armAll(broker, ticket)
  index.readHead = readHead
  expect(partitions.map(each => 'error' in each)).toEqual([false, true, false])
  await append(store, 1)
  await append(store, 2)
  expect((await talk.heard(2))[1]).toMatchObject({ type: 'wake', partitions: [{ partition: 2 }] })
})

/** Waits until nothing more is asked for, and tells how much was. */
async function quiet(lines: readonly string[]): Promise<number> {
  for (;;) {
    const { length } = lines
    await new Promise(resolve => setTimeout(resolve, 500))
    if (lines.length === length) return length
  }
}

describe('a consumer', () => {
  test('is woken instead of asking, and gets every record by one request', async () => {
    const { store, server, lines } = await serve()
    const tidemark = new Tidemark({ broker: new HttpBroker({ url: server.url }), clientId: 'reader' })
    const consumer = tidemark.consumer({ maxWaitTimeInMs: 100 })
    const got: number[] = []
    const waits: string[] = []
    let heard = () => {}
    const next = () => new Promise<void>(resolve => (heard = resolve))
    consumer.on('consumer.waiting', ({ payload }) => {
      waits.push(payload.how)
      heard()
    })
    consumer.assign([0, 1, 2].map(partition => ({ topic: 'tides', partition, offset: '0' })))
    const woken = next()
    await consumer.run({
      eachMessage: async ({ partition }) => {
        got.push(partition)
        heard()
      },
    })
    cleanups.push(() => consumer.disconnect())
    await woken
    const before = await quiet(lines)
    for (const partition of [0, 1, 2]) {
      const came = next()
      await append(store, partition)
      await came
    }
    expect(got).toEqual([0, 1, 2])
    expect(await quiet(lines)).toBe(before + 3)
    expect(waits).toEqual(['woken'])
  })

  test('polls an older broker that has taken the place of the one that woke it', async () => {
    const { store, server, lines } = await serve()
    const broker = new HttpBroker({ url: server.url })
    let isOlder = false
    const current = broker.fetchMany.bind(broker)
    broker.fetchMany = async (request, call) => {
      if (isOlder && request.listener !== undefined)
        throw new TidemarkError('INVALID_REQUEST', 'Unrecognized key: "listener"', 'no')
      const { partitions, waking } = await current(request, call)
      return { partitions, ...(!isOlder && { waking }) }
    }
    const consumer = new Tidemark({ broker }).consumer({ maxWaitTimeInMs: 100 })
    const waits: string[] = []
    let heard = () => {}
    const next = () => new Promise<void>(resolve => (heard = resolve))
    consumer.on('consumer.waiting', ({ payload }) => {
      waits.push(payload.how)
      heard()
    })
    const got: string[] = []
    consumer.assign([{ topic: 'tides', partition: 0, offset: '0' }])
    const woken = next()
    await consumer.run({
      eachMessage: async ({ message }) => {
        got.push(message.offset)
        if (got.length === 2) heard()
      },
    })
    cleanups.push(() => consumer.disconnect())
    await woken
    await quiet(lines)
    isOlder = true
    const polls = next()
    await append(store, 0)
    await polls
    const second = next()
    await append(store, 0)
    await second
    expect(got).toEqual(['0', '1'])
    expect(waits).toEqual(['woken', 'polls'])
  })

  test('that is sent past the end while it is armed hears of that at once, and goes on', async () => {
    const { store, server, lines } = await serve()
    await append(store, 0)
    const tidemark = new Tidemark({ broker: new HttpBroker({ url: server.url }), clientId: 'reader' })
    const consumer = tidemark.consumer({ groupId: 'readers', maxWaitTimeInMs: 100 })
    const got: string[] = []
    let heard = () => {}
    const next = () => new Promise<void>(resolve => (heard = resolve))
    const woken = new Promise<void>(resolve => consumer.on('consumer.waiting', () => resolve()))
    await consumer.subscribe({ topic: 'tides', fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        got.push(message.offset)
        heard()
      },
    })
    cleanups.push(() => consumer.disconnect())
    await woken
    await quiet(lines)
    const again = next()
    consumer.seek({ topic: 'tides', partition: 0, offset: '999' })
    await again
    expect(got).toEqual(['0', '0'])
  })
})

test('there is room for so many sockets, and one more is told to poll', async () => {
  const { url } = await serve()
  expect(LISTENER_SOCKETS_MAX).toBe(1_000)
  const talks: Talk[] = []
  for (let some = 0; some < 10; some++) {
    const more = Array.from({ length: LISTENER_SOCKETS_MAX / 10 }, () => new Talk(url))
    await Promise.all(more.map(({ socket }) => once(socket, 'open')))
    talks.push(...more)
  }
  expect(await refusal(url)).toMatchObject({ status: 429, kafkaError: 'THROTTLING_QUOTA_EXCEEDED' })
}, 60_000)
