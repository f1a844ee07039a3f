import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deleteStack, deployStack } from '../../localstack/stack.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { DeployedFunctions } from './deployed-stack.ts'
import { runOutboxLoad } from './outbox-load.ts'

describeAws('outboxes', () => {
  const stackName = `Outbox-${randomUUID().slice(0, 8)}`
  let directory: string
  let outputs: Record<string, string>
  let lambda: LambdaClient
  let logs: CloudWatchLogsClient

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-outbox-'))
    outputs = await deployStack({
      endpoint: awsEndpoint(),
      stackName,
      app: 'npx node test/e2e/outbox-app.ts',
      outputsFile: join(directory, 'outputs.json'),
    })
    lambda = new LambdaClient({ endpoint: awsEndpoint() })
    logs = new CloudWatchLogsClient({ endpoint: awsEndpoint() })
  }, 300_000)
  afterAll(async () => {
    lambda?.destroy()
    logs?.destroy()
    await deleteStack(awsEndpoint(), stackName)
    await rm(directory, { recursive: true })
  }, 180_000)

  async function place(id: string): Promise<string> {
    const Payload = Buffer.from(JSON.stringify({ id, customer: 'ada', amount: 3 }))
    const answer = await lambda.send(new InvokeCommand({ FunctionName: outputs.PlaceOrderName, Payload }))
    return Buffer.from(answer.Payload!).toString()
  }

  async function shipped(): Promise<string[]> {
    const found: string[] = []
    const logGroupName = `/aws/lambda/${outputs.ShipOrderName}`
    for await (const { events = [] } of paginateFilterLogEvents({ client: logs }, { logGroupName }))
      for (const { message = '' } of events) {
        const id = /SHIPS \{.*?"id":"([\w-]+)"/.exec(message.replaceAll('\\"', '"'))?.[1]
        if (id !== undefined) found.push(id)
      }
    return found
  }

  test('the example’s order service keeps an order once, and it is shipped once', {
    timeout: 120_000,
  }, async () => {
    const ids = Array.from({ length: 5 }, (_, number) => `order-${number}-${randomUUID().slice(0, 8)}`)
    for (const id of ids) expect(await place(id)).toBe('"placed"')
    expect(await place(ids[0]!)).toBe('"placed before"')
    await expect.poll(shipped, { timeout: 60_000, interval: 500 }).toEqual(ids)
  })

  test('what is committed is in the log once and in order, while the function that relays dies', {
    timeout: 300_000,
  }, async () => {
    const url = outputs.ApiUrl!
    const broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
    const relay = await new DeployedFunctions(awsEndpoint(), stackName).nameOf('relay')
    const load = { endpoint: awsEndpoint(), outputs, broker, relay, writers: 4 }
    const result = await runOutboxLoad({ ...load, transactions: 200, killEveryMs: 1_500 })
    expect(result).toMatchObject({ problems: [] })
    expect(result.committed + result.cancelled).toBe(200)
    expect(result.cancelled).toBeGreaterThan(50)
    expect(result.kills).toBeGreaterThan(0)
  })
})
