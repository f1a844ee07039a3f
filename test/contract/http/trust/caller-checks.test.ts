import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Served, serveBroker } from '../served-broker.ts'

let served: Served
beforeAll(async () => {
  served = await serveBroker({
    app: { token: 'open sesame'.replace(' ', '-'), allowedHosts: ['tidemark.test', 'other.test:99'] },
  })
})
afterAll(() => served.close())

/** fetch does not let a program choose Host, Origin or Sec-Fetch-Site. */
function raw(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; json: Record<string, unknown>; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { port: served.port, host: '127.0.0.1', method, path, headers, agent: false },
      answer => {
        const chunks: Buffer[] = []
        answer.on('data', chunk => chunks.push(chunk))
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({
            status: answer.statusCode!,
            json: text === '' ? {} : JSON.parse(text),
            headers: answer.headers,
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
const authorization = 'Bearer open-sesame'

describe('the token', () => {
  test('opens', async () => {
    expect((await raw('GET', '/topics', { authorization })).status).toBe(200)
    expect((await raw('GET', '/topics', { authorization: 'bearer open-sesame' })).status).toBe(200)
  })

  test.each([
    undefined,
    '',
    'open-sesame',
    'Bearer',
    'Bearer open-sesam',
    'Bearer open-sesamee',
    'Basic open-sesame',
    'Bearer open sesame',
  ])('%j does not', async given => {
    const answer = await raw('GET', '/topics', given === undefined ? {} : { authorization: given })
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json).toMatchObject({
      kafkaError: 'SASL_AUTHENTICATION_FAILED',
      kafkaErrorNumber: 58,
      written: 'no',
    })
  })

  test('is asked for on every route but those that say they are open', async () => {
    const document = (await raw('GET', '/openapi.json', {})).json as {
      paths: Record<string, Record<string, { security: unknown[] }>>
    }
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        const concrete = path.replaceAll(/\{\w+\}/g, '1')
        const { status } = await raw(method.toUpperCase(), concrete, {})
        if (security.length > 0) expect([path, method, status]).toEqual([path, method, 401])
        else
          expect(['/health', '/health/live', '/health/ready', '/openapi.json', '/objects/{key}']).toContain(
            path,
          )
      }
    }
  })

  test('is checked before a body is read', async () => {
    const { status } = await raw(
      'POST',
      '/topics',
      { 'content-type': 'application/json', 'content-length': '99999999' },
      '{',
    )
    expect(status).toBe(401)
  })
})

describe('the Host header', () => {
  test.each([
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]',
    '[::1]:5',
    'tidemark.test',
    'tidemark.test:5',
    'other.test:99',
  ])('may be %s', async host => {
    expect((await raw('GET', '/topics', { host, authorization })).status).toBe(200)
  })

  test.each([
    'evil.test',
    'localhost.evil.test',
    '127.0.0.1.evil.test',
    'evil.test:80',
    'other.test',
    'other.test:98',
    '192.168.1.1',
    'xlocalhost',
    '127.0.0.1@evil.test',
    '1270.0.0.1',
  ])('may not be %s', async host => {
    const answer = await raw('GET', '/topics', { host, authorization })
    expect([400, 403]).toContain(answer.status)
    expect(answer.json).toMatchObject({ written: 'no' })
  })

  test('is looked at even where no token is needed', async () => {
    expect((await raw('GET', '/health', { host: 'evil.test' })).status).toBe(403)
  })
})

describe('the origin', () => {
  const own = () => `127.0.0.1:${served.port}`

  test('may be our own', async () => {
    expect(
      (await raw('GET', '/topics', { authorization, host: own(), origin: `http://${own()}` })).status,
    ).toBe(200)
    expect(
      (
        await raw('GET', '/topics', {
          authorization,
          host: 'tidemark.test:80',
          origin: 'http://tidemark.test',
        })
      ).status,
    ).toBe(200)
    expect((await raw('GET', '/topics', { authorization, 'sec-fetch-site': 'none' })).status).toBe(200)
  })

  test.each([
    { origin: 'http://evil.test' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('may not be %j', async headers => {
    const answer = await raw(
      'POST',
      '/topics',
      { ...headers, authorization, 'content-type': 'application/json' },
      '{"topic":"t"}',
    )
    expect(answer.status).toBe(403)
    expect(answer.json).toMatchObject({ kafkaError: 'CLUSTER_AUTHORIZATION_FAILED', written: 'no' })
  })

  test('nothing was created by any of them', async () => {
    expect((await raw('GET', '/topics', { authorization })).json).toEqual({ topics: [] })
  })
})

test('an empty token is refused at the start, since it would protect nothing', async () => {
  await expect(serveBroker({ app: { token: '' } })).rejects.toThrow(/empty token/)
})
