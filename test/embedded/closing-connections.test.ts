import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { serveBroker } from '../contract/http/served-broker.ts'

/** Sends all of it at once, and gives what comes until the server closes the connection. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let received = ''
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}

function textOf(line: string, headers: readonly string[], body = ''): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', ...headers, '', body].join('\r\n')
}

const WAITS = 'Expect: 100-continue'

/** Their answers close the connection, since nobody asks for their bodies: at once, or once others have come behind them. */
const LAST = [
  textOf('POST /topics', ['Content-Type: text/plain', WAITS, 'Content-Length: 1'], ' '),
  textOf('GET /topics', [WAITS]),
]

test.each(LAST)('what follows on an answer that closes the connection is not begun: %j', async last => {
  await using served = await serveBroker()
  const create = textOf(
    'POST /topics',
    ['Content-Type: application/json', 'Content-Length: 13'],
    '{"topic":"u"}',
  )
  const received = await exchange(served.port, last + create)
  expect(received).toMatch(/connection: close/i)
  expect(received.split('HTTP/1.1 ').length).toBe(2)
  await sleep(100)
  expect((await served.get('/topics/u')).status).toBe(404)
})

const POLL = textOf('GET /topics/t/partitions/0/records?offset=0&maxWaitMs=100', [])

test.each([1, 3])(
  'CONNECT behind %d requests that are not answered yet waits for its turn',
  async requests => {
    await using served = await serveBroker()
    await served.client.createTopic({ topic: 't' })
    const received = await exchange(served.port, POLL.repeat(requests) + textOf('CONNECT a:1', []))
    const statuses = [...received.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)
    expect(statuses).toEqual([...Array(requests).fill('200'), '405'])
    expect((await served.get('/health')).status).toBe(200)
  },
)

test('what follows on an expectation that cannot be met is not begun, whatever comes before it', async () => {
  await using served = await serveBroker()
  await served.client.createTopic({ topic: 't' })
  const create = textOf(
    'POST /topics',
    ['Content-Type: application/json', 'Content-Length: 13'],
    '{"topic":"u"}',
  )
  const received = await exchange(served.port, POLL + textOf('GET /topics', ['Expect: tea']) + create)
  expect([...received.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '417'])
  await sleep(100)
  expect((await served.get('/topics/u')).status).toBe(404)
})

test('what is no request behind one that is being answered is not told in its answer', async () => {
  await using served = await serveBroker()
  const create = textOf(
    'POST /topics',
    ['Content-Type: application/json', 'Content-Length: 13'],
    '{"topic":"u"}',
  )
  const received = await exchange(served.port, `${create}what\r\n\r\n`)
  expect(received).toMatch(/^HTTP\/1.1 201[\s\S]*connection: close/i)
  expect(received).not.toContain('"written":"no"')
})
