import type { APIGatewayProxyEventV2, LambdaFunctionURLEvent } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { toRequest } from '../../functions/runtime/http-event.ts'
import { toResult } from '../../functions/runtime/http-result.ts'
import { HttpProblem } from '../../src/contract/http/problems/problem.ts'
import { FUNCTION_TEXT_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX } from '../../src/core/limits.ts'

/** As the developer guide of API Gateway shows payload format 2.0, with a body. */
const GATEWAY_EVENT: APIGatewayProxyEventV2 = {
  version: '2.0',
  routeKey: 'POST /topics/{topic}/records',
  rawPath: '/topics/tides/records',
  rawQueryString: 'partition=3',
  headers: {
    accept: '*/*',
    'content-length': '999999',
    'content-type': 'application/vnd.tidemark.record-batches',
    host: 'abcdefghij.execute-api.eu-central-1.amazonaws.com',
    'user-agent': 'curl/8.5.0',
    'x-amzn-trace-id': 'Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e',
    'x-forwarded-for': '205.255.255.176',
    'x-forwarded-port': '443',
    'x-forwarded-proto': 'https',
  },
  queryStringParameters: { partition: '3' },
  requestContext: {
    accountId: '123456789012',
    apiId: 'abcdefghij',
    domainName: 'abcdefghij.execute-api.eu-central-1.amazonaws.com',
    domainPrefix: 'abcdefghij',
    http: {
      method: 'POST',
      path: '/topics/tides/records',
      protocol: 'HTTP/1.1',
      sourceIp: '205.255.255.176',
      userAgent: 'curl/8.5.0',
    },
    requestId: 'JKJaXmPLvHcESHA=',
    routeKey: 'POST /topics/{topic}/records',
    stage: '$default',
    time: '10/Mar/2020:05:16:23 +0000',
    timeEpoch: 1583817383220,
  },
  pathParameters: { topic: 'tides' },
  body: Buffer.of(0, 255, 128, 10).toString('base64'),
  isBase64Encoded: true,
}

/** As the developer guide of Lambda shows a function URL's event. */
const FUNCTION_URL_EVENT: LambdaFunctionURLEvent = {
  version: '2.0',
  routeKey: '$default',
  rawPath: '/topics/tides/partitions/0/records',
  rawQueryString: 'offset=0&maxBytes=1000',
  headers: {
    host: 'abcdefghij1234567890.lambda-url.eu-central-1.on.aws',
    accept: 'application/json',
    'x-amzn-trace-id': 'Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e',
  },
  queryStringParameters: { offset: '0', maxBytes: '1000' },
  requestContext: {
    accountId: 'anonymous',
    apiId: 'abcdefghij1234567890',
    domainName: 'abcdefghij1234567890.lambda-url.eu-central-1.on.aws',
    domainPrefix: 'abcdefghij1234567890',
    http: {
      method: 'GET',
      path: '/topics/tides/partitions/0/records',
      protocol: 'HTTP/1.1',
      sourceIp: '205.255.255.176',
      userAgent: 'curl/8.5.0',
    },
    requestId: 'e1506fd5-9e7b-434f-bd42-4f8fa224b599',
    routeKey: '$default',
    stage: '$default',
    time: '12/Mar/2020:19:03:58 +0000',
    timeEpoch: 1583348638390,
  },
  isBase64Encoded: false,
}

function gatewayEvent(
  changes: Partial<APIGatewayProxyEventV2>,
  context: object = {},
): APIGatewayProxyEventV2 {
  return {
    ...GATEWAY_EVENT,
    ...changes,
    requestContext: { ...GATEWAY_EVENT.requestContext, ...context },
  }
}

function pathOf(event: unknown): string {
  return new URL(toRequest(event).url).pathname
}

describe('an event of API Gateway', () => {
  test('is the request that it stands for', async () => {
    const request = toRequest(GATEWAY_EVENT)
    expect(request.method).toBe('POST')
    expect(request.url).toBe(
      'https://abcdefghij.execute-api.eu-central-1.amazonaws.com/topics/tides/records?partition=3',
    )
    expect(request.headers.get('Content-Type')).toBe('application/vnd.tidemark.record-batches')
    expect(Buffer.from(await request.arrayBuffer())).toEqual(Buffer.of(0, 255, 128, 10))
  })

  test('has the length that its body has, whatever its headers say', () => {
    expect(toRequest(GATEWAY_EVENT).headers.get('content-length')).toBe('4')
    const read = { method: 'GET', path: '/topics', headers: { 'Content-Length': '7' } }
    expect(toRequest(read).headers.get('content-length')).toBeNull()
  })

  test('with a text body has it in UTF-8', async () => {
    const request = toRequest(gatewayEvent({ body: '{"topic":"Flut ü"}', isBase64Encoded: false }))
    expect(await request.json()).toEqual({ topic: 'Flut ü' })
    expect(request.headers.get('content-length')).toBe('19')
  })

  test('without a body has an empty one', async () => {
    const { body: _, ...event } = GATEWAY_EVENT
    expect((await toRequest(event).arrayBuffer()).byteLength).toBe(0)
  })

  test('of a named stage loses its name, and only there', () => {
    expect(pathOf(gatewayEvent({ rawPath: '/prod/topics/tides/records' }, { stage: 'prod' }))).toBe(
      '/topics/tides/records',
    )
    expect(pathOf(gatewayEvent({ rawPath: '/topics/prod/records' }, { stage: 'prod' }))).toBe(
      '/topics/prod/records',
    )
    expect(pathOf(gatewayEvent({ rawPath: '/production/x' }, { stage: 'prod' }))).toBe('/production/x')
    expect(pathOf(gatewayEvent({ rawPath: '/$default/x' }))).toBe('/$default/x')
  })

  // Whoever may read one topic has been let in for a path that begins with it.
  test.each([
    '/topics/tides/partitions/../../secret/partitions/0/records',
    '/topics/tides/partitions/%2e%2E/../secret/partitions/0/records',
    '/topics/tides/partitions/.\t./../secret/partitions/0/records',
    '/groups/mine/members/a\\..\\..\\..\\theirs\\members\\b',
    '/groups/mine/members/..',
    '/topics/./tides',
  ])('is refused where its path %j leads to another place', rawPath => {
    for (const event of [gatewayEvent({ rawPath }), { method: 'GET', path: rawPath }]) {
      expect(() => toRequest(event)).toThrow(HttpProblem)
    }
  })

  test('may have its path encoded or decoded: it means the same', () => {
    expect(pathOf(gatewayEvent({ rawPath: '/topics/high%20water/records' }))).toBe(
      '/topics/high%20water/records',
    )
    expect(pathOf(gatewayEvent({ rawPath: '/topics/high water/records' }))).toBe(
      '/topics/high%20water/records',
    )
  })

  test('cannot end its path with a decoded question mark or hash', () => {
    const request = toRequest(
      gatewayEvent({ rawPath: '/topics/a?b#c/records', rawQueryString: 'partition=1' }),
    )
    expect(new URL(request.url).pathname).toBe('/topics/a%3Fb%23c/records')
    expect(new URL(request.url).search).toBe('?partition=1')
  })

  test('keeps a parameter that comes twice', () => {
    const request = toRequest(gatewayEvent({ rawQueryString: 'partition=1&partition=2' }))
    expect(new URL(request.url).searchParams.getAll('partition')).toEqual(['1', '2'])
  })

  test('with a header that HTTP does not know is refused', () => {
    expect(() => toRequest(gatewayEvent({ headers: { 'no header': 'x' } }))).toThrow(HttpProblem)
  })
})

describe('an event of a function URL', () => {
  test('is the request that it stands for', () => {
    const request = toRequest(FUNCTION_URL_EVENT)
    expect(request.method).toBe('GET')
    expect(request.url).toBe(
      'https://abcdefghij1234567890.lambda-url.eu-central-1.on.aws/topics/tides/partitions/0/records?offset=0&maxBytes=1000',
    )
    expect(request.headers.get('accept')).toBe('application/json')
    expect(request.body).toBeNull()
  })
})

describe('a direct invocation', () => {
  test('needs a method and a path', () => {
    const request = toRequest({ method: 'GET', path: '/topics' })
    expect(request.method).toBe('GET')
    expect(new URL(request.url).pathname).toBe('/topics')
  })

  test('may have its query as text or as members', () => {
    const searchOf = (query: unknown) => new URL(toRequest({ method: 'GET', path: '/x', query }).url).search
    expect(searchOf('offset=1&locate=true')).toBe('?offset=1&locate=true')
    expect(searchOf('?offset=1')).toBe('?offset=1')
    expect(searchOf({ offset: '1', at: ['a', 'b'] })).toBe('?offset=1&at=a&at=b')
    expect(searchOf({ at: '2026-07-01T12:00:00+02:00' })).toBe('?at=2026-07-01T12%3A00%3A00%2B02%3A00')
  })

  test('may have headers and a body', async () => {
    const event = { method: 'POST', path: '/x', headers: { 'Content-Type': 'application/json' }, body: '{}' }
    const request = toRequest(event)
    expect(request.headers.get('content-type')).toBe('application/json')
    expect(await request.text()).toBe('{}')
    const binary = toRequest({ ...event, body: 'AP8=', isBase64Encoded: true })
    expect(Buffer.from(await binary.arrayBuffer())).toEqual(Buffer.of(0, 255))
  })
})

test.each([
  null,
  undefined,
  'text',
  17,
  [],
  {},
  { method: 'GET' },
  { method: 'GET', path: 'topics' },
  { method: 'POST', path: '/topics', body: { topic: 'x' } },
  { method: 'NO METHOD', path: '/topics' },
  { version: '1.0', httpMethod: 'GET', path: '/topics' },
  { version: '2.0', rawPath: '/topics' },
  { version: '2.0', rawPath: '/topics', requestContext: null },
])('what is no request is refused with 400: %j', event => {
  expect(() => toRequest(event)).toThrow(expect.objectContaining({ status: 400 }))
})

describe('an answer', () => {
  test('in JSON travels as text', async () => {
    const response = new Response('{"a":"ü"}', {
      status: 201,
      headers: { 'content-type': 'application/json' },
    })
    expect(await toResult(response)).toEqual({
      statusCode: 201,
      headers: { 'content-type': 'application/json' },
      body: '{"a":"ü"}',
      isBase64Encoded: false,
    })
  })

  test('in bytes travels in base64', async () => {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-length': '3',
      'tidemark-next-offset': '7',
    }
    expect(await toResult(new Response(Buffer.of(0, 255, 1), { headers }))).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/octet-stream', 'tidemark-next-offset': '7' },
      body: 'AP8B',
      isBase64Encoded: true,
    })
  })

  test('without a body is empty', async () => {
    expect(await toResult(new Response(null, { status: 204 }))).toMatchObject({ statusCode: 204, body: '' })
  })

  test('of much text fits as well: in base64, since escaping could double it', async () => {
    const text = JSON.stringify({ text: '"'.repeat(FUNCTION_TEXT_BYTES_MAX / 2 + 10) })
    const headers = { 'content-type': 'application/json' }
    const result = await toResult(new Response(text, { headers }))
    expect(result.isBase64Encoded).toBe(true)
    expect(Buffer.from(result.body, 'base64').toString()).toBe(text)
    expect(JSON.stringify(result).length).toBeLessThan(LAMBDA_PAYLOAD_BYTES_MAX)
    const largestText = JSON.stringify({ text: '"'.repeat(FUNCTION_TEXT_BYTES_MAX / 2 - 10) })
    const escaped = await toResult(new Response(largestText, { headers }))
    expect(escaped.isBase64Encoded).toBe(false)
    expect(JSON.stringify(escaped).length).toBeLessThan(LAMBDA_PAYLOAD_BYTES_MAX)
  })

  test('that fits into no result is an error, and not cut', async () => {
    await expect(toResult(new Response(Buffer.alloc(5 * 1024 * 1024)))).rejects.toThrow(RangeError)
  })
})
