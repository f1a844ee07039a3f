import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/record/index.ts'
import {
  BATCHES,
  overriding,
  type Served,
  type ServedOptions,
  serveBroker,
} from '../contract/http/served-broker.ts'

const MB = 1_000_000
const RECORDS = '/topics/t/partitions/0/records?offset=0&maxBytes=16000000'

/** A broker with an answer of more than the kernel's buffers take. */
async function serveLarge(options: ServedOptions = {}): Promise<Served> {
  const served = await serveBroker(options)
  await served.client.createTopic({ topic: 't' })
  const batches = encodeBatch([{ value: Buffer.alloc(900_000, 'x') }], { nowMs: 1 })
  for (let n = 0; n < 14; n++)
    await served.broker.produce({ topic: 't', partition: 0, batches: batches.slice() })
  return served
}

class Client {
  readonly socket: Socket
  text = ''
  bytes = 0
  isClosed = false

  constructor(served: Served) {
    this.socket = connect(served.port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
  }

  read(): this {
    this.socket.on('data', chunk => {
      this.bytes += chunk.length
      if (this.text.length < 10_000) this.text += chunk.toString('latin1')
    })
    return this
  }

  get(path: string, times = 1): this {
    const accept = path === RECORDS ? BATCHES : '*/*'
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`.repeat(times))
    return this
  }

  post(path: string, headers: string, body = ''): this {
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n`
    this.socket.write(`${head}\r\n${body}`)
    return this
  }
}

/** Does something every so often until it is told to stop. */
function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms)
  return () => clearInterval(timer)
}

const until = (isSo: () => boolean) => expect.poll(isSo, { timeout: 30_000 }).toBe(true)

describe('answers that nobody reads', () => {
  // Whoever reads is fast enough for this pace on a busy machine, too.
  const limits = { sendPaceMs: 2_000, answersBytesMax: 24 * MB, answerWaitMs: 100 }

  test('have room up to a bound: then others hear that they are to come back, small ones go on, and all is over', async () => {
    await using served = await serveLarge({ server: { limits } })
    const deaf = Array.from({ length: 10 }, () => new Client(served).get(RECORDS))
    for (const { socket } of deaf) socket.pause()
    // They come first, or whoever reads takes the room while they are refused.
    await sleep(limits.sendPaceMs / 4)
    let refused = await served.get(RECORDS, { accept: BATCHES })
    while (refused.status !== 429) refused = await served.get(RECORDS, { accept: BATCHES })
    expect(refused.json).toMatchObject({
      kafkaError: 'THROTTLING_QUOTA_EXCEEDED',
      retriable: true,
      written: 'no',
    })
    expect(refused.headers.get('connection')).toBe('close')
    expect((await served.get('/topics/t/partitions/0/records?offset=14')).status).toBe(200)
    // Who is paused sees an end only once he reads what has come.
    await sleep(2 * limits.sendPaceMs)
    for (const { socket } of deaf) socket.resume()
    await until(() => deaf.every(({ isClosed }) => isClosed))
    const answer = await served.get(RECORDS, { accept: BATCHES })
    expect(answer.status).toBe(200)
    expect(answer.bytes.length).toBeGreaterThan(12 * MB)
  })

  test('of located ranges have the same bound', async () => {
    await using served = await serveLarge({ server: { limits: { ...limits, answersBytesMax: 1_000_000 } } })
    const { json } = await served.get(`${RECORDS}&locate=true`)
    const path = json.ranges.find((range: { url?: string }) => range.url).url
    // One that is larger than all the room there is has all of it.
    expect((await served.get(path)).status).toBe(200)
  })

  test('whoever reads slowly and goes on reading gets all', async () => {
    await using served = await serveLarge({
      server: { limits: { sendPaceMs: 1_500, sendPaceBytes: 100_000 } },
    })
    const slow = new Client(served).get(RECORDS)
    slow.socket.pause()
    const stop = every(25, () => {
      const chunk: Buffer | null = slow.socket.read(65_536) ?? slow.socket.read()
      slow.bytes += chunk?.length ?? 0
    })
    await until(() => slow.bytes > 12.6 * MB || slow.isClosed)
    expect(slow.bytes).toBeGreaterThan(12.6 * MB)
    stop()
    slow.socket.destroy()
  })

  test('a byte now and then is not reading', async () => {
    await using served = await serveLarge({ server: { limits: { sendPaceMs: 500, sendPaceBytes: 500_000 } } })
    const trickling = new Client(served).get(RECORDS)
    trickling.socket.pause()
    const stop = every(50, () => {
      trickling.bytes += trickling.socket.read(1)?.length ?? 0
    })
    await sleep(2_000)
    stop()
    trickling.read().socket.resume()
    await until(() => trickling.isClosed)
    expect(trickling.bytes).toBeLessThan(12 * MB)
  })

  test('a request that waits for room is served when there is some', async () => {
    await using served = await serveLarge({
      server: { limits: { ...limits, answerWaitMs: 20_000 } },
    })
    const deaf = Array.from({ length: 3 }, () => new Client(served).get(RECORDS))
    for (const { socket } of deaf) socket.pause()
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => served.get(RECORDS, { accept: BATCHES })),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    for (const { socket } of deaf) socket.destroy()
  })
})

describe('many requests at once on one connection', () => {
  test('are answered in their order, one after the other', async () => {
    let running = 0
    let most = 0
    await using served = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          listTopics: async () => {
            running += 1
            most = Math.max(most, running)
            await sleep(5)
            running -= 1
            return broker.listTopics()
          },
        }),
    })
    const client = new Client(served).read().get('/topics', 20)
    await until(() => client.text.split('HTTP/1.1 200').length === 21)
    expect(most).toBe(1)
    client.socket.destroy()
  })

  test('are too many some time: what is answered is answered, and the connection ends', async () => {
    await using served = await serveLarge()
    const client = new Client(served).read().get('/topics/t', 5_000)
    await until(() => client.isClosed)
    expect(client.text).toMatch(/^HTTP\/1.1 200/)
    const greedy = new Client(served).get('/topics/t/partitions/0/records?offset=14&maxWaitMs=500', 2_000)
    greedy.read()
    await until(() => greedy.isClosed)
    expect(greedy.text).toMatch(/^HTTP\/1.1 200[\s\S]*connection: close/i)
    expect((await served.get('/health')).status).toBe(200)
  })

  test('are given up with their connection', async () => {
    let asked = 0
    await using served = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          describeTopic: async topic => {
            asked += 1
            await sleep(50)
            return broker.describeTopic(topic)
          },
        }),
    })
    const client = new Client(served).get('/topics/t', 30)
    await until(() => asked > 0)
    client.socket.destroy()
    await sleep(300)
    expect(asked).toBeLessThan(10)
  })
})

describe('bodies that drip', () => {
  const large = 'Content-Length: 8000000'

  test('hold room for what has come of them, and end with 408', async () => {
    await using served = await serveBroker({
      app: { bodiesInFlightBytesMax: 10 * MB },
      server: { limits: { bodyPaceMs: 1_000, bodyPaceBytes: 10_000 } },
    })
    await served.client.createTopic({ topic: 't' })
    const dripping = Array.from({ length: 8 }, () => new Client(served).read().post('/topics', large, '{'))
    const stop = every(50, () => {
      for (const { socket } of dripping) socket.write(' ')
    })
    const beat = () =>
      served.send('POST', '/groups/g/heartbeat', { memberId: 'm', memberEpoch: 0, topics: ['t'], owned: [] })
    for (let n = 0; n < 5; n++) expect((await beat()).status).toBe(200)
    expect((await served.send('POST', '/topics', JSON.stringify({ topic: 'u' }).padEnd(8 * MB))).status).toBe(
      201,
    )
    await until(() => dripping.every(({ isClosed }) => isClosed))
    stop()
    for (const { text } of dripping) {
      expect(text).toMatch(
        /^HTTP\/1.1 408[\s\S]*connection: close[\s\S]*"INVALID_REQUEST"[\s\S]*"retriable":true,"written":"no"/i,
      )
    }
  })

  test('that have all the room leave some to small ones', async () => {
    await using served = await serveBroker({ app: { bodiesInFlightBytesMax: 8 * MB } })
    await served.client.createTopic({ topic: 't' })
    const holding = new Client(served)
      .read()
      .post('/topics', 'Content-Length: 6900000', ' '.repeat(6_800_000))
    // Before others come: else it may be the one that finds no room.
    await until(() => holding.socket.writableLength === 0)
    await sleep(500)
    let topics = 0
    const other = () => JSON.stringify({ topic: `other-${topics++}` }).padEnd(1_000_000)
    await expect
      .poll(async () => (await served.send('POST', '/topics', other())).status, { timeout: 30_000 })
      .toBe(429)
    const beat = { memberId: 'm', memberEpoch: 0, topics: ['t'], owned: [] }
    expect((await served.send('POST', '/groups/g/heartbeat', beat)).status).toBe(200)
    expect((await served.send('POST', '/topics/t/records', { records: [{ value: 'x' }] })).status).toBe(200)
    holding.socket.destroy()
    await expect
      .poll(async () => (await served.send('POST', '/topics', other())).status, { timeout: 30_000 })
      .toBe(201)
  })

  test('that are slow and go on are taken, in whatever pieces they come', async () => {
    await using served = await serveBroker({ server: { limits: { bodyPaceMs: 800, bodyPaceBytes: 5 } } })
    const body = JSON.stringify({ topic: 'piece-by-piece', configs: {} })
    const client = new Client(served).read().post('/topics', 'Transfer-Encoding: chunked')
    for (const character of body) {
      client.socket.write(`1\r\n${character}\r\n`)
      await sleep(40)
    }
    client.socket.write('0\r\n\r\n')
    await until(() => client.text.startsWith('HTTP/1.1 201'))
    const large = JSON.stringify({ topic: 'large-and-small' }).padEnd(300_000)
    client.post('/topics', `Content-Length: ${large.length}`)
    for (let at = 0; at < large.length; ) {
      const end = at + ((at * 7) % 30_000) + 1
      client.socket.write(large.slice(at, end))
      at = end
      if (at % 3 === 0) await sleep(1)
    }
    await until(() => client.text.split('HTTP/1.1 201').length === 3)
    client.socket.destroy()
  })
})

describe('whoever waits to be asked for his body', () => {
  test('is asked, and answered', async () => {
    await using served = await serveBroker()
    const body = JSON.stringify({ topic: 't' })
    const client = new Client(served).read()
    client.post('/topics', `Expect: 100-continue\r\nContent-Length: ${body.length}`)
    await until(() => client.text === 'HTTP/1.1 100 Continue\r\n\r\n')
    client.socket.write(body)
    await until(() => client.text.includes('HTTP/1.1 201'))
    expect(client.text).not.toMatch(/connection: close/i)
    client.get('/topics/t')
    await until(() => client.text.includes('HTTP/1.1 200'))
    client.socket.destroy()
  })

  test('is not, where the answer is known already', async () => {
    await using served = await serveBroker({ app: { bodyBytesMax: 1_000 } })
    const client = new Client(served).read()
    client.post('/topics', 'Expect: 100-continue\r\nContent-Length: 1001')
    await until(() => client.isClosed)
    expect(client.text).toMatch(/^HTTP\/1.1 413[\s\S]*connection: close/i)
  })
})

describe('more connections than there are descriptors for', () => {
  const POLL = '/topics/t/partitions/0/records?offset=14&maxWaitMs=20000'

  test('are told so, while those that are served go on, and health is told', async () => {
    await using served = await serveLarge({ server: { limits: { connections: 4, spare: 2 } } })
    // The client that has filled it lets its connections go.
    await sleep(1_100)
    const polls = Array.from({ length: 4 }, () => new Client(served).read().get(POLL))
    await sleep(200)
    const refused = new Client(served).read().post('/topics', 'Content-Length: 13', '{"topic":"u"}')
    await until(() => refused.isClosed)
    expect(refused.text).toMatch(
      /^HTTP\/1.1 429[\s\S]*connection: close[\s\S]*retry-after[\s\S]*"retriable":true,"written":"no"/i,
    )
    expect((await served.get('/health')).status).toBe(200)
    const crowd = Array.from({ length: 10 }, () => new Client(served).read())
    await until(() => crowd.filter(({ isClosed }) => isClosed).length >= 8)
    for (const { text, isClosed } of crowd) if (isClosed) expect(text).toMatch(/^HTTP\/1.1 429/)
    expect((await served.get('/health')).status).toBe(200)
    const batches = encodeBatch([{ value: Buffer.from('x') }], { nowMs: 1 })
    await served.broker.produce({ topic: 't', partition: 0, batches })
    await until(() => polls.every(({ text }) => text.startsWith('HTTP/1.1 200')))
    for (const { socket } of [...polls, ...crowd]) socket.destroy()
    await expect.poll(async () => (await served.get('/topics')).status, { timeout: 30_000 }).toBe(200)
  })

  test('take the place of those that are idle, the oldest first', async () => {
    await using served = await serveLarge({ server: { limits: { connections: 3, spare: 1 } } })
    await sleep(1_100)
    const idle: Client[] = []
    for (let n = 0; n < 3; n++) {
      idle.push(new Client(served).read().get('/topics/t'))
      await until(() => idle.at(-1)!.text !== '')
    }
    await sleep(1_100)
    const busy = idle[0]!.get(POLL)
    await sleep(100)
    const newcomer = new Client(served).read().get('/topics/t')
    await until(() => newcomer.text.startsWith('HTTP/1.1 200'))
    expect(idle.map(({ isClosed }) => isClosed)).toEqual([false, true, false])
    for (const { socket } of [...idle, busy, newcomer]) socket.destroy()
  })
})
