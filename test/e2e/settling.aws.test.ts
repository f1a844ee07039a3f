/** A deployed broker whose logs settle: woken by writes, and by its one schedule, which the test calls in its place. */
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
import type { SettlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import type { Head } from '../../src/core/log/head.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { LOG_OBJECTS_PREFIX } from '../../src/core/storage-layout.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { runTidemark } from '../cli/tidemark-process.ts'
import { DeployedFunctions } from './deployed-stack.ts'

/** Whatever is there is due, and nothing stays for long that nobody needs. */
const SOON: Partial<SettlingSettings> = {
  rollBytes: 1,
  rollYoungMs: 0,
  graceMs: 2_000,
  advanceMs: 500,
  roundMs: 1_000,
  resweepMs: 2_000,
}
const SETTLED_MS_MAX = 90_000
/** TIDEMARK_IDLE_MS=600000 waits ten minutes. */
const IDLE_MS = Number(process.env.TIDEMARK_IDLE_MS ?? 10_000)

describeAws('a deployed log settles:', () => {
  const stackName = `Settling-${randomUUID().slice(0, 8)}`
  const functions = new DeployedFunctions(awsEndpoint(), stackName)
  let directory: string
  let outputs: Record<string, string>
  let broker: HttpBroker
  let store: AwsStore
  let lambda: LambdaClient

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-settling-'))
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
    for (const name of ['flush', 'maintain'] as const) {
      const FunctionName = await functions.nameOf(name)
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
      const Variables = { ...Environment?.Variables, TIDEMARK_TEST_SETTLING: JSON.stringify(SOON) }
      await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
    }
  }, 300_000)

  afterAll(async () => {
    store?.close()
    lambda?.destroy()
    await deleteStack(awsEndpoint(), stackName)
    await rm(directory, { recursive: true })
  }, 180_000)

  const outputsFile = () => join(directory, 'outputs.json')

  async function produce(topic: string, partition: number, values: readonly string[]): Promise<void> {
    for (const value of values) {
      const batches = encodeBatch([{ value: Buffer.from(value) }], { nowMs: Date.now() })
      await broker.produce({ topic, partition, batches })
    }
  }

  async function readAll(topic: string, partition: number, from: Offset): Promise<[number, string][]> {
    const records: [number, string][] = []
    for (let offset = from; ; ) {
      const { chunks, nextOffset, endOffset } = await broker.fetch({ topic, partition, offset })
      for (const { offset: at, value } of chunks.flatMap(decodeBatches)) {
        if (at >= offset) records.push([at, Buffer.from(value!).toString()])
      }
      if (nextOffset >= endOffset) return records
      offset = nextOffset
    }
  }

  async function headsOf(topic: string): Promise<Head[]> {
    const { topicId, partitions } = (await store.topics.get(topic))!
    const ids = Array.from({ length: partitions }, (_, partition) => ({ topicId, partition }))
    return (await Promise.all(ids.map(id => store.index.readHead(id)))).map(head => head!)
  }

  async function keys(prefix = ''): Promise<string[]> {
    const found: string[] = []
    for await (const { key } of store.objects.list(prefix)) found.push(key)
    return found
  }

  /** What the schedule calls. */
  async function look(): Promise<void> {
    const Payload = JSON.stringify({ 'detail-type': 'Scheduled Event' })
    const FunctionName = await functions.nameOf('flush')
    const { FunctionError } = await lambda.send(new InvokeCommand({ FunctionName, Payload }))
    expect(FunctionError).toBeUndefined()
  }

  async function until(
    what: string,
    isSo: () => Promise<boolean>,
    meanwhile = async () => {},
  ): Promise<void> {
    const startedMs = performance.now()
    while (!(await isSo())) {
      expect([what, performance.now() - startedMs < SETTLED_MS_MAX]).toEqual([what, true])
      await meanwhile()
      await sleep(500)
    }
  }

  async function verify(): Promise<string> {
    const environment = { AWS_ENDPOINT_URL: awsEndpoint() }
    const commandLine = ['--aws', '--outputs', outputsFile(), 'verify']
    const { exitCode, stderr } = await runTidemark(commandLine, { environment })
    expect([exitCode, stderr]).toEqual([0, stderr])
    return stderr
  }

  const VALUES = Array.from({ length: 20 }, (_, number) => `reading ${number}`)
  const offsets = VALUES.map((value, offset): [number, string] => [offset, value])

  test('writes wake what rolls, and no schedule is needed', { timeout: 180_000 }, async () => {
    await broker.createTopic({ topic: 'readings' })
    await produce('readings', 0, VALUES)
    await until(
      'something has settled',
      async () => (await headsOf('readings'))[0]!.settled.settledOffset > 0,
    )
    expect((await keys(LOG_OBJECTS_PREFIX)).length).toBeGreaterThan(0)
    expect(await readAll('readings', 0, toOffset(0))).toEqual(offsets)
  })

  test('its looks have all settle, drain, and go that nothing needs', { timeout: 180_000 }, async () => {
    await until(
      'all has settled',
      async () => {
        const [head] = await headsOf('readings')
        const others = (await keys()).filter(key => !key.startsWith(LOG_OBJECTS_PREFIX))
        return head!.settled.settledOffset === VALUES.length && others.length === 0
      },
      look,
    )
    expect(await readAll('readings', 0, toOffset(0))).toEqual(offsets)
    expect(await verify()).toContain('the store is sound')
  })

  test('records that have come of age go, and their objects after them', { timeout: 240_000 }, async () => {
    await broker.createTopic({ topic: 'short', configs: { 'retention.ms': '1000', 'segment.bytes': '14' } })
    await produce('short', 0, VALUES.slice(0, 5))
    await until('the start has moved', async () => (await headsOf('short'))[0]!.startOffset > 0, look)
    const { topicId } = (await store.topics.get('short'))!
    const [head] = await headsOf('short')
    await expect(readAll('short', 0, toOffset(0))).rejects.toMatchObject({ kafkaName: 'OFFSET_OUT_OF_RANGE' })
    const left = await readAll('short', 0, head!.startOffset)
    expect(left).toEqual(offsets.slice(head!.startOffset, 5))
    // The newest segment stays.
    await until('objects have gone', async () => (await keys(`log/${topicId}/`)).length <= 2, look)
  })

  test('a deleted topic leaves nothing but that it was', { timeout: 240_000 }, async () => {
    const { topicId } = (await store.topics.get('readings'))!
    await broker.deleteTopic('readings')
    await until('its objects have gone', async () => (await keys(`log/${topicId}/`)).length === 0, look)
    expect(await keys('deleted/')).toEqual([`deleted/${topicId}`])
    expect(await verify()).toContain('the store is sound')
  })

  test('while nobody writes, nobody is called', { timeout: IDLE_MS + 60_000 }, async () => {
    const calls = async () => {
      const looks = await functions.reportsOf('flush')
      const called = looks.filter(({ woken, upkeep }) => Number(woken) > 0 || upkeep !== 'none')
      return [called.length, (await functions.reportsOf('maintain')).length]
    }
    // What was called for by the last look has ended.
    await sleep(5_000)
    const before = await calls()
    expect(before[0]).toBeGreaterThan(0)
    await sleep(IDLE_MS)
    expect(await calls()).toEqual(before)
  })
})
