/** Consumers that are woken by a deployed broker: on a socket of their own, and by the SDK. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { deleteStack, deployStack } from '../../localstack/stack.ts'
import { type AwsStore, openAwsStore } from '../../src/adapters/aws/aws-store.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { LISTENERS_PER_PARTITION_MAX, POLL_TOLD_MS } from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { DeployedFunctions } from './deployed-stack.ts'
import { RawListener, reachSockets } from './deployed-waking.ts'

describeAws('a deployed broker that wakes', () => {
  const stackName = `Waking-${randomUUID().slice(0, 8)}`
  const functions = new DeployedFunctions(awsEndpoint(), stackName)
  let directory: string
  let outputs: Record<string, string>
  let broker: HttpBroker
  let store: AwsStore
  let socketUrl: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-waking-'))
    outputs = await deployStack({
      endpoint: awsEndpoint(),
      stackName,
      outputsFile: join(directory, 'outputs.json'),
      app: 'npx node test/e2e/waking-app.ts',
    })
    const url = outputs.ApiUrl!
    broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
    store = openAwsStore({ endpoint: awsEndpoint(), table: outputs.TableName!, bucket: outputs.BucketName! })
    socketUrl = await reachSockets(awsEndpoint(), stackName, functions)
  }, 300_000)

  afterAll(async () => {
    store?.close()
    await deleteStack(awsEndpoint(), stackName)
    await rm(directory, { recursive: true })
  }, 180_000)

  async function listen(): Promise<{ listener: RawListener; ticket: string }> {
    const listener = await RawListener.open(socketUrl, outputs.Region!)
    onTestFinished(() => listener.socket.terminate())
    return { listener, ticket: await listener.ticket() }
  }

  const produce = (topic: string, partition: number, value = 'x') =>
    broker.produce({
      topic,
      partition,
      batches: encodeBatch([{ value: Buffer.from(value) }], { nowMs: Date.now() }),
    })

  const arm = async (listener: string, topic: string, ...partitions: number[]) =>
    await broker.fetchMany({
      listener,
      partitions: partitions.map(partition => ({ topic, partition, offset: toOffset(0), arm: true })),
    })

  test('lets nobody connect who does not sign', { timeout: 60_000 }, async () => {
    const unsigned = new RawListener(new WebSocket(socketUrl))
    await expect(unsigned.opened()).rejects.toThrow('403')
  })

  test('wakes who is armed, once, and tells him how far the log is', { timeout: 120_000 }, async () => {
    const { topicId } = await broker.createTopic({ topic: 'tides', partitions: 3 })
    const { listener, ticket } = await listen()
    const { partitions, waking } = await arm(ticket, 'tides', 0, 2)
    expect(waking?.armed).toBe('all')
    expect(partitions.map(each => 'error' in each)).toEqual([false, false])
    await produce('tides', 1)
    await produce('tides', 2)
    const wake = await listener.hears('wake')
    expect(wake.partitions).toEqual([{ topicId, partition: 2, endOffset: 1 }])

    // What it was armed at is used up; the other arming is not.
    await produce('tides', 2)
    await produce('tides', 0)
    const other = await listener.hears('wake')
    expect(other.partitions).toEqual([{ topicId, partition: 0, endOffset: 1 }])
    expect(listener.heard).toEqual([])

    // Armed again, it is woken again.
    await arm(ticket, 'tides', 2)
    await produce('tides', 2)
    expect((await listener.hears('wake')).partitions).toEqual([{ topicId, partition: 2, endOffset: 3 }])
  })

  test('says what is wrong with a ticket, and answers all the same', { timeout: 60_000 }, async () => {
    const { ticket } = await listen()
    const forged = `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}`
    const { partitions, waking } = await arm(forged, 'tides', 0)
    expect(waking?.armed).toBe('forged')
    expect(partitions).toMatchObject([{ endOffset: 1 }])
  })

  test.each(['hello', '{"type":"shout"}', '{"type":"hello"', '[]'])(
    'says that it does not understand %s',
    { timeout: 60_000 },
    async text => {
      const listener = await RawListener.open(socketUrl, outputs.Region!)
      onTestFinished(() => listener.socket.terminate())
      await listener.opened()
      listener.say(text)
      expect(await listener.hears('error')).toMatchObject({ error: 'INVALID_REQUEST' })
    },
  )

  test('hears a ping and says nothing to it', { timeout: 60_000 }, async () => {
    const { listener } = await listen()
    listener.say('{"type":"ping"}')
    listener.say('{"type":"hello"}')
    await listener.hears('ticket')
    expect(listener.heard).toEqual([])
  })

  test('wakes the others where one has gone without a word', { timeout: 120_000 }, async () => {
    const { topicId } = await broker.createTopic({ topic: 'left' })
    const gone = await listen()
    const there = await listen()
    for (const { ticket } of [gone, there]) await arm(ticket, 'left', 0)
    gone.listener.socket.terminate()
    await produce('left', 0)
    expect((await there.listener.hears('wake')).partitions).toEqual([{ topicId, partition: 0, endOffset: 1 }])
  })

  test('has all poll where too many listen', { timeout: 180_000 }, async () => {
    const { topicId } = await broker.createTopic({ topic: 'crowded' })
    const { listener, ticket } = await listen()
    await arm(ticket, 'crowded', 0)
    const { listeners } = store
    const times = { nowMs: Date.now(), expiresMs: Date.now() + 3_600_000 }
    await Promise.all(
      Array.from({ length: LISTENERS_PER_PARTITION_MAX }, (_, index) =>
        listeners.arm(`nobody-${index}`, [{ topicId, partition: 0 }], times),
      ),
    )
    await produce('crowded', 0)
    const { partitions, forMs } = await listener.hears('poll', 60_000)
    expect([partitions, forMs]).toEqual([[{ topicId, partition: 0 }], POLL_TOLD_MS])
    expect((await arm(ticket, 'crowded', 0)).waking?.armed).toEqual([0])
  })

  test('has a consumer of the SDK handle what comes, without long polls', { timeout: 120_000 }, async () => {
    const topic = 'sdk'
    await broker.createTopic({ topic, partitions: 4 })
    const consumer = new Tidemark({ broker }).consumer({ groupId: 'woken' })
    onTestFinished(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const handled: string[] = []
    await consumer.run({
      eachMessage: async ({ message }) => {
        handled.push(String(message.value))
      },
    })
    for (let round = 0; round < 5; round += 1) {
      for (let partition = 0; partition < 4; partition += 1)
        await produce(topic, partition, `${round}/${partition}`)
      await expect.poll(() => handled.length, { timeout: 30_000 }).toBe((round + 1) * 4)
    }
    expect(new Set(handled).size).toBe(20)
    const posts = (await functions.reportsOf('dispatch')).reduce(
      (sum, each) => sum + Number(each.posts ?? 0),
      0,
    )
    expect(posts).toBeGreaterThan(4)
  })
})
