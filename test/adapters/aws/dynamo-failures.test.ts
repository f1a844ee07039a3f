import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { asStoreError } from '../../../src/adapters/aws/aws-failures.ts'
import type { AwsConnection } from '../../../src/adapters/aws/connection.ts'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { words } from '../../../src/adapters/aws/table/expression.ts'
import { TABLE_READ_ATTEMPTS_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { blockKey } from '../../../src/core/storage-layout.ts'
import { NoRoom, NotApplied, OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'
import { listenLocally } from './local-server.ts'
import { heldRequestTimes } from './request-times.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' }
const KEY = { pk: { S: 'log#x#0' }, sk: { S: 'head' } }
const UPDATE = { set: [words`a = ${{ N: '1' }}`], when: [words`b = ${{ N: '1' }}`] }
/** Node's own errors have codes, whether of sockets or of arguments. */
const INVALID_ARGUMENT = Object.assign(new TypeError('not a string'), { code: 'ERR_INVALID_ARG_TYPE' })
/** Tries of a request that may be repeated. */
const TRIES = 3
let answer: Answer = (_, response) => response.end('{}')
/** In place of `answer`, for what depends on the operation and on what is asked. */
let bodies: ((action: string, body: string, response: ServerResponse) => void) | undefined
let requests: IncomingMessage[] = []
/** No answer is waited for any longer. */
let expire: () => void
let server: Awaited<ReturnType<typeof listenLocally>>
const opened: { close(): void }[] = []

beforeEach(async () => {
  // Before it tries again the SDK pauses for a random time: for none.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  expire = heldRequestTimes()
  requests = []
  bodies = undefined
  const listening = createServer((request, response) => {
    requests.push(request)
    if (!bodies) {
      request.resume().once('end', () => answer(request, response))
      return
    }
    const { 'x-amz-target': target } = request.headers
    const respond = bodies
    void text(request).then(body => respond(String(target).replace(/^.*\./, ''), body, response))
  })
  server = await listenLocally(listening)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const clients of opened.splice(0)) clients.close()
  await server.close()
})

function openTable(connection: AwsConnection = {}): DynamoTable {
  const clients = makeTableClients({
    endpoint: server.url,
    region: 'eu-west-1',
    credentials: CREDENTIALS,
    ...connection,
  })
  opened.push(clients)
  return new DynamoTable(clients, 'tides', {})
}

async function failureOf(call: Promise<unknown>): Promise<Error> {
  return await call.then(
    () => {
      throw new Error('the call did not fail')
    },
    (error: Error) => error,
  )
}

/** An error as DynamoDB tells it. */
function refusal(status: number, name: string, message = 'because'): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message }))
  }
}

const never: Answer = () => expire()
const reset: Answer = request => request.socket.resetAndDestroy()
const closed: Answer = request => request.socket.destroy()
const garbage: Answer = (_, response) => response.end('<html>a proxy says hello</html>')
const cutShort: Answer = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': 1_000 })
  response.write('{"Attributes":', () => request.socket.destroy())
}

describe('an answer that says that nothing was done', () => {
  test.each([
    [400, 'ProvisionedThroughputExceededException'],
    [400, 'ThrottlingException'],
    [400, 'RequestLimitExceeded'],
    [400, 'LimitExceededException'],
    [400, 'ResourceInUseException'],
    [429, 'Unheard'],
    [503, 'SlowDown'],
  ])('%i %s is NotApplied', async (status, name) => {
    answer = refusal(status, name)
    expect(await failureOf(openTable().update(KEY, UPDATE))).toBeInstanceOf(NotApplied)
    expect(requests).toHaveLength(1)
    expect(await failureOf(openTable().get(KEY))).toBeInstanceOf(NotApplied)
  })

  test('is that an item would become too large: a flush makes room', async () => {
    answer = refusal(400, 'ValidationException', 'Item size to update has exceeded the maximum allowed size')
    expect(await failureOf(openTable().update(KEY, UPDATE))).toBeInstanceOf(NoRoom)
  })

  test('is a wrong clock that the answer has put right', async () => {
    const laterMs = Date.now() + 3_600_000
    answer = (request, response) => {
      response.setHeader('date', new Date(laterMs).toUTCString())
      if (requests.length > 1) response.end('{}')
      else refusal(400, 'InvalidSignatureException', 'Signature expired')(request, response)
    }
    const table = openTable()
    expect(await failureOf(table.update(KEY, UPDATE))).toBeInstanceOf(NotApplied)
    expect(await table.update(KEY, UPDATE)).toMatchObject({ held: true })
    const hour = new Date(laterMs).toISOString().slice(0, 13).replaceAll('-', '')
    expect(requests[1]?.headers['x-amz-date']).toContain(hour)
  })

  test('is one that a batch of removals was not taken from at all', async () => {
    bodies = (action, _, response) => {
      const unprocessed = { UnprocessedItems: { tides: [{ DeleteRequest: { Key: KEY } }] } }
      response.end(JSON.stringify(action === 'Query' ? { Items: [KEY] } : unprocessed))
    }
    expect(await failureOf(openTable().removeFound(words`pk = ${KEY.pk}`))).toBeInstanceOf(NotApplied)
  })
})

describe('an answer that does not say what was done', () => {
  test.each([
    ['a 500', refusal(500, 'InternalServerError')],
    ['a 503', refusal(503, 'ServiceUnavailable')],
    ['a 502 that no service wrote', (_, response) => response.writeHead(502).end('bad gateway')],
    ['none', never],
    ['a reset connection', reset],
    ['a closed connection', closed],
    ['something unreadable', garbage],
    ['a part of one', cutShort],
  ] satisfies [string, Answer][])('(%s) is OutcomeUnknown for a write, after one try', async (_, given) => {
    answer = given
    expect(await failureOf(openTable().update(KEY, UPDATE))).toBeInstanceOf(OutcomeUnknown)
    expect(requests).toHaveLength(1)
    const others = openTable()
    expect(await failureOf(others.put(KEY, words`x`))).toBeInstanceOf(OutcomeUnknown)
    expect(await failureOf(others.remove(KEY))).toBeInstanceOf(OutcomeUnknown)
    expect(requests).toHaveLength(3)
  })

  test.each([
    ['a 500', refusal(500, 'InternalServerError'), TRIES],
    ['a reset connection', reset, TRIES],
    ['none', never, TABLE_READ_ATTEMPTS_MAX],
    ['something unreadable', garbage, 1],
  ] satisfies [string, Answer, number][])(
    '(%s) is NotApplied for a read, after its tries',
    async (_, given, tries) => {
      answer = given
      expect(await failureOf(openTable().get(KEY))).toBeInstanceOf(NotApplied)
      expect(requests).toHaveLength(tries)
    },
  )

  test('is asked for once more where a network swallowed a read', async () => {
    answer = (_, response) => {
      if (requests.length > 1) response.end('{"Item":{"a":{"S":"b"}}}')
      else expire()
    }
    expect(await openTable().get(KEY)).toEqual({ a: { S: 'b' } })
    expect(requests).toHaveLength(2)
  })

  test('is a 500 also while the clock is wrong, which the SDK notes with every error', async () => {
    answer = (request, response) => {
      response.setHeader('date', new Date(Date.now() + 3_600_000).toUTCString())
      refusal(500, 'InternalServerError')(request, response)
    }
    expect(await failureOf(openTable().update(KEY, UPDATE))).toBeInstanceOf(OutcomeUnknown)
  })

  test.each(['EHOSTUNREACH', 'ENETUNREACH'])('is none, since a connection broke with %s', code => {
    const call = { action: 'dynamodb:UpdateItem', resource: 'the table "tides"', effect: 'write' } as const
    const broken = (syscall: string) => Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
    expect(asStoreError(broken('read'), call)).toBeInstanceOf(OutcomeUnknown)
    expect(asStoreError(broken('write'), call)).toBeInstanceOf(OutcomeUnknown)
    expect(asStoreError(broken('connect'), call)).toBeInstanceOf(NotApplied)
  })

  test('is got over by a read that is repeated', async () => {
    answer = (request, response) => {
      if (requests.length > 1) response.end(JSON.stringify({ Item: KEY }))
      else reset(request, response)
    }
    expect(await openTable().get(KEY)).toEqual(KEY)
  })
})

describe('a connection that never stood', () => {
  test('is NotApplied where it is refused', async () => {
    const gone = await listenLocally(createServer())
    await gone.close()
    const table = openTable({ endpoint: gone.url })
    expect(await failureOf(table.update(KEY, UPDATE))).toBeInstanceOf(NotApplied)
    expect(await failureOf(table.get(KEY))).toBeInstanceOf(NotApplied)
  })

  test('is NotApplied where the name does not resolve', async () => {
    const table = openTable({ endpoint: 'http://nowhere.invalid' })
    expect(await failureOf(table.update(KEY, UPDATE))).toBeInstanceOf(NotApplied)
  })
})

describe('what a person has to see to is StoreFailed and says what to do:', () => {
  test.each([
    ['AccessDeniedException', 'permission dynamodb:UpdateItem on the table "tides"'],
    ['ResourceNotFoundException', 'no table "tides" in this account and region'],
    ['ExpiredTokenException', 'valid credentials'],
    ['UnrecognizedClientException', 'valid credentials'],
    ['MissingAuthenticationTokenException', 'valid credentials'],
    ['KMSAccessDeniedException', 'key that encrypts the table "tides"'],
    ['ValidationException', '"pk" and "sk"'],
    ['SomethingNew', 'refused dynamodb:UpdateItem'],
  ])('%s', async (name, advice) => {
    answer = refusal(400, name)
    const failure = await failureOf(openTable().update(KEY, UPDATE))
    expect(failure).toBeInstanceOf(StoreFailed)
    expect(failure.message).toContain(advice)
    expect(failure.message).toContain(name)
  })

  test('a read as well', async () => {
    answer = refusal(400, 'AccessDeniedException')
    const failure = await failureOf(openTable().get(KEY))
    expect(failure).toBeInstanceOf(StoreFailed)
    expect(failure.message).toContain('dynamodb:GetItem')
  })

  test('credentials that cannot be found', async () => {
    const credentials = async () => {
      throw Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' })
    }
    const failure = await failureOf(openTable({ credentials }).update(KEY, UPDATE))
    expect(failure).toBeInstanceOf(StoreFailed)
    expect(failure.message).toContain('AWS_PROFILE')
    expect(requests).toHaveLength(0)
  })
})

describe('a failed condition', () => {
  test('is no failure, and brings the item that stands', async () => {
    answer = (_, response) => {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
      const __type = 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException'
      response.end(JSON.stringify({ __type, Item: KEY }))
    }
    const refused = { held: false, item: KEY }
    expect(await openTable().update(KEY, UPDATE)).toEqual(refused)
    expect(await openTable().put(KEY, words`x`)).toEqual(refused)
    expect(await openTable().remove(KEY, words`x`)).toBe(false)
  })
})

describe('a defect', () => {
  test.each([
    new TypeError('x is not a function'),
    new RangeError('-1 is not an offset'),
    INVALID_ARGUMENT,
    'no error at all',
  ])('stays as it is: %s', defect => {
    const call = { action: 'dynamodb:GetItem', resource: 'the table "tides"', effect: 'read' } as const
    expect(asStoreError(defect, call)).toBe(defect)
  })
})

describe('a partition with more blocks than there is time for', () => {
  test('has fewer after each try to remove it', async () => {
    const blocks = Array.from({ length: 200 }, (_, offset) => blockKey(toOffset(offset)))
    let queries = 0
    const answers: Record<string, (body: string) => object> = {
      PutItem: () => ({}),
      // The second page is never answered, however often it is asked for.
      Query: () => {
        queries += 1
        const page = blocks.slice(0, 50).map(sk => ({ pk: { S: 'log' }, sk: { S: sk } }))
        return { Items: page, LastEvaluatedKey: { pk: { S: 'log' }, sk: page.at(-1)?.sk } }
      },
      BatchWriteItem: body => {
        const { RequestItems } = JSON.parse(body)
        for (const { DeleteRequest } of RequestItems.tides)
          blocks.splice(blocks.indexOf(DeleteRequest.Key.sk.S), 1)
        return {}
      },
    }
    bodies = (action, body, response) => {
      if (action === 'Query' && queries % (1 + TABLE_READ_ATTEMPTS_MAX) > 0) {
        queries += 1
        expire()
      } else response.end(JSON.stringify(answers[action]!(body)))
    }
    const index = dynamoLogIndex(openTable())
    for (const left of [150, 100]) {
      const removal = index.removePartition({ topicId: 'x', partition: 0 })
      expect(await failureOf(removal)).toBeInstanceOf(NotApplied)
      expect(blocks).toHaveLength(left)
    }
  })
})
