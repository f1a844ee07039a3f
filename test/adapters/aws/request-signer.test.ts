import { describe, expect, test } from 'vitest'
import { signedByAws } from '../../../src/adapters/aws/signing/request-signer.ts'
import { signingScopeOf } from '../../../src/adapters/aws/signing/signing-scope.ts'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'

/** The credentials of AWS's own examples. */
const EXAMPLE = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

/** AWS's published Signature Version 4 examples: get-vanilla, get-vanilla-query-order-key-case, post-vanilla, ListUsers. */
test.each([
  ['GET', '/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  [
    'GET',
    '/?Param2=value2&Param1=value1',
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  ['POST', '/', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
])('signs as AWS publishes it: %s %s', async (method, path, signature) => {
  const url = `https://example.amazonaws.com${path}`
  const nowMs = () => Date.UTC(2015, 7, 30, 12, 36, 0)
  const sign = signedByAws({ url, region: 'us-east-1', service: 'service', credentials: EXAMPLE, nowMs })
  expect(await sign({ method, url, headers: {} })).toEqual({
    'x-amz-date': '20150830T123600Z',
    authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  })
})

interface Golden {
  method: string
  url: string
  contentType?: string
  body?: Uint8Array | string
  sessionToken?: string
  region?: string
  scope: string
  signature: string
}

/** Made by botocore 1.43.106, the library below AWS's own command line. */
const GOLDEN: Golden[] = [
  {
    method: 'GET',
    url: 'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/topics',
    scope: 'eu-west-1/execute-api',
    signature: '748621e8638cb532797fc05227b11adb661400297d4738f7de097d199fd0120a',
  },
  {
    method: 'POST',
    url: 'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/topics/tide.levels_1-x/records?partition=3',
    contentType: 'application/vnd.tidemark.record-batches',
    body: Uint8Array.from({ length: 256 }, (_, index) => index),
    scope: 'eu-west-1/execute-api',
    signature: '4e0d72a2db3e5ec12aa261422d45120af0f43fbed3ec9b2bce527a1a9087ff04',
  },
  {
    // A stage, bytes that are encoded in the path and in the query, several parameters out of order, a session.
    method: 'GET',
    url: 'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod/topics/a%20b%2Fc%C3%A9!/partitions/0/records?offset=0&maxWaitMs=1000&maxBytes=5&at=a%20b',
    sessionToken: 'session+token/==',
    scope: 'eu-west-1/execute-api',
    signature: 'aefaff135a45c547c02f1ee37d393a2706565fe6fa4108935f2c352ee5623d7c',
  },
  {
    method: 'POST',
    url: 'https://abcdefghijklmnop.lambda-url.us-east-1.on.aws/topics',
    contentType: 'application/json',
    body: '{"topic":"größe"}',
    scope: 'us-east-1/lambda',
    signature: '18d72f700ac789121f2443ae52ddf65a8b70b9a61c0ed769e395b7356a5b0d1c',
  },
  {
    method: 'DELETE',
    url: 'http://127.0.0.1:4566/_aws/execute-api/abc/$default/topics/t/partitions/0/records?before=7',
    region: 'us-east-1',
    scope: 'us-east-1/execute-api',
    signature: '986e48cfc92ccbf14fbb84fcbe339f3bbf9f68da2a31ea481f8591fd7c2495d4',
  },
]

test.each(GOLDEN)('signs as botocore does: $method $url', async golden => {
  const { method, url, contentType, body, sessionToken, region, scope, signature } = golden
  const sign = signedByAws({
    url,
    credentials: { ...EXAMPLE, ...(sessionToken === undefined ? {} : { sessionToken }) },
    nowMs: () => Date.UTC(2026, 0, 31, 12, 0, 0),
    ...(region === undefined ? {} : { region }),
  })
  const headers = contentType === undefined ? {} : { 'content-type': contentType }
  const proof = await sign({ method, url, headers, ...(body === undefined ? {} : { body }) })
  const signed = [
    ...(contentType === undefined ? [] : ['content-type']),
    'host',
    'x-amz-date',
    ...(sessionToken === undefined ? [] : ['x-amz-security-token']),
  ]
  expect(proof.authorization).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/${scope}/aws4_request, SignedHeaders=${signed.join(';')}, Signature=${signature}`,
  )
  expect(proof['x-amz-date']).toBe('20260131T120000Z')
  expect(proof['x-amz-security-token']).toBe(sessionToken)
})

test.each([
  ['https://abc.execute-api.us-east-1.amazonaws.com/prod', { region: 'us-east-1', service: 'execute-api' }],
  ['https://abc.execute-api.cn-north-1.amazonaws.com.cn', { region: 'cn-north-1', service: 'execute-api' }],
  ['https://abc.execute-api.eu-west-1.api.aws', { region: 'eu-west-1', service: 'execute-api' }],
  [
    'https://vpce-0a-1b.execute-api.eu-west-1.vpce.amazonaws.com',
    { region: 'eu-west-1', service: 'execute-api' },
  ],
  ['https://abc.lambda-url.us-west-2.on.aws/', { region: 'us-west-2', service: 'lambda' }],
  ['https://events.example.com', undefined],
  ['https://abc.execute-api.us-east-1.amazonaws.com.evil.example', undefined],
  ['http://127.0.0.1:4566', undefined],
])('%s is signed for %j', (url, scope) => {
  expect(signingScopeOf(url)).toEqual(scope)
})

test('a host that does not tell its region needs one', () => {
  expect(() => signedByAws({ url: 'https://events.example.com', credentials: EXAMPLE })).toThrow(
    /does not tell its AWS region/,
  )
})

describe('a broker behind a signature', () => {
  const url = 'http://127.0.0.1:1'
  const settings = { url, region: 'us-east-1' }

  test('without credentials nothing is sent', async () => {
    const sign = signedByAws({
      ...settings,
      credentials: () => Promise.reject(new Error('Could not load credentials from any providers')),
    })
    const batches = encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: 0 })
    const error = await new HttpBroker({ url, sign })
      .produce({ topic: 't', partition: 0, batches })
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ kafkaName: 'CLUSTER_AUTHORIZATION_FAILED', written: 'no' })
    expect((error as Error).message).toContain('aws sso login')
  })

  test('there is a token or a signature', () => {
    const sign = signedByAws({ ...settings, credentials: EXAMPLE })
    expect(() => new HttpBroker({ url, sign, token: 'secret' })).toThrow('a token or a signature')
  })
})
