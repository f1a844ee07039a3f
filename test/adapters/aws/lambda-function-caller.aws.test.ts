import { randomUUID } from 'node:crypto'
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LambdaFunctionCaller } from '../../../src/adapters/aws/delivery/lambda-function-caller.ts'
import { awsEndpoint, describeAws } from '../../aws/endpoints.ts'
import { zipOf } from '../../aws/function-code.ts'

/** Does as the event says. */
const CODE = `exports.handler = async event => {
  if (event.throws) throw new TypeError(event.throws)
  if (event.sleepMs) await new Promise(resolve => setTimeout(resolve, event.sleepMs))
  return event.returns
}`

describeAws('a Lambda function', () => {
  const name = `tidemark-called-${randomUUID().slice(0, 8)}`
  let lambda: LambdaClient
  let arn: string
  let caller: LambdaFunctionCaller

  beforeAll(async () => {
    lambda = new LambdaClient({ endpoint: awsEndpoint() })
    caller = new LambdaFunctionCaller({ endpoint: awsEndpoint() }, { graceMs: 5_000 })
    const { FunctionArn } = await lambda.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: 'arn:aws:iam::000000000000:role/anybody',
        Timeout: 2,
        Code: { ZipFile: zipOf('index.js', CODE) },
      }),
    )
    await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30 }, { FunctionName: name })
    arn = FunctionArn!
  })

  afterAll(async () => {
    await lambda.send(new DeleteFunctionCommand({ FunctionName: name }))
    lambda.destroy()
    caller.close()
  })

  test('that returns has answered', async () => {
    const outcome = await caller.call(arn, '{"returns":{"batchItemFailures":[]}}', 2_000)
    expect(outcome).toEqual({
      kind: 'answered',
      answer: { batchItemFailures: [] },
      call: { requestId: expect.stringMatching(/./), executedVersion: '$LATEST', functionError: null },
    })
  })

  test('that returns nothing has answered, too', async () => {
    const outcome = await caller.call(arn, '{}', 2_000)
    expect(outcome.kind).toBe('answered')
    expect((outcome as { answer: unknown }).answer ?? undefined).toBeUndefined()
  })

  test('that throws has failed, and says why', async () => {
    expect(await caller.call(arn, '{"throws":"no such order"}', 2_000)).toMatchObject({
      kind: 'failed',
      // The error's type is an emulator's own.
      error: expect.stringMatching(/^[\w.]+: no such order$/),
      call: { functionError: 'Unhandled' },
    })
  })

  test('that runs out of its time has failed', async () => {
    const outcome = await caller.call(arn, '{"sleepMs":4000}', 2_000)
    expect(outcome).toMatchObject({ kind: 'failed', error: expect.stringMatching(/timed out/i) })
  })

  test('that is not there is not called', async () => {
    expect(await caller.call(`${arn}-not`, '{}', 2_000)).toMatchObject({
      kind: 'not-called',
      reason: 'refused',
      error: expect.stringContaining('ResourceNotFoundException'),
    })
  })
})
