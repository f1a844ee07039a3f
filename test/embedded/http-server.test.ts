import { Agent, request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHttpApp } from '../../src/contract/http/app.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { openInMemory } from '../../src/embedded/embedded.ts'
import { startHttpServer } from '../../src/embedded/http-server.ts'
import { BATCHES, overriding, serveBroker } from '../contract/http/served-broker.ts'

/** Sends text as it is, and gives back what comes until the connection ends or is silent for a while. */
function exchange(port: number, text: string | Uint8Array, silenceMs = 1_500): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let received = ''
    const end = () => {
      socket.destroy()
      resolve(received)
    }
    socket.setTimeout(silenceMs, end)
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
    })
    socket.on('end', end)
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? end() : reject(error),
    )
  })
}

function problemOf(answer: string): Record<string, unknown> {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
}

test('each request is told in a line, without what signs it, and one that was cut off too', async () => {
  const lines: string[] = []
  const { broker, close } = openInMemory()
  await broker.createTopic({ topic: 'tides' })
  const app = createHttpApp({ broker, logger: { error: () => {} } }, {})
  const server = await startHttpServer(app, { port: 0, tellAccess: line => lines.push(line) })
  await (await fetch(`${server.url}/topics/tides?a=1`)).text()
  await (await fetch(`${server.url}/objects/x?signature=secret&bytes=1`, { method: 'POST' })).text()
  await expect.poll(() => lines).toHaveLength(2)
  const shape = /^\d{4}-\d\d-\d\dT[\d:.]+Z 127\.0\.0\.1 (\S+ \S+ \d{3}) \d+\.\d ms \d+ B$/
  expect(lines.map(line => shape.exec(line)?.[1])).toEqual([
    'GET /topics/tides?a=1 400',
    'POST /objects/x?signature=…&bytes=1 404',
  ])
  const cut = new AbortController()
  const records = `${server.url}/topics/tides/partitions/0/records?offset=0&maxWaitMs=5000`
  const waiting = fetch(records, { signal: cut.signal }).catch(() => {})
  setTimeout(() => cut.abort(), 100)
  await waiting
  await expect.poll(() => lines.at(-1)).toMatch(/maxWaitMs=5000 - \d+\.\d ms 0 B, cut off$/)
  await server.close()
  await close()
})

describe('where it listens', () => {
  const app = (token?: string) =>
    createHttpApp(
      { broker: openInMemory().broker, logger: { error: () => {} } },
      token === undefined ? {} : { token },
    )

  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.test'])('not on %s without a token', async host => {
    await expect(startHttpServer(app(), { host, port: 0 })).rejects.toMatchObject({
      kafkaName: 'POLICY_VIOLATION',
      message: expect.stringMatching(/token/),
    })
  })

  test('on all addresses with a token, or when it shall be insecure; by its own names', async () => {
    const server = await startHttpServer(app('secret'), { host: '0.0.0.0', port: 0 })
    expect(server.url).toBe(`http://localhost:${server.port}`)
    expect((await fetch(`http://127.0.0.1:${server.port}/health`)).status).toBe(200)
    expect(
      await exchange(server.port, 'GET /health HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 403/)
    await server.close()
    await (await startHttpServer(app(), { host: '0.0.0.0', port: 0, insecure: true })).close()
  })

  test('on the loopback names', async () => {
    for (const host of ['127.0.0.1', 'localhost', '127.0.0.2']) {
      const server = await startHttpServer(app(), { host, port: 0 })
      expect((await fetch(`${server.url}/health`)).status).toBe(200)
      await server.close()
    }
  })

  test('a port in use is an error that says what to do', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    await expect(startHttpServer(app(), { port })).rejects.toMatchObject({
      kafkaName: 'BROKER_NOT_AVAILABLE',
      message: expect.stringMatching(`Port ${port} on 127.0.0.1 is in use.*another port`),
    })
    other.close()
  })

  test('an address that is not ours is an error', async () => {
    await expect(startHttpServer(app('secret'), { host: '192.0.2.1', port: 0 })).rejects.toThrow(
      /no address of this machine/,
    )
  })

  test('it leaves the globals of the program alone', async () => {
    const before = [globalThis.Request, globalThis.Response, globalThis.Headers]
    await using _ = await serveBroker()
    expect([globalThis.Request, globalThis.Response, globalThis.Headers]).toEqual(before)
  })
})

/** Less than what would end by itself takes, and more than what does not wait, on a busy machine. */
const NOT_WAITED_MS = 8_000

describe('closing', () => {
  test('ends long polls early, with an answer', async () => {
    const served = await serveBroker()
    await served.send('POST', '/topics', { topic: 't' })
    const poll = served.get('/topics/t/partitions/0/records?offset=0&maxWaitMs=25000')
    await sleep(100)
    const start = performance.now()
    await served.close()
    expect(performance.now() - start).toBeLessThan(NOT_WAITED_MS)
    expect((await poll).json).toEqual({ startOffset: 0, endOffset: 0, nextOffset: 0, records: [] })
  })

  test('lets a running request finish, and takes no new one', async () => {
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const served = await serveBroker({
      wrap: broker =>
        overriding(broker, {
          createTopic: async topic => {
            entered.resolve()
            await gate.promise
            return broker.createTopic(topic)
          },
        }),
    })
    const running = served.send('POST', '/topics', { topic: 't' })
    await entered.promise
    const closing = served.close()
    await expect(served.get('/health')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    gate.resolve()
    const answer = await running
    expect(answer.status).toBe(201)
    expect(answer.headers.get('connection')).toBe('close')
    await closing
  })

  test('does not wait for connections that ask for nothing, kept alive or fresh', async () => {
    const served = await serveBroker()
    const agent = new Agent({ keepAlive: true })
    await new Promise(resolve =>
      request({ port: served.port, path: '/health', agent }, answer =>
        answer.resume().on('end', resolve),
      ).end(),
    )
    const fresh = connect(served.port, '127.0.0.1')
    await new Promise(resolve => fresh.once('connect', resolve))
    const start = performance.now()
    await served.close()
    expect(performance.now() - start).toBeLessThan(NOT_WAITED_MS)
    agent.destroy()
    fresh.destroy()
  })

  test('sends an answer that is under way to its end, and then waits no more for that connection', async () => {
    const served = await serveBroker()
    await served.send('POST', '/topics', { topic: 't' })
    const batches = encodeBatch([{ value: Buffer.alloc(900_000, 'x') }], { nowMs: 1 })
    for (let n = 0; n < 12; n++)
      await served.broker.produce({ topic: 't', partition: 0, batches: batches.slice() })
    const socket = connect(served.port, '127.0.0.1')
    const path = '/topics/t/partitions/0/records?offset=0&maxBytes=16000000'
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${BATCHES}\r\n\r\n`)
    await new Promise(resolve => socket.once('readable', resolve))
    const start = performance.now()
    const closing = served.close()
    let bytes = 0
    for await (const chunk of socket) bytes += chunk.length
    await closing
    expect(bytes).toBeGreaterThan(12 * batches.length)
    expect(performance.now() - start).toBeLessThan(NOT_WAITED_MS)
  })

  test('cuts off what does not finish', async () => {
    const served = await serveBroker({
      server: { closeTimeoutMs: 200 },
      wrap: broker => overriding(broker, { listTopics: () => new Promise(() => {}) }),
    })
    const stuck = served.get('/topics').catch((error: unknown) => error)
    await sleep(50)
    const start = performance.now()
    await served.close()
    expect(performance.now() - start).toBeLessThan(NOT_WAITED_MS)
    expect(await stuck).toBeInstanceOf(Error)
  })

  test('may be asked for twice, and frees the port', async () => {
    const served = await serveBroker()
    await Promise.all([served.close(), served.close()])
    const again = await serveBroker({ server: { port: served.port } })
    expect((await again.get('/health')).status).toBe(200)
    await again.close()
  })
})

describe('hostile clients', () => {
  test('huge headers are 431, as a problem', async () => {
    await using served = await serveBroker()
    const answer = await exchange(
      served.port,
      `GET /health HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
    expect(problemOf(answer)).toMatchObject({ kafkaError: 'INVALID_REQUEST', status: 431 })
  })

  test('what is no HTTP is 400, as a problem', async () => {
    await using served = await serveBroker()
    const answer = await exchange(served.port, 'EHLO mail\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(problemOf(answer)).toMatchObject({ kafkaError: 'INVALID_REQUEST', status: 400, written: 'no' })
  })

  test('a request without a Host, or with one that is none, is 400', async () => {
    await using served = await serveBroker()
    for (const headers of ['', 'Host: a b\r\n', 'Host: localhost/x\r\n']) {
      expect(
        await exchange(served.port, `GET /health HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`),
      ).toMatch(/^HTTP\/1.1 40[03] /)
    }
  })

  test('a request that says two lengths is refused', async () => {
    await using served = await serveBroker()
    const head = 'POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
    const smuggled = `${head}Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health`
    expect(await exchange(served.port, smuggled)).toMatch(/^HTTP\/1.1 400 /)
    expect(await exchange(served.port, `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`)).toMatch(
      /^HTTP\/1.1 400 /,
    )
  })

  test('a body that breaks off writes nothing, and gives its memory back', async () => {
    await using served = await serveBroker({ app: { bodiesInFlightBytesMax: 3_000 } })
    const head =
      'POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n'
    for (let n = 0; n < 5; n++) {
      const socket = await new Promise<Socket>(resolve => {
        const socket = connect(served.port, '127.0.0.1', () => resolve(socket))
      })
      socket.write(`${head}{"topic":"t"}`)
      await sleep(30)
      socket.destroy()
      await sleep(30)
    }
    const body = JSON.stringify({ topic: 'after' }).padEnd(2_500)
    await expect.poll(async () => (await served.send('POST', '/topics', body)).status).toBe(201)
    expect((await served.get('/topics')).json.topics).toHaveLength(1)
    expect(served.logged).toEqual([])
  })

  test('a slow body holds up nobody else', async () => {
    await using served = await serveBroker()
    const slow = connect(served.port, '127.0.0.1')
    slow.write(
      'POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    )
    await sleep(50)
    expect((await served.send('POST', '/topics', { topic: 't' })).status).toBe(201)
    slow.destroy()
  })

  test('a refusal reaches a client that sends its body to the end', async () => {
    await using served = await serveBroker({ app: { bodyBytesMax: 1_000 } })
    const body = Buffer.alloc(3_000_000, ' ')
    const answer = await served.send('POST', '/topics', body)
    expect(answer.status).toBe(413)
    expect((await served.get('/health')).status).toBe(200)
  })

  test('random bytes and random requests never bring it down, and nothing is logged as a defect', async () => {
    await using served = await serveBroker()
    await served.send('POST', '/topics', { topic: 't' })
    const piece = fc.constantFrom(
      'topics',
      't',
      'partitions',
      '0',
      'records',
      'offsets',
      'objects',
      '%2e%2e',
      '%ff',
      '%',
      '..',
      '?offset=0',
      '&at=',
      ':',
      '\\',
      '//',
      'é',
    )
    const path = fc.array(piece, { maxLength: 8 }).map(pieces => `/${pieces.join('/')}`)
    const method = fc.constantFrom(
      'GET',
      'POST',
      'PATCH',
      'DELETE',
      'PUT',
      'HEAD',
      'OPTIONS',
      'TRACE',
      'CONNECT',
      'BREW',
    )
    const type = fc.constantFrom(
      'application/json',
      'application/vnd.tidemark.record-batches',
      'text/plain',
      '',
    )
    const sensible = fc
      .tuple(method, path, type, fc.uint8Array({ maxLength: 200 }))
      .map(([method, path, type, body]) =>
        Buffer.concat([
          Buffer.from(
            `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
          ),
          body,
        ]),
      )
    await fc.assert(
      fc.asyncProperty(fc.oneof(sensible, fc.uint8Array({ minLength: 1, maxLength: 300 })), async bytes => {
        const answer = await exchange(served.port, bytes, 300)
        if (answer !== '') expect(answer).toMatch(/^HTTP\/1.1 [245]\d\d /)
        expect(answer).not.toMatch(/^HTTP\/1.1 500/)
      }),
      { numRuns: 300 },
    )
    expect((await served.get('/health')).status).toBe(200)
    expect(served.logged).toEqual([])
  }, 120_000)
})

test('many requests go over few connections', async () => {
  await using served = await serveBroker()
  await served.send('POST', '/topics', { topic: 't' })
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      served.send('POST', '/topics/t/records', { records: [{ value: `${n}` }] }),
    ),
  )
  expect(answers.every(answer => answer.status === 200)).toBe(true)
  const offsets = answers.map(answer => answer.json.records[0].offset).sort((left, right) => left - right)
  expect(offsets).toEqual(Array.from({ length: 200 }, (_, offset) => offset))
})
