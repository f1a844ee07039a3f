import { createServer, type RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { LambdaMaintenanceWakes } from '../../../src/adapters/aws/delivery/lambda-maintenance-wakes.ts'
import { AWS_MESSAGE_ATTEMPTS_MAX } from '../../../src/core/limits.ts'
import { maintenanceCalls } from '../../../src/core/maintenance-call.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'
import { listenLocally } from './local-server.ts'
import { heldRequestTimes } from './request-times.ts'

/** What is sent to a Lambda that answers so. */
async function wakesOn(lambda: RequestListener): Promise<LambdaMaintenanceWakes> {
  const { url, close } = await listenLocally(createServer(lambda))
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
  const connection = { endpoint: url, region: 'us-east-1', credentials }
  const wakes = new LambdaMaintenanceWakes('Tidemark-Maintain', connection)
  onTestFinished(async () => {
    wakes.close()
    await close()
  })
  return wakes
}

test('each call is an event that nobody waits for', async () => {
  const sent: unknown[] = []
  const wakes = await wakesOn(async (request, response) => {
    sent.push([request.url, request.headers['x-amz-invocation-type'], JSON.parse(await text(request))])
    response.writeHead(202).end()
  })
  const calls = maintenanceCalls('everything')
  await wakes.wake(calls)
  expect(sent).toEqual(
    calls.map(call => ['/2015-03-31/functions/Tidemark-Maintain/invocations', 'Event', call]),
  )
  await wakes.wake([])
  expect(sent).toHaveLength(calls.length)
})

test.each([
  [429, 'TooManyRequestsException', NotApplied],
  [500, 'ServiceException', OutcomeUnknown],
  [404, 'ResourceNotFoundException', StoreFailed],
  [403, 'AccessDeniedException', StoreFailed],
])('status %i with %s is told as what became of it', async (status, name, expected) => {
  const wakes = await wakesOn((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': name })
    response.end(JSON.stringify({ Message: 'no' }))
  })
  const failure = await wakes.wake(maintenanceCalls('upkeep')).catch(error => error)
  expect(failure).toBeInstanceOf(expected)
  if (expected === StoreFailed) expect(failure.message).toContain('function "Tidemark-Maintain"')
  if (status === 403) expect(failure.message).toContain('lambda:InvokeFunction')
})

test('one that a network swallows is sent once more, and no longer waited for', async () => {
  let requests = 0
  const expire = heldRequestTimes()
  const wakes = await wakesOn(() => {
    requests += 1
    expire()
  })
  await expect(wakes.wake(maintenanceCalls('upkeep'))).rejects.toThrow(OutcomeUnknown)
  expect(requests).toBe(AWS_MESSAGE_ATTEMPTS_MAX)
})
