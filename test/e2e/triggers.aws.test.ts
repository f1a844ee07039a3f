import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs'
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deleteStack, deployStack } from '../../localstack/stack.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { runTidemark } from '../cli/tidemark-process.ts'
import { DeployedFunctions } from './deployed-stack.ts'

/** Real logs where they are beside the checkout; else text as logs have it. */
const DATA = join(import.meta.dirname, '../../../shared/data')
const LOGS = ['Apache_2k.log', 'HDFS_2k.log', 'OpenSSH_2k.log', 'Zookeeper_2k.log']
const SETTLED_MS_MAX = 60_000
const KILLED_BATCH_RECORDS = 100

/** What a handler wrote down of one event. */
interface Got {
  /** `<topic>-<partition>` */
  readonly name: string
  readonly startedMs: number
  readonly records: readonly (readonly [offset: number, timestampMs: number, value: string])[]
}

describeAws('functions behind topics', () => {
  const stackName = `Triggers-${randomUUID().slice(0, 8)}`
  const functions = new DeployedFunctions(awsEndpoint(), stackName)
  let directory: string
  let outputs: Record<string, string>
  let broker: HttpBroker
  let logs: CloudWatchLogsClient
  let lambda: LambdaClient
  let sqs: SQSClient

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-triggers-'))
    outputs = await deployStack({
      endpoint: awsEndpoint(),
      stackName,
      app: 'npx node test/e2e/triggers-app.ts',
      outputsFile: outputsFile(),
    })
    const url = outputs.ApiUrl!
    broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
    logs = new CloudWatchLogsClient({ endpoint: awsEndpoint() })
    lambda = new LambdaClient({ endpoint: awsEndpoint() })
    sqs = new SQSClient({ endpoint: awsEndpoint() })
  }, 300_000)

  afterAll(async () => {
    for (const client of [logs, lambda, sqs]) client?.destroy()
    await deleteStack(awsEndpoint(), stackName)
    await rm(directory, { recursive: true })
  }, 180_000)

  const outputsFile = () => join(directory, 'outputs.json')

  async function tidemark(commandLine: string[], input = ''): Promise<string> {
    const environment = { AWS_ENDPOINT_URL: awsEndpoint() }
    const address = ['--broker', outputs.ApiUrl!, '--sigv4']
    const { exitCode, stdout, stderr } = await runTidemark([...address, ...commandLine], {
      input,
      environment,
    })
    expect([commandLine[0], exitCode, stderr]).toEqual([commandLine[0], 0, stderr])
    return stdout.toString()
  }

  async function linesOf(logGroupName: string, filterPattern: string): Promise<string[]> {
    const lines: string[] = []
    for await (const { events = [] } of paginateFilterLogEvents(
      { client: logs },
      { logGroupName, filterPattern },
    )) {
      lines.push(...events.map(({ message = '' }) => message))
    }
    return lines
  }

  /** What a function got, event by event, in the order in which it got them. */
  async function gotBy(name: string): Promise<Got[]> {
    const events = (await linesOf(outputs[`${name}LogName`]!, 'GOT')).flatMap(line => {
      const json = /GOT (\{.*\})/.exec(line)?.[1]
      return json === undefined ? [] : [JSON.parse(json) as Got]
    })
    return events.sort((a, b) => a.startedMs - b.startedMs)
  }

  /** The same of the partitions whose names begin so, as soon as there are so many records: logs come late. */
  async function untilGot(name: string, prefix: string, records: number): Promise<Got[]> {
    const startedMs = Date.now()
    for (;;) {
      const got = (await gotBy(name)).filter(event => event.name.startsWith(prefix))
      if (got.reduce((sum, event) => sum + event.records.length, 0) >= records) return got
      expect(Date.now() - startedMs).toBeLessThan(SETTLED_MS_MAX)
      await sleep(500)
    }
  }

  /** Values by partition, each in the order of arrival. */
  function valuesByPartition(events: readonly Got[]): Map<string, string[]> {
    const values = new Map<string, string[]>()
    for (const { name, records } of events) {
      const got = records.map(([, , value]) => Buffer.from(value, 'base64').toString())
      values.set(name, [...(values.get(name) ?? []), ...got])
    }
    return values
  }

  async function lagsOf(groupId: string): Promise<Map<string, number>> {
    const description = JSON.parse(await tidemark(['group', 'describe', groupId, '--json']))
    return new Map(
      description.partitions.map((each: { topic: string; partition: number; lag: number }) => [
        `${each.topic}-${each.partition}`,
        each.lag,
      ]),
    )
  }

  async function untilLag(groupId: string, isSettled: (lags: Map<string, number>) => boolean): Promise<void> {
    const startedMs = Date.now()
    for (let lags = await lagsOf(groupId); !isSettled(lags); lags = await lagsOf(groupId)) {
      expect([groupId, lags, Date.now() - startedMs < SETTLED_MS_MAX]).toEqual([groupId, lags, true])
      await sleep(500)
    }
  }

  const isZero = (lags: Map<string, number>) => [...lags.values()].every(lag => lag === 0)

  async function produce(topic: string, partition: number, values: readonly string[]): Promise<void> {
    const records = values.map(value => ({ value: Buffer.from(value) }))
    await broker.produce({ topic, partition, batches: encodeBatch(records, { nowMs: Date.now() }) })
  }

  const killedLines = Array.from({ length: 4 * KILLED_BATCH_RECORDS }, (_, number) => `line ${number}`)

  // First, since its partition is left alone for a while then, and last what became of it.
  test('a deliverer dies behind a call, before it has committed', { timeout: 60_000 }, async () => {
    const FunctionName = await functions.nameOf('deliver')
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
    const configure = async (Variables: Record<string, string>) => {
      await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
    }
    const variables = Environment?.Variables ?? {}
    await configure({ ...variables, TIDEMARK_TEST_FAULT: `after-call:${randomUUID()}` })
    try {
      await produce('killed', 0, killedLines)
      const startedMs = Date.now()
      while ((await gotBy('Recorder')).length === 0) {
        expect(Date.now() - startedMs).toBeLessThan(30_000)
        await sleep(200)
      }
      // Dead by now, or about to be: the call has begun, and nothing can be committed.
      await sleep(1_000)
      expect(await lagsOf('killed')).toEqual(new Map([['killed-0', killedLines.length]]))
    } finally {
      await configure(variables)
    }
  })

  test('a function gets all of four files, each partition in order, from earliest on', {
    timeout: 180_000,
  }, async () => {
    const files = await Promise.all(
      LOGS.map(async (name, file) => {
        const path = join(DATA, name)
        const text = existsSync(path)
          ? await readFile(path, 'utf8')
          : Array.from({ length: 2_000 }, (_, line) => `${name} ${line} took ${line * file} ms`).join('\n')
        return { topic: `file-${file}`, text, lines: text.split('\n').filter(line => line !== '') }
      }),
    )
    for (const { topic, text } of files) await tidemark(['produce', topic, '--batch-records', '100'], text)
    expect((await gotBy('Recorder')).filter(({ name }) => name.startsWith('file-'))).toEqual([])
    for (const { topic } of files) await tidemark(['trigger', 'resume', 'files', topic])
    await untilLag('files', lags => lags.size === 7 && isZero(lags))

    const lineCount = files.reduce((sum, { lines }) => sum + lines.length, 0)
    const got = await untilGot('Recorder', 'file-', lineCount)
    const offsets = Map.groupBy(got, ({ name }) => name)
    expect(offsets.size).toBe(7)
    for (const events of offsets.values()) {
      const all = events.flatMap(({ records }) => records.map(([offset]) => offset))
      expect(all).toEqual(all.map((_, index) => index))
    }
    const values = valuesByPartition(got)
    for (const { topic, lines } of files) {
      const partitions = topic === 'file-0' ? [0, 1, 2, 3] : [0]
      const all = partitions.flatMap(partition => values.get(`${topic}-${partition}`) ?? [])
      if (topic === 'file-0') expect(all.toSorted()).toEqual(lines.toSorted())
      else expect(all).toEqual(lines)
    }
  })

  test('a record that cannot be handled reaches the failure queue with its place, and the others go on', {
    timeout: 90_000,
  }, async () => {
    const orders = Array.from({ length: 10 }, (_, number) => JSON.stringify({ number, amount: number }))
    const bad = JSON.stringify({ number: 6 })
    await produce('orders', 2, orders.with(6, bad))
    await untilLag('order-handler', isZero)
    const command = new ReceiveMessageCommand({
      QueueUrl: outputs.FailuresUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 5,
    })
    const { Messages = [] } = await sqs.send(command)
    expect(Messages.map(({ Body }) => JSON.parse(Body!))).toMatchObject([
      {
        requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 3 },
        KafkaBatchInfo: {
          batchSize: 1,
          recordsInfo: { 'orders-2': { firstRecordOffset: '6', lastRecordOffset: '6' } },
        },
        tidemark: { groupId: 'order-handler', error: expect.stringContaining('The order at orders-2@6') },
      },
    ])
    // The partition goes on.
    await produce('orders', 2, [JSON.stringify({ number: 10, amount: 10 })])
    await untilLag('order-handler', isZero)
    const startedMs = Date.now()
    const handled = new Set<number>()
    while (!handled.has(10)) {
      expect(Date.now() - startedMs).toBeLessThan(SETTLED_MS_MAX)
      for (const line of await linesOf(`/aws/lambda/${outputs.HandlerName}`, 'amount')) {
        const json = /\{"topic".*\}/.exec(line)?.[0]
        if (json !== undefined) handled.add(JSON.parse(json).order.number)
      }
    }
    expect([...handled].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 7, 8, 9, 10])
  })

  test('a function that always throws holds up its own partition only', { timeout: 90_000 }, async () => {
    await produce('stubborn', 0, ['a', 'b', 'c'])
    await produce('stubborn', 1, ['d', 'e'])
    await untilLag('stubborn', lags => lags.get('stubborn-1') === 0)
    expect((await lagsOf('stubborn')).get('stubborn-0')).toBe(3)
    await produce('stubborn', 1, ['f'])
    await untilLag('stubborn', lags => lags.get('stubborn-1') === 0)
    expect((await lagsOf('stubborn')).get('stubborn-0')).toBe(3)
    expect(valuesByPartition(await untilGot('Stubborn', 'stubborn-', 3))).toEqual(
      new Map([['stubborn-1', ['d', 'e', 'f']]]),
    )
  })

  test('what the deliverer left that died is delivered, and at most its batch twice', {
    timeout: 120_000,
  }, async () => {
    await untilLag('killed', isZero)
    const died = await linesOf(await logOf('deliver'), 'dies')
    expect(died).toHaveLength(1)
    const got = await untilGot('Recorder', 'killed-', KILLED_BATCH_RECORDS + killedLines.length)
    const offsets = got.flatMap(({ records }) => records.map(([offset]) => offset))
    const batch = Array.from({ length: KILLED_BATCH_RECORDS }, (_, offset) => offset)
    // The batch that was under way, then everything from what was committed on.
    expect(offsets).toEqual([...batch, ...killedLines.map((_, offset) => offset)])
  })

  async function logOf(name: 'deliver'): Promise<string> {
    const { LoggingConfig } = await lambda.send(
      new GetFunctionConfigurationCommand({ FunctionName: await functions.nameOf(name) }),
    )
    return LoggingConfig!.LogGroup!
  }
})
