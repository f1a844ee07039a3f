import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SelfManagedKafkaEvent } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Embedded, openEmbedded, openInMemory } from '../../../src/embedded/embedded.ts'
import type { KafkaEvent, TriggerHandler } from '../../../src/embedded/triggers/function-handler.ts'
import {
  type FunctionTrigger,
  type RunningTriggers,
  runTriggers,
} from '../../../src/embedded/triggers/run-triggers.ts'
import type { TriggerNews } from '../../../src/embedded/triggers/trigger-news.ts'
import { batchOf } from '../../broker/harness.ts'

let embedded: Embedded
const news: TriggerNews[] = []

beforeEach(() => {
  embedded = openInMemory()
  news.length = 0
})
afterEach(() => embedded.close())

function start(...triggers: FunctionTrigger[]): Promise<RunningTriggers> {
  return runTriggers(embedded, triggers, { report: each => void news.push(each) })
}

/** However slow the machine is. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 30_000 })

async function produce(topic: string, values: string[], partition = 0): Promise<void> {
  await embedded.broker.produce({ topic, partition, batches: batchOf(values) })
}

const recordsIn = ({ records }: KafkaEvent) => Object.values(records).flat()
const valuesIn = (event: KafkaEvent) =>
  recordsIn(event).map(({ value }) => Buffer.from(value!, 'base64').toString())

/** Keeps what it gets, by partition. */
function collector() {
  const seen: Record<string, string[]> = {}
  const handler: TriggerHandler = async event => {
    for (const key of Object.keys(event.records)) seen[key] = [...(seen[key] ?? []), ...valuesIn(event)]
  }
  return { seen, handler }
}

async function lagOf(groupId: string, topic: string): Promise<number> {
  const [committed, { offsets }] = [
    await embedded.broker.fetchOffsets({ groupId, topics: [topic] }),
    await embedded.broker.describeTopic(topic),
  ]
  const at = new Map(committed.map(({ partition, offset }) => [partition, offset as number]))
  return offsets.reduce((sum, { partition, endOffset }) => sum + endOffset - (at.get(partition) ?? 0), 0)
}

describe('functions of this process', () => {
  test('get what was there, and what comes, in order', async () => {
    await embedded.broker.createTopic({ topic: 'tides', partitions: 2 })
    await produce('tides', ['ebb', 'flow'])
    const { seen, handler } = collector()
    await start({ topic: 'tides', groupId: 'harbour', handler })
    await eventually(() => seen).toEqual({ 'tides-0': ['ebb', 'flow'] })
    await produce('tides', ['spring'])
    await produce('tides', ['neap'], 1)
    await eventually(() => seen).toEqual({ 'tides-0': ['ebb', 'flow', 'spring'], 'tides-1': ['neap'] })
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
  })

  test('are written with the types of AWS', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const offsets: number[] = []
    const handler = async (event: SelfManagedKafkaEvent) => {
      for (const { offset } of event.records['tides-0'] ?? []) offsets.push(offset)
    }
    await start({ topic: 'tides', groupId: 'harbour', handler })
    await produce('tides', ['ebb', 'flow'])
    await eventually(() => offsets).toEqual([0, 1])
  })

  test('answer through a callback, too', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    let calls = 0
    const handler: TriggerHandler = (event, { getRemainingTimeInMillis, awsRequestId }, callback) => {
      expect(getRemainingTimeInMillis()).toBeGreaterThan(1_000)
      expect(awsRequestId).toMatch(/^[0-9a-f-]{36}$/)
      calls += 1
      const { offset } = recordsIn(event)[0]!
      const batchItemFailures =
        calls === 1 ? [{ itemIdentifier: { topic: 'tides', partition: 0, offset } }] : []
      setImmediate(() => callback(calls === 2 ? new Error('once more') : null, { batchItemFailures }))
    }
    await start({ topic: 'tides', groupId: 'harbour', handler, reportBatchItemFailures: true })
    await produce('tides', ['ebb'])
    await eventually(() => calls).toBe(3)
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    const outcomes = news.flatMap(each => (each.kind === 'called' ? [each.outcome.kind] : []))
    expect(outcomes).toEqual(['answered', 'failed', 'answered'])
  })

  test('that take too long have failed', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    await start({
      topic: 'tides',
      groupId: 'harbour',
      handler: () => new Promise(() => {}),
      callTimeoutMs: 20,
      retryAttempts: 0,
    })
    await produce('tides', ['ebb'])
    await eventually(() => news.some(({ kind }) => kind === 'given-up')).toBe(true)
    const called = news.find(each => each.kind === 'called')
    expect(called?.outcome).toMatchObject({
      kind: 'failed',
      error: expect.stringContaining('after 0.02 seconds'),
    })
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
  })

  test('partitions that share a lane wait for each other', async () => {
    await embedded.broker.createTopic({ topic: 'tides', partitions: 4 })
    for (let partition = 0; partition < 4; partition += 1) await produce('tides', ['ebb'], partition)
    let underWay = 0
    let most = 0
    let calls = 0
    const handler = async () => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise(resolve => setTimeout(resolve, 20))
      underWay -= 1
      calls += 1
    }
    await start({ topic: 'tides', groupId: 'harbour', handler, parallelism: 2 })
    await eventually(() => calls).toBe(4)
    expect(most).toBe(2)
  })

  test('partitions that come later are delivered from their first record', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    await produce('tides', ['ebb'])
    const { seen, handler } = collector()
    await start({ topic: 'tides', groupId: 'harbour', handler, startingPosition: 'latest' })
    await embedded.broker.alterTopic({ topic: 'tides', partitions: 2 })
    await produce('tides', ['neap'], 1)
    await eventually(() => seen).toEqual({ 'tides-1': ['neap'] })
  })

  test('a topic that is made anew is delivered from its start', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    await produce('tides', ['ebb', 'flow'])
    const { seen, handler } = collector()
    await start({ topic: 'tides', groupId: 'harbour', handler })
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    await embedded.broker.deleteTopic('tides')
    await eventually(() => news.filter(({ kind }) => kind === 'topic')).toHaveLength(1)
    await embedded.broker.createTopic({ topic: 'tides' })
    await produce('tides', ['spring'])
    await eventually(() => seen).toEqual({ 'tides-0': ['ebb', 'flow', 'spring'] })
  })

  test('go on behind records that were deleted before they were delivered', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    await produce('tides', ['ebb', 'flow'])
    await embedded.broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: 2 as never })
    const { seen, handler } = collector()
    await start({ topic: 'tides', groupId: 'harbour', handler })
    await produce('tides', ['spring'])
    await eventually(() => seen).toEqual({ 'tides-0': ['spring'] })
    expect(news.filter(({ kind }) => kind === 'trouble')).toEqual([])
  })

  test('pause, move the group, resume', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const name = { groupId: 'harbour', topic: 'tides' }
    const { seen, handler } = collector()
    await start({ ...name, handler })
    await produce('tides', ['ebb'])
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    await embedded.broker.pauseTrigger(name)
    await produce('tides', ['flow'])
    await embedded.broker.commitOffsets({
      groupId: 'harbour',
      offsets: [{ topic: 'tides', partition: 0, offset: 0 as never }],
    })
    expect(seen).toEqual({ 'tides-0': ['ebb'] })
    await embedded.broker.resumeTrigger(name)
    await eventually(() => seen).toEqual({ 'tides-0': ['ebb', 'ebb', 'flow'] })
  })
})

describe('what is given up', () => {
  const repaired: string[] = []
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-triggers-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const poisoned: TriggerHandler = event => {
    if (valuesIn(event).includes('poison')) throw new TypeError('I cannot')
  }

  test('is put into a topic, and the partition goes on', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    await embedded.broker.createTopic({ topic: 'failed' })
    await produce('tides', ['ebb', 'poison', 'flow'])
    await start(
      {
        topic: 'tides',
        groupId: 'harbour',
        handler: poisoned,
        bisectBatchOnError: true,
        retryAttempts: 0,
        onFailure: 'tidemark://failed',
      },
      { topic: 'failed', groupId: 'repairs', handler: async event => void repaired.push(...valuesIn(event)) },
    )
    await eventually(() => repaired).toEqual(['poison'])
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    expect(news).toContainEqual({
      kind: 'given-up',
      groupId: 'harbour',
      topic: 'tides',
      partition: 0,
      records: 1,
      destination: 'tidemark://failed',
    })
  })

  test('is appended to a file', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const path = join(directory, 'failed.jsonl')
    await start({
      topic: 'tides',
      groupId: 'harbour',
      handler: poisoned,
      batchSize: 1,
      retryAttempts: 0,
      onFailure: `file:${path}`,
    })
    await produce('tides', ['ebb', 'poison'])
    await produce('tides', ['poison', 'flow'])
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const reports = lines.map(line => JSON.parse(line))
    expect(reports.map(({ payload }) => valuesIn(JSON.parse(payload)))).toEqual([['poison'], ['poison']])
    expect(reports[0].requestContext.condition).toBe('RetryAttemptsExhausted')
  })

  test('cannot be told elsewhere from here', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const onFailure = 'arn:aws:sqs:eu-west-1:123456789012:failed'
    const trigger = { topic: 'tides', groupId: 'harbour', handler: poisoned, onFailure }
    await expect(start(trigger)).rejects.toMatchObject({ kafkaName: 'INVALID_REQUEST' })
    expect(await embedded.broker.listTriggers()).toEqual([])
  })
})

describe('an end', () => {
  test('waits for the call under way, commits, and leaves no trigger', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const begun = Promise.withResolvers<void>()
    const may = Promise.withResolvers<void>()
    let calls = 0
    const running = await start({
      topic: 'tides',
      groupId: 'harbour',
      batchSize: 1,
      handler: async () => {
        calls += 1
        begun.resolve()
        await may.promise
      },
    })
    await produce('tides', ['ebb', 'flow'])
    await begun.promise
    const stopped = running.stop()
    may.resolve()
    await stopped
    expect(calls).toBe(1)
    expect(await lagOf('harbour', 'tides')).toBe(1)
    expect(await embedded.broker.listTriggers()).toEqual([])
  })

  test('comes with that of the broker', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-triggers-'))
    const first = await openEmbedded({ directory })
    await first.broker.createTopic({ topic: 'tides' })
    const { handler } = collector()
    await runTriggers(first, [{ topic: 'tides', groupId: 'harbour', handler }])
    await first.close()
    const second = await openEmbedded({ directory })
    expect(await second.broker.listTriggers()).toEqual([])
    await second.close()
    await rm(directory, { recursive: true, force: true })
  })

  test('of two that start at the same moment at most one delivers', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const [one, other] = [collector(), collector()]
    await Promise.allSettled(
      [one, other].map(({ handler }) => start({ topic: 'tides', groupId: 'harbour', handler })),
    )
    await produce('tides', ['ebb'])
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    expect([...Object.values(one.seen), ...Object.values(other.seen)]).toEqual([['ebb']])
  })

  test('whoever starts later takes a trigger over', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const [first, second] = [collector(), collector()]
    const earlier = await start({ topic: 'tides', groupId: 'harbour', handler: first.handler })
    await produce('tides', ['ebb'])
    await eventually(() => lagOf('harbour', 'tides')).toBe(0)
    await start({ topic: 'tides', groupId: 'harbour', handler: second.handler })
    await produce('tides', ['flow'])
    await eventually(() => second.seen).toEqual({ 'tides-0': ['flow'] })
    await eventually(() => news.some(({ kind }) => kind === 'taken-over')).toBe(true)
    expect(first.seen).toEqual({ 'tides-0': ['ebb'] })
    await earlier.stop()
    expect(await embedded.broker.listTriggers()).toHaveLength(1)
  })
})

describe('refused', () => {
  test('two triggers of one group on one topic', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const { handler } = collector()
    const trigger = { topic: 'tides', groupId: 'harbour', handler }
    await expect(start(trigger, trigger)).rejects.toThrow('give each a group of its own')
  })

  test('a topic that is not there: and then none of them is left', async () => {
    await embedded.broker.createTopic({ topic: 'tides' })
    const { handler } = collector()
    const triggers = [
      { topic: 'tides', groupId: 'harbour', handler },
      { topic: 'waves', groupId: 'harbour', handler },
    ]
    await expect(start(...triggers)).rejects.toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(await embedded.broker.listTriggers()).toEqual([])
  })

  test('a broker that was not opened here', async () => {
    await expect(runTriggers({ ...embedded }, [])).rejects.toThrow('openEmbedded')
  })
})
