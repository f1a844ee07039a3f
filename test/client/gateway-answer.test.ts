import { describe, expect, test } from 'vitest'
import { fromGatewayAnswer } from '../../src/client/gateway-answer.ts'

const NOW = 'Sat, 31 Jan 2026 12:00:00 GMT'
const NOW_MS = Date.parse(NOW)

/** The answer to a produce call, whose records may have been written if it was passed on. */
function meaning(status: number, text: string, date: string | null = NOW, nowMs = NOW_MS) {
  return fromGatewayAnswer({ base: 'https://api.example', status, text, date }, 'unknown', nowMs)
}

test.each([
  [503, '{"message":"Service Unavailable"}', 'NETWORK_EXCEPTION', 'unknown'],
  [504, '{"message":"Endpoint request timed out"}', 'NETWORK_EXCEPTION', 'unknown'],
  [500, '{"message":"Internal Server Error"}', 'NETWORK_EXCEPTION', 'unknown'],
  [502, '<h1>Bad Gateway</h1>', 'NETWORK_EXCEPTION', 'unknown'],
  [429, '{"message":"Too Many Requests"}', 'THROTTLING_QUOTA_EXCEEDED', 'no'],
  [
    429,
    '{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
    'THROTTLING_QUOTA_EXCEEDED',
    'no',
  ],
  [413, '{"message":"Request Entity Too Large"}', 'MESSAGE_TOO_LARGE', 'no'],
  [401, '{"message":"Unauthorized"}', 'SASL_AUTHENTICATION_FAILED', 'no'],
  [403, '{"message":"Forbidden"}', 'CLUSTER_AUTHORIZATION_FAILED', 'no'],
  [404, '{"message":"Not Found"}', 'INVALID_REQUEST', 'no'],
  [400, 'null', 'INVALID_REQUEST', 'no'],
])('%i %s is %s, written %s', (status, text, kafkaName, written) => {
  expect(meaning(status, text)).toMatchObject({ kafkaName, written })
})

describe('who is refused is told what to do', () => {
  test.each([
    ['{"message":"Forbidden"}', 'needs a policy that allows it'],
    [
      '{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see …"}',
      'needs a policy',
    ],
    ['{"message":"Missing Authentication Token"}', 'not signed, or there is no such route'],
    ['{"message":"The security token included in the request is expired"}', 'aws sso login'],
    ['{"message":"The security token included in the request is invalid."}', 'look at AWS_PROFILE'],
    [
      '{"message":"The request signature we calculated does not match the signature you provided."}',
      'secret key and the region',
    ],
    ['<html>no</html>', 'needs a policy'],
  ])('%s', (text, advice) => {
    expect(meaning(403, text).message).toContain(advice)
  })

  const expired = '{"message":"Signature expired: 20260131T114000Z is now earlier than 20260131T115500Z"}'

  test('a clock that is behind', () => {
    const late = meaning(403, expired, NOW, NOW_MS - 1_200_000)
    expect(late.message).toContain("This machine's clock is behind AWS's by 1200 s")
    // HTTP APIs say no more than this, and the clocks say why.
    const silent = meaning(403, '{"message":"Forbidden"}', NOW, NOW_MS - 1_200_000)
    expect(silent.message).toContain("clock is behind AWS's by 1200 s")
  })

  test('a clock that is ahead, and one that nobody told', () => {
    const early =
      '{"message":"Signature not yet current: 20260131T122000Z is still later than 20260131T120500Z"}'
    expect(meaning(403, early, NOW, NOW_MS + 1_200_000).message).toContain("is ahead of AWS's by 1200 s")
    expect(meaning(403, expired, null).message).toContain("This machine's clock differs from AWS's: set it")
  })
})
