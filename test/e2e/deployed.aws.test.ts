import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deleteStack, deployStack } from '../../localstack/stack.ts'
import { type AwsStore, openAwsStore } from '../../src/adapters/aws/aws-store.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import type { Broker, Produce } from '../../src/contract/broker.ts'
import type { GroupBroker } from '../../src/contract/groups.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { countInlineBytes } from '../../src/core/log/entry.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import {
  INGEST_PREFIX,
  parseIngestKey,
  parseLogObjectKey,
  parseSegmentKey,
  placeKey,
  SEGMENT_PREFIX,
} from '../../src/core/storage-layout.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { throughKafka, throughKcat } from '../cli/through-kafka.ts'
import { runTidemark, startGatewayProcess } from '../cli/tidemark-process.ts'
import { brokerAt } from './chaos-broker.ts'
import { DeployedFunctions } from './deployed-stack.ts'
import { DEPLOYED_PACE, groupChaos } from './group-chaos.ts'

const FLUSHED_MS_MAX = 30_000

/** Text as logs have it, another one for each number; the last line of the last file has no newline. */
const FILES = Array.from({ length: 4 }, (_, file) => {
  const lines = Array.from(
    { length: 2_000 },
    (_, line) =>
      `${1_700_000_000 + line} node-${(line * 7) % 13} ${'é'.repeat(line % 5)} took ${line * file} ms`,
  )
  return { topic: `file-${file}`, lines }
})

describeAws('the deployed stack', () => {
  const stackName = `Tidemark-${randomUUID().slice(0, 8)}`
  const functions = new DeployedFunctions(awsEndpoint(), stackName)
  let directory: string
  let outputs: Record<string, string>
  let broker: HttpBroker
  let store: AwsStore
  let lambda: LambdaClient

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-deployed-'))
    outputs = await deployStack({
      endpoint: awsEndpoint(),
      stackName,
      outputsFile: outputsFile(),
      context: { production: 'false', requestLog: 'true' },
    })
    const url = outputs.ApiUrl!
    broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
    store = openAwsStore({ endpoint: awsEndpoint(), table: outputs.TableName!, bucket: outputs.BucketName! })
    lambda = new LambdaClient({ endpoint: awsEndpoint() })
  }, 300_000)

  afterAll(async () => {
    store?.close()
    lambda?.destroy()
    await deleteStack(awsEndpoint(), stackName)
    await rm(directory, { recursive: true })
  }, 180_000)

  const outputsFile = () => join(directory, 'outputs.json')

  async function tidemark(commandLine: string[], input = ''): Promise<{ stdout: string; stderr: string }> {
    const environment = { AWS_ENDPOINT_URL: awsEndpoint() }
    const { exitCode, stdout, stderr } = await runTidemark(commandLine, { input, environment })
    expect([commandLine[0], exitCode, stderr]).toEqual([commandLine[0], 0, stderr])
    return { stdout: stdout.toString(), stderr }
  }

  const api = (...commandLine: string[]) => ['--broker', outputs.ApiUrl!, '--sigv4', ...commandLine]
  const direct = (...commandLine: string[]) => ['--aws', '--outputs', outputsFile(), ...commandLine]

  async function readAll(topic: string): Promise<{ offset: number; value: string }[]> {
    const records: { offset: number; value: string }[] = []
    for (let offset = toOffset(0); ; ) {
      const { chunks, nextOffset, endOffset } = await broker.fetch({ topic, partition: 0, offset })
      for (const record of chunks.flatMap(chunk => decodeBatches(chunk))) {
        if (record.offset >= offset) {
          records.push({ offset: record.offset, value: Buffer.from(record.value!).toString() })
        }
      }
      if (nextOffset >= endOffset) return records
      offset = nextOffset
    }
  }

  async function everyPartition(): Promise<PartitionId[]> {
    const partitions: PartitionId[] = []
    for await (const partition of store.index.partitions()) partitions.push(partition)
    return partitions
  }

  async function inlineBytes(): Promise<number> {
    const heads = await Promise.all((await everyPartition()).map(each => store.index.readHead(each)))
    return heads.reduce((sum, head) => sum + countInlineBytes(head?.tail ?? []), 0)
  }

  async function verify(): Promise<string> {
    return (await tidemark(direct('verify'))).stderr
  }

  test("a gateway serves Kafka's clients from its stores, beside the API", { timeout: 180_000 }, async () => {
    const words = ['--aws', '--outputs', outputsFile(), '--auto-create']
    const gateway = await startGatewayProcess(words, { AWS_ENDPOINT_URL: awsEndpoint() })
    const values = Array.from({ length: 200 }, (_, index) => `tide ${1_000 + index}`)
    expect(await throughKafka(gateway.url, 'kafkajs', values)).toEqual(values)
    expect(throughKcat(gateway.url, 'kcat', values) ?? values).toEqual(values)
    expect((await readAll('kafkajs')).map(({ value }) => value)).toEqual(values)
    expect(await gateway.end('SIGTERM')).toBe(0)
    expect(gateway.stderr()).not.toMatch(/failed|closed/)
  })

  test('takes four files through its API and gives them back', { timeout: 180_000 }, async () => {
    for (const { topic, lines } of FILES) {
      await tidemark(api('topic', 'create', topic, '--partitions', topic === 'file-0' ? '4' : '1'))
      const { stderr } = await tidemark(api('produce', topic, '--batch-records', '100'), lines.join('\n'))
      expect(stderr).toContain('wrote 2,000 records')
    }
    for (const { topic, lines } of FILES) {
      const { stdout } = await tidemark(api('consume', topic, '--exit-at-end'))
      const consumed = stdout.split('\n').slice(0, -1)
      if (topic === 'file-0') expect(consumed.toSorted()).toEqual(lines.toSorted())
      else expect(consumed).toEqual(lines)
    }
  })

  test('takes single records, and soon no payload is left in the table', { timeout: 120_000 }, async () => {
    const lines = Array.from({ length: 10 }, (_, number) => `reading ${number}`)
    await tidemark(api('topic', 'create', 'readings'))
    await tidemark(api('produce', 'readings', '--batch-records', '1'), lines.join('\n'))
    const writtenMs = Date.now()
    expect((await readAll('readings')).map(({ value }) => value)).toEqual(lines)
    while ((await inlineBytes()) > 0) {
      expect(Date.now() - writtenMs).toBeLessThan(FLUSHED_MS_MAX)
      await sleep(500)
    }
    expect((await readAll('readings')).map(({ value }) => value)).toEqual(lines)

    // All that is there has a name that the storage layout knows.
    for await (const { key } of store.objects.list())
      expect([key, parseSegmentKey(key) ?? parseIngestKey(key) ?? parseLogObjectKey(key)]).not.toContain(
        undefined,
      )
    for (const partition of await everyPartition()) {
      expect(
        (await store.index.readHead(partition))?.tail.every(({ place }) => place.kind === 'object'),
      ).toBe(true)
    }
    expect(await verify()).toContain('the store is sound')
  })

  test('hands out URLs from which exactly the located bytes can be read', async () => {
    const located = await broker.locate({ topic: 'file-1', partition: 0, offset: toOffset(0) })
    const [range] = located.ranges
    if (!range || !('url' in range)) throw new Error('nothing was located in an object')
    const bytes = (from: number) =>
      fetch(range.url, { headers: { range: `bytes=${from}-${from + range.bytes - 1}` } })
    const response = await bytes(range.position)
    expect(response.status).toBe(206)
    const records = decodeBatches(new Uint8Array(await response.arrayBuffer()))
    expect(`${Buffer.from(records[0]!.value!)}`).toBe(FILES[1]!.lines[0])
    expect((await bytes(range.position + 1)).status).toBe(403)
    expect((await fetch(range.url)).status).toBe(403)
  })

  test('answers a direct invocation', async () => {
    const event = { method: 'GET', path: '/topics/file-1/partitions/0/offsets', query: { at: 'latest' } }
    const FunctionName = await functions.nameOf('fetch')
    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }))
    const result = JSON.parse(Buffer.from(Payload!).toString())
    expect(result).toMatchObject({ statusCode: 200 })
    expect(JSON.parse(result.body)).toMatchObject({ offset: 2_000 })
  })

  test('lets in nobody who does not sign', async () => {
    const unsigned = new HttpBroker({ url: outputs.ApiUrl! })
    await expect(unsigned.listTopics()).rejects.toMatchObject({ kafkaName: 'CLUSTER_AUTHORIZATION_FAILED' })
  })

  test("tells in Kafka's words what is wrong, and changes nothing", async () => {
    const topic = 'file-1'
    const errorOf = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error: TidemarkError) => error,
      )
    const damaged = encodeBatch([{ value: Buffer.from('x') }], { nowMs: Date.now() })
    damaged[damaged.length - 2]! ^= 1
    expect(await errorOf(broker.produce({ topic, partition: 0, batches: damaged }))).toMatchObject({
      kafkaName: 'CORRUPT_MESSAGE',
      written: 'no',
    })
    expect(await errorOf(broker.fetch({ topic, partition: 0, offset: toOffset(9_999) }))).toMatchObject({
      kafkaName: 'OFFSET_OUT_OF_RANGE',
    })
    expect(await errorOf(broker.describeTopic('nowhere'))).toMatchObject({
      kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    expect(await broker.offsetFor({ topic, partition: 0, at: 'latest' })).toMatchObject({ offset: 2_000 })
  })

  test('lets sixteen producers write to one partition', { timeout: 180_000 }, async () => {
    const topic = 'crowded'
    const producers = 16
    const each = 25
    await broker.createTopic({ topic })
    const before = await functions.countTableWrites()
    await Promise.all(
      Array.from({ length: producers }, async (_, producer) => {
        for (let number = 0; number < each; number += 1) {
          const value = Buffer.from(`${producer}:${number} ${'.'.repeat(5_000)}`)
          const batches = encodeBatch([{ value }], { nowMs: Date.now() })
          await produceUntilDone(topic, batches)
        }
      }),
    )
    const records = await readAll(topic)
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index))
    const byProducer = Map.groupBy(records, ({ value }) => value.split(':')[0]!)
    for (const values of byProducer.values()) {
      const numbers = values.map(({ value }) => Number(value.split(' ')[0]!.split(':')[1]))
      expect(numbers).toEqual(Array.from({ length: each }, (_, number) => number))
    }
    expect(records).toHaveLength(producers * each)
    const writes = (await functions.countTableWrites()) - before
    console.log(`DynamoDB writes per commit, sixteen producers: ${(writes / records.length).toFixed(2)}`)
    expect(writes).toBeGreaterThanOrEqual(records.length)
  })

  /** Too many requests at a time are turned away by whoever runs the functions; nothing is written then. */
  async function produceUntilDone(topic: string, batches: Uint8Array): Promise<void> {
    for (;;) {
      try {
        await broker.produce({ topic, partition: 0, batches: Uint8Array.from(batches) })
        return
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.written !== 'no' || !error.retriable) throw error
        await sleep(50)
      }
    }
  }

  test('has what twenty producers sent once, although every tenth answer is lost', {
    timeout: 180_000,
  }, async () => {
    const topic = 'stormy'
    await broker.createTopic({ topic, partitions: 4 })
    let calls = 0
    let lost = 0
    const losing: Broker & GroupBroker = new Proxy(broker, {
      get: (target, name) => {
        if (name === 'produce') {
          return async (request: Produce) => {
            const produced = await target.produce(request)
            calls += 1
            if (calls % 10 !== 0) return produced
            lost += 1
            throw new TidemarkError('NETWORK_EXCEPTION', 'The answer was lost.', 'unknown')
          }
        }
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const sent: string[] = []
    await Promise.all(
      Array.from({ length: 20 }, async (_, number) => {
        const producer = new Tidemark({ broker: losing }).producer()
        await producer.connect()
        for (let round = 0; round < 5; round += 1) {
          const values = Array.from({ length: 4 }, (__, index) => `${number}/${round}/${index}`)
          sent.push(...values)
          await producer.send({ topic, messages: values.map(value => ({ key: value, value })) })
        }
        await producer.disconnect()
      }),
    )
    expect(lost).toBeGreaterThan(10)
    const { stdout } = await tidemark(api('consume', topic, '--exit-at-end'))
    expect(stdout.split('\n').slice(0, -1).toSorted()).toEqual(sent.toSorted())
  })

  test('shares a topic out among the members of a group, and commits', { timeout: 180_000 }, async () => {
    const group = ['--group', 'readers', '--session-timeout', '6000']
    const member = () => tidemark(api('consume', 'stormy', ...group, '--from', 'earliest', '--exit-at-end'))
    const outputs = await Promise.all([member(), member()])
    const values = outputs.flatMap(({ stdout }) => stdout.split('\n').slice(0, -1))
    expect(new Set(values).size).toBe(400)
    // Nothing is left, and the group knows it.
    expect((await member()).stdout).toBe('')
    const description = JSON.parse((await tidemark(api('group', 'describe', 'readers', '--json'))).stdout)
    const lags = description.partitions.map(({ lag }: { lag: number }) => lag)
    expect(lags).toEqual([0, 0, 0, 0])
  })

  test('knows a group by any name, through its API and without it', { timeout: 120_000 }, async () => {
    // All that API Gateway decodes on its way, or cuts off.
    const name = 'harbour/high pier#1 100%/%2F?~'
    for (const by of [api, direct]) {
      const { stdout } = await tidemark(by('consume', 'readings', '--group', name, '--exit-at-end'))
      expect(stdout.split('\n')).toHaveLength(11)
      const description = JSON.parse((await tidemark(by('group', 'describe', name, '--json'))).stdout)
      expect(description).toMatchObject({ groupId: name, partitions: [{ committedOffset: 10, lag: 0 }] })
      await tidemark(by('group', 'delete', name))
    }
  })

  test('keeps what a group promises while its members are killed, paused, stopped and restarted', {
    timeout: 300_000,
  }, async () => {
    const told: string[] = []
    const run = {
      pace: DEPLOYED_PACE,
      seconds: 25,
      seed: 20_260_130,
      lines: FILES[2]!.lines,
      // How soon it is whole again is measured by the script: here, the emulator has other work, too.
      graceMs: 60_000,
      report: (line: string) => told.push(line),
    }
    const problems = await groupChaos(run, brokerAt(outputs.ApiUrl!, outputs.Region!))
    expect(problems, told.join('\n')).toEqual([])
  })

  test.each(['after-put', 'after-commit'] as const)(
    'that loses a produce function %s has the records once',
    { timeout: 120_000 },
    async point => {
      const topic = `killed-${point}`
      await broker.createTopic({ topic })
      const FunctionName = await functions.nameOf('produce')
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
      const variables = Environment?.Variables ?? {}
      const configure = async (Variables: Record<string, string>) => {
        await lambda.send(
          new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }),
        )
      }
      const before = await ingested()
      await configure({ ...variables, TIDEMARK_TEST_FAULT: `${point}:${randomUUID()}` })
      const lines = Array.from({ length: 100 }, (_, number) => `${number} ${'.'.repeat(200)}`)
      try {
        const { stderr } = await tidemark(api('produce', topic), lines.join('\n'))
        expect(stderr).toContain('Trying again.')
        expect(stderr).toContain('wrote 100 records')
      } finally {
        await configure(variables)
      }
      expect((await readAll(topic)).map(({ value }) => value)).toEqual(lines)
      expect(await verify()).toContain('the store is sound')
      // The upload of the one that died before the commit, or of the repetition of what had been committed.
      const orphans = [...(await unreferred())].filter(key => !before.has(key))
      expect(orphans).toHaveLength(1)
    },
  )

  /** What calls and flushes have uploaded, and nobody has swept. */
  async function ingested(): Promise<Set<string>> {
    const keys = new Set<string>()
    for (const prefix of [SEGMENT_PREFIX, INGEST_PREFIX]) {
      for await (const { key } of store.objects.list(prefix)) keys.add(key)
    }
    return keys
  }

  /** Those of them that nothing refers to, of whatever age; what has been rolled since is among them. */
  async function unreferred(): Promise<Set<string>> {
    const keys = await ingested()
    for (const partition of await everyPartition()) {
      const head = await store.index.readHead(partition)
      const blocks = await store.index.readBlocks(partition, toOffset(0), 1_000)
      for (const { place } of [...(head?.tail ?? []), ...blocks.flatMap(({ entries }) => entries)]) {
        if (place.kind === 'object') keys.delete(placeKey(place))
      }
    }
    return keys
  }
})
