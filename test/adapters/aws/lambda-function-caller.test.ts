import { createServer, type RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { LambdaFunctionCaller } from '../../../src/adapters/aws/delivery/lambda-function-caller.ts'
import type { CallOutcome } from '../../../src/ports/function-caller.ts'
import { listenLocally } from './local-server.ts'
import { heldRequestTimes } from './request-times.ts'

const ALIAS = 'arn:aws:lambda:us-east-1:123456789012:function:orders:live'
const CREDENTIALS = { accessKeyId: 'id', secretAccessKey: 'secret' }

function callerOf(endpoint: string): LambdaFunctionCaller {
  const connection = { endpoint, region: 'us-east-1', credentials: CREDENTIALS }
  const caller = new LambdaFunctionCaller(connection)
  onTestFinished(() => caller.close())
  return caller
}

/** Calls a function of a Lambda that answers so. */
async function callAgainst(lambda: RequestListener): Promise<CallOutcome> {
  const { url, close } = await listenLocally(createServer(lambda))
  onTestFinished(close)
  return await callerOf(url).call(ALIAS, '{"records":{}}', 100)
}

test('an event goes to the very ARN, and its answer tells which version answered', async () => {
  let path = ''
  let body = ''
  const outcome = await callAgainst(async (request, response) => {
    path = decodeURIComponent(request.url!)
    body = await text(request)
    response.setHeader('x-amz-executed-version', '7')
    response.setHeader('x-amzn-requestid', 'request-7')
    response.end('null')
  })
  expect([path, body]).toEqual([`/2015-03-31/functions/${ALIAS}/invocations`, '{"records":{}}'])
  expect(outcome).toEqual({
    kind: 'answered',
    answer: null,
    call: { requestId: 'request-7', executedVersion: '7', functionError: null },
  })
})

test.each([
  [429, 'TooManyRequestsException', 'not-called', 'throttled'],
  [502, 'EC2ThrottledException', 'not-called', 'throttled'],
  [409, 'ResourceConflictException', 'not-called', 'unreachable'],
  [500, 'ServiceException', 'not-called', 'unreachable'],
  [404, 'ResourceNotFoundException', 'not-called', 'refused'],
  [403, 'AccessDeniedException', 'not-called', 'refused'],
  [502, 'KMSAccessDeniedException', 'not-called', 'unreachable'],
  [413, 'RequestTooLargeException', 'failed', undefined],
])('status %i with %s: %s %s', async (status, name, kind, reason) => {
  let calls = 0
  const outcome = await callAgainst((_, response) => {
    calls += 1
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': name })
    response.end(JSON.stringify({ Message: 'no' }))
  })
  expect(outcome).toMatchObject({ kind, error: `${name}: no`, ...(reason && { reason }) })
  // The deliverer tries again, in its own time.
  expect(calls).toBe(1)
})

test('no answer at all is a failure of what was sent: it may be slow for it', async () => {
  const outcome = await callAgainst(heldRequestTimes())
  expect(outcome).toMatchObject({ kind: 'failed', error: expect.stringContaining('no answer within 100 ms') })
})

test('a connection that ends is no fault of what was sent', async () => {
  const outcome = await callAgainst(request => request.socket.destroy())
  expect(outcome).toMatchObject({ kind: 'not-called', reason: 'unreachable' })
})

test('nobody there is nobody called', async () => {
  const outcome = await callerOf('http://127.0.0.1:1').call(ALIAS, '{}', 1_000)
  expect(outcome).toMatchObject({ kind: 'not-called', reason: 'unreachable' })
})

test('an answer that is no JSON is a failure', async () => {
  const outcome = await callAgainst((_, response) => response.end('done'))
  expect(outcome).toMatchObject({ kind: 'failed', error: expect.stringContaining('done') })
})
