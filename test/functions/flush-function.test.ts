import type { DynamoDBStreamEvent, ScheduledEvent } from 'aws-lambda'
import { beforeEach, describe, expect, test } from 'vitest'
import { makeFlushFunction } from '../../functions/flush/flush-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import { settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { firstIngest, type Ingest } from '../../src/core/ingest/ingest.ts'
import { MAKING_LEFT_MS, ROUND_INTERVAL_MS, ROUND_LATE_MS } from '../../src/core/limits.ts'
import type { Head } from '../../src/core/log/head.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { HEAD_KEY, logKey } from '../../src/core/storage-layout.ts'
import { TRANSACTION_STATE_KEY, transactionKey } from '../../src/core/storage-transactions.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import { systemClock } from '../../src/embedded/system.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import { NotApplied, StoreFailed } from '../../src/ports/outcome.ts'
import { contextOf, openTestService, RecordedWakes, type TestService } from './function-service.ts'

let index: LogIndex
let service: TestService
let broker: LogBroker
let topicId: string
let wakes: RecordedWakes

beforeEach(async () => {
  index = openMemoryStore(systemClock).index
  service = openTestService({ index })
  wakes = new RecordedWakes()
  broker = openBroker(service)
  topicId = (await broker.createTopic({ topic: 'tides', partitions: 3 })).topicId
})

const flushFunction = (of: TestService = service, settings = settlingSettings()) =>
  makeFlushFunction(of, settings, wakes)

async function produceTo(partition: number, topic = 'tides'): Promise<void> {
  const batches = encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: Date.now() })
  await broker.produce({ topic, partition, batches })
}

/** As the developer guide of DynamoDB shows stream records of the view KEYS_ONLY. */
function streamEvent(...keys: readonly [string, string][]): DynamoDBStreamEvent {
  return {
    Records: keys.map(([pk, sk], nth) => ({
      eventID: `7de3041dd709b024af6f29e4fa13d34c${nth}`,
      eventName: 'MODIFY',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'eu-central-1',
      dynamodb: {
        ApproximateCreationDateTime: 1479499740,
        Keys: { pk: { S: pk }, sk: { S: sk } },
        SequenceNumber: `1346150000000001709713700${nth}`,
        SizeBytes: 112,
        StreamViewType: 'KEYS_ONLY',
      },
      eventSourceARN:
        'arn:aws:dynamodb:eu-central-1:123456789012:table/Tidemark/stream/2016-11-16T20:42:48.104',
    })),
  }
}

function headOf(partition: number): [string, string] {
  return [logKey({ topicId, partition }), HEAD_KEY]
}

/** As EventBridge sends for a rule with a rate. */
const SCHEDULED_EVENT: ScheduledEvent = {
  id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
  version: '0',
  account: '123456789012',
  time: '2015-10-08T16:53:06Z',
  region: 'us-east-1',
  resources: ['arn:aws:events:us-east-1:123456789012:rule/flush'],
  source: 'aws.events',
  'detail-type': 'Scheduled Event',
  detail: {},
}

async function readHead(partition: number): Promise<Head> {
  return (await index.readHead({ topicId, partition }))!
}

async function inlineEntries(partition: number): Promise<number> {
  return (await readHead(partition)).tail.filter(({ place }) => place.kind === 'inline').length
}

async function objectCount(): Promise<number> {
  let objects = 0
  for await (const _ of service.ports.objects.list()) objects += 1
  return objects
}

/** Makes one partition's head behave otherwise. */
function failReading(broken: PartitionId['partition'], error: Error): void {
  const readHead = index.readHead.bind(index)
  index.readHead = async partition => {
    if (partition.partition === broken) throw error
    return await readHead(partition)
  }
}

describe('a batch of the stream', () => {
  test('moves the inline bytes of all partitions that it names into one object', async () => {
    for (const partition of [0, 0, 1, 2]) await produceTo(partition)
    await flushFunction()(streamEvent(headOf(0), headOf(1), headOf(0)), contextOf())
    expect(await Promise.all([0, 1, 2].map(inlineEntries))).toEqual([0, 0, 1])
    expect(await objectCount()).toBe(1)
    expect(service.telemetry.sum('FlushedPartitions')).toBe(2)
    expect(service.telemetry.sum('FlushFailures')).toBe(0)
  })

  test('that comes again changes nothing', async () => {
    await produceTo(0)
    const flush = flushFunction()
    await flush(streamEvent(headOf(0)), contextOf())
    const before = await readHead(0)
    await flush(streamEvent(headOf(0)), contextOf())
    expect(await readHead(0)).toEqual(before)
    expect(await objectCount()).toBe(1)
  })

  test('that is out of date is no error: the heads decide', async () => {
    await produceTo(0)
    const gone = (await broker.createTopic({ topic: 'gone' })).topicId
    await broker.deleteTopic('gone')
    const removed = streamEvent([logKey({ topicId: gone, partition: 0 }), HEAD_KEY], headOf(0))
    removed.Records[0]!.eventName = 'REMOVE'
    await flushFunction()(removed, contextOf())
    expect(await inlineEntries(0)).toBe(0)
    expect(service.telemetry.logged).toEqual([])
  })

  test('is not misled by topics, groups and ids of those names, nor by what applications put into outboxes', async () => {
    const lists = ['topics', 'groups', 'transactions', 'group#workers', 'outbox#a#0']
    const named = lists.flatMap((key): [string, string][] => [
      [key, HEAD_KEY],
      [key, TRANSACTION_STATE_KEY],
    ])
    const billing = transactionKey('billing')
    await flushFunction()(streamEvent(...named, [billing, TRANSACTION_STATE_KEY]), contextOf())
    expect(wakes.calls.map(({ transactions }) => transactions)).toEqual([[billing]])
    expect(service.telemetry.sum('UnknownStreamRecords')).toBe(0)
    expect(service.telemetry.logged).toEqual([])
  })

  test('passes over what it does not know, and says so', async () => {
    await produceTo(0)
    const event = streamEvent(
      ['log#nonsense', HEAD_KEY],
      headOf(0),
      ['topics', 'tides'],
      [logKey({ topicId, partition: 0 }), 'block#0000000000000000'],
    )
    const poison = [...event.Records, {}, null, { dynamodb: { Keys: { pk: { N: '7' } } } }]
    await flushFunction()({ Records: poison }, contextOf())
    expect(await inlineEntries(0)).toBe(0)
    // Blocks and topics are known, and are nothing to flush.
    expect(service.telemetry.sum('UnknownStreamRecords')).toBe(4)
    expect(service.telemetry.logged.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn', 'warn'])
  })

  test('is not held up by a partition that is damaged', async () => {
    for (const partition of [0, 1]) await produceTo(partition)
    failReading(0, new RangeError('the head is damaged'))
    await flushFunction()(streamEvent(headOf(0), headOf(1)), contextOf())
    expect(await inlineEntries(1)).toBe(0)
    expect(service.telemetry.sum('FlushFailures')).toBe(1)
    expect(service.telemetry.logged).toMatchObject([{ level: 'error', details: { topicId, partition: 0 } }])
  })

  test('is not held up by a store that refuses for good', async () => {
    for (const partition of [0, 1]) await produceTo(partition)
    failReading(0, new StoreFailed('access denied'))
    await flushFunction()(streamEvent(headOf(0), headOf(1)), contextOf())
    expect(await inlineEntries(1)).toBe(0)
    expect(service.telemetry.sum('FlushFailures')).toBe(1)
  })

  test('comes again where the store could not do it now, once the others are done', async () => {
    for (const partition of [0, 1]) await produceTo(partition)
    failReading(0, new NotApplied('throttled'))
    const flushing = flushFunction()(streamEvent(headOf(0), headOf(1)), contextOf(8_500))
    await expect(flushing).rejects.toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' })
    expect(await inlineEntries(1)).toBe(0)
    expect(service.telemetry.sum('FlushFailures')).toBe(1)
  })

  test('of which one head is slow flushes the others all the same', async () => {
    const clock = new VirtualClock(Date.now())
    const read = service.ports.index.readHead
    for (const partition of [0, 1]) await produceTo(partition)
    service.ports.index.readHead = async partition => {
      if (partition.partition === 0) await clock.sleep(60_000)
      return await read(partition)
    }
    const slow = { ...service, ports: { ...service.ports, clock } }
    let isOver = false
    const flushed = flushFunction(slow)(streamEvent(headOf(0), headOf(1)), contextOf()).finally(() => {
      isOver = true
    })
    await Promise.all([
      expect(flushed).rejects.toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' }),
      clock.runUntil(() => isOver),
    ])
    service.ports.index.readHead = read
    expect(await inlineEntries(1)).toBe(0)
  })

  test('takes a partition up again of which somebody else has flushed a part', async () => {
    for (let count = 0; count < 3; count += 1) await produceTo(0)
    const putBlock = index.putBlock.bind(index)
    let isFirst = true
    index.putBlock = async (partition, block) => {
      if (!isFirst) return await putBlock(partition, block)
      isFirst = false
      // Another's block of the first entry only stands there already.
      const [entry] = block.entries
      return await putBlock(partition, { ...block, entries: [entry!] })
    }
    await flushFunction()(streamEvent(headOf(0)), contextOf())
    expect(await inlineEntries(0)).toBe(0)
  })

  test('of more partitions than share an object is flushed in several', async () => {
    const { topicId: wide } = await broker.createTopic({ topic: 'wide', partitions: 300 })
    // One by one, so that no commit is so large that it makes an object of its own.
    for (let partition = 0; partition < 300; partition += 1) await produceTo(partition, 'wide')
    const keys = Array.from({ length: 300 }, (_, partition): [string, string] => [
      logKey({ topicId: wide, partition }),
      HEAD_KEY,
    ])
    const before = await objectCount()
    await flushFunction()(streamEvent(...keys), contextOf())
    expect(service.telemetry.sum('FlushedPartitions')).toBe(300)
    expect((await objectCount()) - before).toBe(2)
  })
})

describe('the schedule', () => {
  test('flushes what is past its age, and nothing younger', async () => {
    await broker.createTopic({ topic: 'patient', configs: { 'flush.ms': '60000' } })
    await broker.createTopic({ topic: 'hasty', configs: { 'flush.ms': '1' } })
    await produceTo(0, 'patient')
    await produceTo(0, 'hasty')
    await new Promise(resolve => setTimeout(resolve, 5))
    await flushFunction()(SCHEDULED_EVENT, contextOf())
    const inline = async (topic: string) => {
      const head = await index.readHead({
        topicId: (await broker.describeTopic(topic)).topicId,
        partition: 0,
      })
      return head!.tail.filter(({ place }) => place.kind === 'inline').length
    }
    expect([await inline('patient'), await inline('hasty')]).toEqual([1, 0])
    expect(service.telemetry.sum('UnfinishedScans')).toBe(0)
    expect(service.telemetry.reports.at(-1)?.details).toMatchObject({ trigger: 'schedule' })
  })

  test('says when it did not get through', async () => {
    await flushFunction()(SCHEDULED_EVENT, contextOf(3_000))
    expect(service.telemetry.sum('UnfinishedScans')).toBe(1)
    expect(service.telemetry.logged).toMatchObject([{ level: 'warn' }])
  })

  test('makes up for a deletion that a crash left half done', async () => {
    const item = (await service.ports.topics.get('tides'))!
    await service.ports.topics.put({ ...item, state: 'deleting', version: 'later' }, item.version)
    await flushFunction()(SCHEDULED_EVENT, contextOf())
    expect(await service.ports.topics.get('tides')).toBeUndefined()
    expect(await index.readHead({ topicId, partition: 0 })).toBeUndefined()
  })

  test('takes away a topic that is there again after its deletion, and leaves the others', async () => {
    const item = (await service.ports.topics.get('tides'))!
    await openBroker(service).createTopic({ topic: 'other' })
    await openBroker(service).deleteTopic('tides')
    // What made it comes once more.
    await service.ports.topics.put(item, undefined)
    await flushFunction()(SCHEDULED_EVENT, contextOf())
    expect(await service.ports.topics.get('tides')).toBeUndefined()
    expect(await service.ports.topics.get('other')).toMatchObject({ state: 'live' })
  })

  test('takes back a topic whose making broke off, once that is some time ago', async () => {
    const made = (await service.ports.topics.get('tides'))!
    const making = (name: string, createdMs: number) =>
      service.ports.topics.put({ ...made, name, topicId: name, createdMs, state: 'making' }, undefined)
    await making('young', Date.now())
    await making('left', Date.now() - MAKING_LEFT_MS)
    await flushFunction()(SCHEDULED_EVENT, contextOf())
    expect(await service.ports.topics.get('young')).toMatchObject({ state: 'making' })
    expect(await service.ports.topics.get('left')).toBeUndefined()
  })

  test('fails where topics cannot be listed now', async () => {
    service.ports.topics.list = async function* () {
      yield* []
      throw new NotApplied('throttled')
    }
    await expect(flushFunction()(SCHEDULED_EVENT, contextOf())).rejects.toThrow('throttled')
    expect(service.telemetry.sum('FlushFailures')).toBe(1)
  })
})

describe('whoever maintains the store is called', () => {
  /** Rolled with the first byte. */
  const eager = settlingSettings({ rollBytes: 1 })
  const partitionsCalledFor = () =>
    wakes.calls
      .flatMap(({ partitions }) => (partitions === 'all' ? [] : partitions))
      .map(({ partition }) => partition)

  test('for the partitions whose heads say that something is due, at most once a minute', async () => {
    for (const partition of [0, 1, 2]) await produceTo(partition)
    const flush = flushFunction(service, eager)
    await flush(streamEvent(headOf(0), headOf(1)), contextOf())
    expect(partitionsCalledFor().toSorted()).toEqual([0, 1])
    expect(wakes.calls.every(({ upkeep }) => !upkeep)).toBe(true)
    await flush(streamEvent(headOf(2)), contextOf())
    expect(partitionsCalledFor().toSorted()).toEqual([0, 1])
    expect(service.telemetry.reports.map(({ details }) => details!.woken)).toEqual([2, 0])
  })

  test('for what an environment before has kept to itself, by the schedule', async () => {
    for (const partition of [0, 1]) await produceTo(partition)
    await flushFunction(service, eager)(streamEvent(headOf(0)), contextOf())
    await flushFunction(service, eager)(SCHEDULED_EVENT, contextOf())
    expect(new Set(partitionsCalledFor())).toEqual(new Set([0]))
    await flushFunction(service, eager)(streamEvent(headOf(1)), contextOf())
    expect(new Set(partitionsCalledFor())).toEqual(new Set([0, 1]))
  })

  test('for nothing where little has been written', async () => {
    await produceTo(0)
    await flushFunction()(streamEvent(headOf(0)), contextOf())
    expect(wakes.calls).toEqual([])
  })

  test("by a topic's own segment.bytes", async () => {
    const small = await broker.createTopic({ topic: 'small', configs: { 'segment.bytes': '14' } })
    await produceTo(0, 'small')
    await produceTo(0)
    const key = logKey({ topicId: small.topicId, partition: 0 })
    await flushFunction()(streamEvent([key, HEAD_KEY], headOf(0)), contextOf())
    expect(wakes.calls).toMatchObject([{ partitions: [{ topicId: small.topicId, partition: 0 }] }])
  })

  test('for records that were deleted: their log has a new start', async () => {
    await produceTo(0)
    await flushFunction()(streamEvent(headOf(0)), contextOf())
    await broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(1) })
    await flushFunction()(streamEvent(headOf(0)), contextOf())
    expect(partitionsCalledFor()).toEqual([0])
  })

  test('and where that fails the batch is done all the same, and the failure is told', async () => {
    await produceTo(0)
    wakes.wake = async () => {
      throw new StoreFailed('access denied')
    }
    await flushFunction(service, eager)(streamEvent(headOf(0)), contextOf())
    expect(await inlineEntries(0)).toBe(0)
    expect(service.telemetry.sum('SettlingFailures')).toBe(1)
    expect(service.telemetry.sum('FlushFailures')).toBe(0)
    expect(service.telemetry.logged).toMatchObject([{ level: 'error' }])
  })

  describe('by the schedule,', () => {
    const nowMs = Date.now()
    const lanes = () => wakes.calls.map(({ lane, partitions, upkeep }) => [lane, partitions, upkeep])
    const everything = [
      [0, 'all', true],
      [1, 'all', false],
      [2, 'all', false],
      [3, 'all', false],
    ]

    async function look(ingest?: Partial<Ingest>): Promise<void> {
      const first = { ...firstIngest(nowMs, 'first'), roundMs: nowMs, ...ingest }
      if (ingest) await service.ports.upkeep.putIngest(first, undefined)
      await flushFunction()(SCHEDULED_EVENT, contextOf())
    }

    test('for nothing in a store without records', async () => {
      await look()
      expect(wakes.calls).toEqual([])
    })

    test('for the first epoch of a store that has records', async () => {
      await produceTo(0)
      await look()
      expect(lanes()).toEqual([[0, [], true]])
    })

    test.each<[string, Partial<Ingest>]>([
      ['an epoch that is old', { advancedMs: nowMs - 3_600_000 }],
      ['a round that is under way', { cursor: 'a' }],
      ['objects that are to be deleted', { drained: 1, drainedMs: nowMs - 86_400_000 * 2 }],
    ])('for %s', async (_, ingest) => {
      await look(ingest)
      expect(lanes()).toEqual([[0, [], true]])
    })

    test('for notes that are old enough, and for no younger ones', async () => {
      const { upkeep } = service.ports
      const note = (notedMs: number) =>
        ({ kind: 'dead', key: 'log/a/0/1', notedMs, looks: 1, id: '00000000' }) as const
      await upkeep.putNote(note(nowMs - 60_000))
      await look({})
      expect(wakes.calls).toEqual([])
      await upkeep.putNote(note(nowMs - 86_400_000 * 2))
      await look()
      expect(lanes()).toEqual([[0, [], true]])
    })

    test('for topics that were deleted, once their time has come', async () => {
      const note = { kind: 'topic', topicId: 'a', name: 'a', partitions: 1, sweeps: 0 } as const
      await service.ports.upkeep.putNote({ ...note, notedMs: nowMs - 60_000 })
      await look({})
      expect(wakes.calls).toEqual([])
      await service.ports.upkeep.putNote({ ...note, notedMs: nowMs - 86_400_000 * 2 })
      await look()
      expect(lanes()).toEqual([[0, [], true]])
    })

    test('once a day for everything', async () => {
      await look({ roundMs: nowMs - ROUND_INTERVAL_MS })
      expect(lanes()).toEqual(everything)
      expect(service.telemetry.sum('SettlingFailures')).toBe(0)
    })

    test('and it is told where nobody has done so for days', async () => {
      await look({ roundMs: nowMs - ROUND_LATE_MS - 1 })
      expect(lanes()).toEqual(everything)
      expect(service.telemetry.sum('SettlingFailures')).toBe(1)
    })

    test('for nothing while nothing is written', async () => {
      // All epochs that may begin ahead of the last one with objects have begun.
      await look({
        epoch: 4,
        written: 1,
        advancedMs: nowMs - 40 * 86_400_000,
        floor: 2,
        drained: 2,
        swept: 2,
      })
      expect(wakes.calls).toEqual([])
    })
  })
})
