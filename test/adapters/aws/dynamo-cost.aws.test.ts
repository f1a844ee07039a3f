import { type AttributeValue, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { headItemKey } from '../../../src/adapters/aws/items/head.ts'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../../../src/adapters/aws/table/dynamo-topic-store.ts'
import { dynamoUpkeepStore } from '../../../src/adapters/aws/table/dynamo-upkeep-store.ts'
import { countTableWrites, UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { cutBeside } from '../../../src/broker/producing/cut-beside.ts'
import type { Note } from '../../../src/core/garbage.ts'
import {
  BLOCK_ENTRIES_MAX,
  INLINE_BYTES_MAX,
  PRODUCERS_RETIRED_MAX,
  TABLE_ITEM_BYTES_MAX,
  TAIL_ENTRIES_SOFT_MAX,
} from '../../../src/core/limits.ts'
import type { Block } from '../../../src/core/log/block.ts'
import type { IndexEntry, ObjectPlace } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { foldProducers } from '../../../src/core/log/producers/fold-producers.ts'
import { encodeSettled, type Settled } from '../../../src/core/log/settled/settled.ts'
import { makeBlock } from '../../../src/core/log/tail.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { systemClock } from '../../../src/embedded/system.ts'
import type { Ports } from '../../../src/ports/index.ts'
import type { LogIndex } from '../../../src/ports/log-index.ts'
import { NoRoom } from '../../../src/ports/outcome.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import type { UpkeepStore } from '../../../src/ports/upkeep-store.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'
import {
  everyEntry,
  fillBlocks,
  freshId,
  freshPartition,
  inlineEntry,
  looseBlock,
  NOTHING_MOVED,
  objectEntry,
} from '../../conformance/samples.ts'
import { segmentOf } from '../../conformance/settled-log.ts'

const KiB = 1024
const ZERO = toOffset(0)
const FAR = 987_654_321_987
/** Of a log that is compacted, and has come far. */
const SETTLED_FAR: Settled = {
  firstOffset: toOffset(FAR - 90_000_000_000),
  mergedOffset: toOffset(FAR - 300_000_000),
  settledOffset: toOffset(FAR - 1_000_000),
  generation: 3_000,
  cleaning: 3_001,
  resumes: 3_000,
  cleaningTo: toOffset(FAR - 2_000_000),
  cleaningClean: toOffset(FAR - 2_000_000),
  cleanOffset: toOffset(FAR - 3_000_000),
  rules: 12,
  segmentSum: 2 ** 44,
  bytes: 2 ** 40,
  loggedBytes: FAR,
  settledMs: 1_763_769_600_123,
  mergedMaxMs: 1_763_769_500_123,
}

/** DynamoDB's own rules for the size of an item, in bytes. */
function itemBytes(item: Record<string, AttributeValue>): number {
  const parts = Object.entries(item).map(([name, value]) => Buffer.byteLength(name) + valueBytes(value))
  return parts.reduce((sum, bytes) => sum + bytes, 0)
}

function valueBytes({ S, N, B, L, M }: AttributeValue): number {
  if (S !== undefined) return Buffer.byteLength(S)
  if (B !== undefined) return B.length
  // Two digits a byte, and one byte more; another one for a sign.
  if (N !== undefined) return Math.ceil(N.replace(/^-|0+$/g, '').length / 2) + 1 + Number(N.startsWith('-'))
  if (L !== undefined) return L.reduce((sum, value) => sum + valueBytes(value) + 1, 3)
  if (M !== undefined) return itemBytes(M) + Object.keys(M).length + 3
  throw new Error('a value of this type is not used')
}

describeDynamoDbLocal('what the index asks of DynamoDB:', () => {
  const meter = new UsageMeter()
  let clients: ReturnType<typeof makeTableClients>
  let index: LogIndex
  let topics: TopicStore
  let upkeep: UpkeepStore
  let table: Awaited<ReturnType<typeof createTestTable>>

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    table = await createTestTable(endpoint)
    clients = makeTableClients({ endpoint, meter })
    const dynamo = new DynamoTable(clients, table.table, PATIENT)
    index = dynamoLogIndex(dynamo)
    topics = dynamoTopicStore(dynamo)
    upkeep = dynamoUpkeepStore(dynamo)
  })
  afterAll(async () => {
    clients.close()
    await table.remove()
  })
  beforeEach(() => meter.reset())

  async function madePartition(): Promise<PartitionId> {
    const partition = freshPartition()
    await index.createHead(partition, 0)
    meter.reset()
    return partition
  }

  async function appended(partition: PartitionId, entry: IndexEntry): Promise<Head> {
    const newcomers = new Set(entry.producers.map(({ producerId }) => producerId))
    const outcome = await index.append(partition, entry, ZERO, newcomers)
    if (outcome.kind !== 'appended') throw new Error(`the append was ${outcome.kind}`)
    return outcome.head
  }

  async function storedItem(partition: PartitionId): Promise<Record<string, AttributeValue>> {
    const Key = headItemKey(partition)
    const command = new GetItemCommand({ TableName: table.table, Key, ConsistentRead: true })
    return (await clients.once.send(command)).Item!
  }

  /** How many requests there were, by operation. */
  function requests(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(meter.usage()).map(([name, { requests: count }]) => [name, count]),
    )
  }

  /** A block of about so many bytes: an entry carries a place in its run for every few of them. */
  function largeBlock(baseOffset: number, bytes: number): Block {
    const marks = Array.from({ length: Math.floor(bytes / 5) }, (_, mark) => ({
      span: mark + 1,
      bytes: (mark + 1) * 2 ** 22,
    }))
    const block = looseBlock(baseOffset, 10)
    return { ...block, entries: [{ ...block.entries[0]!, marks }] }
  }

  async function putLargeBlocks(partition: PartitionId, count: number, bytes: number): Promise<void> {
    for (let number = 0; number < count; number += 1) {
      await index.putBlock(partition, largeBlock(number * 10, bytes))
    }
  }

  test('one inline append is one UpdateItem of one unit, and nothing else', async () => {
    const partition = await madePartition()
    await appended(partition, inlineEntry(1))
    expect(requests()).toEqual({ UpdateItem: 1 })
    expect(meter.usage().UpdateItem).toMatchObject({ writeUnits: 1, readUnits: 0 })
    expect(countTableWrites(meter.usage())).toBe(1)
  })

  test('a lone writer of small records pays three units for two of them, and for no object', async () => {
    const partition = await madePartition()
    const ports = { index, clock: systemClock } as Ports
    const payload = new Uint8Array(270)
    let head = (await index.readHead(partition))!
    meter.reset()
    for (let number = 0; number < 20; number += 1) {
      const entry = inlineEntry(1, { bytes: payload.length, place: { kind: 'inline', payload } })
      const cut = await cutBeside(ports, partition, head, entry, systemClock.monotonicMs() + 10_000)
      const outcome = await index.append(partition, entry, head.nextOffset, undefined, cut)
      if (outcome.kind !== 'appended') throw new Error(`the append was ${outcome.kind}`)
      head = outcome.head
    }
    expect(requests()).toEqual({ UpdateItem: 20, PutItem: 9 })
    expect(meter.usage()).toMatchObject({ UpdateItem: { writeUnits: 20 }, PutItem: { writeUnits: 9 } })
    await everyEntry(index, partition)
  })

  test('the size of a head is told as DynamoDB counts it, or a little more', async () => {
    const partition = await madePartition()
    const head = await appended(partition, inlineEntry(1))
    const bytes = itemBytes(await storedItem(partition))
    const told = index.headCost!.bytesOf(partition, head)
    expect(told).toBeGreaterThanOrEqual(bytes)
    expect(told).toBeLessThan(bytes + 32)
  })

  test('an inline append pays for each started KB of the head', async () => {
    const partition = await madePartition()
    const payload = new Uint8Array(INLINE_BYTES_MAX)
    await appended(partition, inlineEntry(1, { bytes: payload.length, place: { kind: 'inline', payload } }))
    expect(meter.usage().UpdateItem).toMatchObject({ requests: 1, writeUnits: 5 })
  })

  test('a head with the entries of a whole tail, all in objects, is at most 1 KB: one unit', async () => {
    const topicId = freshPartition().topicId
    const partition = { topicId, partition: 9_999 }
    await index.createHead(partition, 0)
    await clients.once.send(
      new PutItemCommand({
        TableName: table.table,
        Item: {
          ...(await storedItem(partition)),
          // A log that has come far: twelve digits.
          ...Object.fromEntries(
            ['startOffset', 'tailOffset', 'nextOffset', 'flushedBytes'].map(name => [
              name,
              { N: '987654321987' },
            ]),
          ),
          flushedMaxMs: { N: '1763769600123' },
          // And of which all but the newest has settled, in the tenth year of the store's epochs.
          v: { N: '2' },
          appendFloor: { N: '87600' },
          drained: { N: '87600' },
          settled: { B: encodeSettled(SETTLED_FAR) },
        },
      }),
    )
    const seen = toOffset(987_654_321_987)
    for (let number = 0; number < TAIL_ENTRIES_SOFT_MAX; number += 1) {
      meter.reset()
      const entry = objectEntry(12_345, {
        bytes: 1_234_567,
        maxTimestampMs: 1_763_769_600_123,
        createdMs: 1_763_769_600_123,
      })
      const place = { ...(entry.place as ObjectPlace), epoch: 87_602 }
      expect(await index.append(partition, { ...entry, place }, seen)).toMatchObject({ kind: 'appended' })
    }
    const bytes = itemBytes(await storedItem(partition))
    console.log(`a head with ${TAIL_ENTRIES_SOFT_MAX} object entries has ${bytes} bytes`)
    expect(bytes).toBeLessThanOrEqual(KiB)
    expect(meter.usage().UpdateItem).toMatchObject({ requests: 1, writeUnits: 1 })
  })

  test('the floor is part of the append: an UpdateItem of one unit, held or refused', async () => {
    const partition = await madePartition()
    await index.raiseFloor(partition, 5)
    meter.reset()
    const ofEpoch = (epoch: number) => {
      const entry = objectEntry(1)
      return { ...entry, place: { ...(entry.place as ObjectPlace), epoch } }
    }
    await appended(partition, ofEpoch(5))
    expect(requests()).toEqual({ UpdateItem: 1 })
    expect(meter.usage().UpdateItem).toMatchObject({ writeUnits: 1, readUnits: 0 })
    meter.reset()
    expect(await index.append(partition, ofEpoch(4), ZERO)).toMatchObject({ kind: 'refused' })
    expect(requests()).toEqual({ UpdateItem: 1 })
  })

  test('an idle partition costs a round a read and a write, and one that is busy one write more', async () => {
    const partition = await madePartition()
    await appended(partition, objectEntry(1))
    meter.reset()
    const seen = (await index.readHead(partition))!
    expect(await index.raiseFloor(partition, 3, seen)).toMatchObject({ appendFloor: 3, drained: 3 })
    expect(requests()).toEqual({ GetItem: 1, UpdateItem: 1 })
    expect(countTableWrites(meter.usage())).toBe(1)
    await appended(partition, inlineEntry(1))
    meter.reset()
    expect(await index.raiseFloor(partition, 4, seen)).toMatchObject({ appendFloor: 4, drained: 3 })
    expect(await index.noteDrained(partition, 4)).toBe(true)
    expect(requests()).toEqual({ UpdateItem: 3 })
  })

  test('a roll is six writes at most', async () => {
    const partition = await madePartition()
    await fillBlocks(index, partition, 20)
    meter.reset()
    const note: Note = { kind: 'intent', key: 'log/tides', level: 'rolled', notedMs: 5 }
    await upkeep.putNote(note)
    const segment = await index.putSegment(partition, 'rolled', segmentOf(0, 20))
    const rolled = await index.rearrange(partition, { kind: 'settle', segment, nowMs: 6 })
    expect(rolled).toMatchObject({ moved: true, head: { settled: { settledOffset: 20 } } })
    await index.removeBlocksBelow(partition, toOffset(20))
    await upkeep.removeNote(note)
    expect(requests()).toEqual({
      PutItem: 2,
      GetItem: 1,
      UpdateItem: 1,
      Query: 1,
      BatchWriteItem: 1,
      DeleteItem: 1,
    })
    expect(await index.readBlocks(partition, ZERO, 5)).toEqual([])
  })

  test('a look at what a level holds is one Query for the last segment below, and one for what follows', async () => {
    const partition = await madePartition()
    for (const base of [0, 10, 20]) await index.putSegment(partition, 3, segmentOf(base, base + 10))
    meter.reset()
    expect(await index.readSegments(partition, 3, toOffset(15), 1)).toMatchObject([{ baseOffset: 10 }])
    expect(requests()).toEqual({ Query: 1 })
    expect(await index.readSegments(partition, 3, toOffset(15), 9)).toHaveLength(2)
    expect(requests()).toEqual({ Query: 3 })
    expect(meter.usage().Query).toMatchObject({ readUnits: 3 })
  })

  test('the units are those of the size by the rules, as the head grows', async () => {
    const partition = await madePartition()
    for (let number = 0; number < 60; number += 1) {
      meter.reset()
      await appended(partition, objectEntry(number + 1))
      const bytes = itemBytes(await storedItem(partition))
      // DynamoDB Local rounds numbers a little differently, so not just at a step.
      if (bytes % KiB < 16 || bytes % KiB > KiB - 16) continue
      expect(meter.usage().UpdateItem?.writeUnits).toBe(Math.ceil(bytes / KiB))
    }
  })

  test('sixteen writers make 800 commits in 800 writes, without a hole', async () => {
    const partition = await madePartition()
    const bases = new Map<number, number>()
    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        for (let commit = 0; commit < 50; commit += 1) {
          const entry = objectEntry(writer + 1)
          const head = await appended(partition, entry)
          bases.set(head.nextOffset - entry.span, entry.span)
        }
      }),
    )
    console.log(`DynamoDB writes per commit: ${countTableWrites(meter.usage()) / 800}`)
    expect(requests()).toEqual({ UpdateItem: 800 })
    let next = 0
    for (const [base, records] of [...bases].sort(([one], [other]) => one - other)) {
      expect(base).toBe(next)
      next = base + records
    }
    expect(bases.size).toBe(800)
    expect(await index.readHead(partition)).toMatchObject({ nextOffset: next })
    // DynamoDB Local searches 800 entries slowly.
  }, 180_000)

  test('a look at the tail is one GetItem, strongly consistent', async () => {
    const partition = await madePartition()
    await appended(partition, inlineEntry(1))
    meter.reset()
    await index.readHead(partition)
    expect(requests()).toEqual({ GetItem: 1 })
    expect(meter.usage().GetItem?.readUnits).toBe(1)
  })

  test('a look at one block is one Query', async () => {
    const partition = await madePartition()
    for (const offset of [0, 10, 20]) await index.putBlock(partition, looseBlock(offset, 10))
    expect(requests()).toEqual({ PutItem: 3 })
    meter.reset()
    expect(await index.readBlocks(partition, toOffset(15), 1)).toMatchObject([{ baseOffset: 10 }])
    expect(requests()).toEqual({ Query: 1 })
    expect(meter.usage().Query?.readUnits).toBe(1)
  })

  test('a topic is read with one GetItem', async () => {
    await topics.get('tides')
    expect(requests()).toEqual({ GetItem: 1 })
  })

  test('blocks are read, and removed, across pages of 1 MB', async () => {
    const partition = await madePartition()
    await putLargeBlocks(partition, 100, 30 * KiB)
    meter.reset()
    const offsets = Array.from({ length: 100 }, (_, number) => number * 10)
    const blocks = await index.readBlocks(partition, ZERO, 1_000)
    expect(blocks.map(({ baseOffset }) => baseOffset)).toEqual(offsets)
    expect(requests().Query).toBeGreaterThanOrEqual(4)
    const some = await index.readBlocks(partition, toOffset(205), 70)
    expect(some.map(({ baseOffset }) => baseOffset)).toEqual(offsets.slice(20, 90))
    await index.removeBlocksBelow(partition, toOffset(905))
    expect((await index.readBlocks(partition, ZERO, 1_000)).map(({ baseOffset }) => baseOffset)).toEqual(
      offsets.slice(91),
    )
    await putLargeBlocks(partition, 91, 30 * KiB)
    await index.removePartition(partition)
    expect(await index.readBlocks(partition, ZERO, 1_000)).toEqual([])
  })

  test('a scan for partitions jumps over what a log holds, and misses none', async () => {
    const withHead = await madePartition()
    const withoutHead = freshPartition()
    for (const partition of [withHead, withoutHead]) {
      for (let start = 0; start < 500; start += 50) {
        const blocks = Array.from({ length: 50 }, (_, number) => looseBlock(start + number, 1))
        await Promise.all(blocks.map(block => index.putBlock(partition, block)))
      }
    }
    const producer = { epoch: 0, createdMs: 0, runs: [{ sequence: 0, records: 1, baseOffset: ZERO }] }
    for (let first = 0; first < 200; first += 20) {
      const ids = Array.from({ length: 20 }, (_, number) => BigInt(first + number))
      await Promise.all(ids.map(id => index.putProducer(withHead, id, producer, 0)))
    }
    const others = Array.from({ length: 5 }, () => freshPartition())
    for (const partition of others) await index.createHead(partition, 0)
    meter.reset()
    const found: string[] = []
    for await (const { topicId } of index.partitions()) found.push(topicId)
    for (const { topicId } of [withHead, withoutHead, ...others]) {
      expect(found.filter(id => id === topicId)).toHaveLength(1)
    }
    // 1,000 blocks and 200 producers fill twelve pages; of each log, one or two are read.
    expect(Object.keys(requests())).toEqual(['Scan'])
    expect(requests().Scan).toBeLessThanOrEqual(6)
    await index.removePartition(withHead)
    await index.removePartition(withoutHead)
  })

  test('a head that would become too large takes no more until a flush has made room', async () => {
    const partition = await madePartition()
    const payload = new Uint8Array(32 * KiB)
    const largeEntry = () => inlineEntry(1, { bytes: payload.length, place: { kind: 'inline', payload } })
    for (let number = 0; number < 12; number += 1) await appended(partition, largeEntry())
    const refused = largeEntry()
    await expect(index.append(partition, refused, ZERO)).rejects.toBeInstanceOf(NoRoom)
    const head = (await index.readHead(partition))!
    expect(head.nextOffset).toBe(12)
    expect(itemBytes(await storedItem(partition))).toBeLessThan(TABLE_ITEM_BYTES_MAX)
    const block = makeBlock(
      head,
      head.tail.slice(0, 6).map(({ id }) => objectEntry(1, { id })),
    )
    await index.putBlock(partition, block)
    await index.trimTail(partition, block, foldProducers(head, block), NOTHING_MOVED)
    expect(await index.append(partition, refused, toOffset(6))).toMatchObject({ kind: 'appended' })
  })

  test('a block of the most entries leaves the tail in one update, with the most producers retired', async () => {
    const partition = await madePartition()
    for (let number = 0; number < BLOCK_ENTRIES_MAX; number += 1) {
      const producers =
        number < PRODUCERS_RETIRED_MAX
          ? [{ producerId: 2n ** 62n + BigInt(number), epoch: 1, sequence: 0, records: 1, spanBefore: 0 }]
          : []
      await appended(partition, objectEntry(1, { producers }))
    }
    const kept = await appended(partition, objectEntry(7))
    expect(kept.producers.size).toBe(PRODUCERS_RETIRED_MAX)
    const block = makeBlock(kept, kept.tail.slice(0, BLOCK_ENTRIES_MAX))
    await index.putBlock(partition, block)
    meter.reset()
    const { flushedProducers, retired: some } = foldProducers(kept, block)
    const changes = { flushedProducers, retired: new Map([...some, ...flushedProducers]) }
    expect(changes.retired.size).toBe(PRODUCERS_RETIRED_MAX)
    const trimmed = await index.trimTail(partition, block, changes, NOTHING_MOVED)
    expect(requests()).toEqual({ UpdateItem: 1 })
    expect(trimmed).toMatchObject({ tailOffset: BLOCK_ENTRIES_MAX, nextOffset: BLOCK_ENTRIES_MAX + 7 })
    expect(trimmed?.tail.map(({ id }) => id)).toEqual([kept.tail.at(-1)!.id])
    expect(trimmed?.producers).toEqual(new Map())
    expect(trimmed?.flushedProducers).toEqual(changes.flushedProducers)
    expect(await index.readHead(partition)).toEqual(trimmed)
    expect(await index.readBlocks(partition, ZERO, 10)).toEqual([block])
  })

  test('an entry of many idempotent producers is one UpdateItem as well', async () => {
    const partition = await madePartition()
    const entryFrom = (sequence: number) =>
      objectEntry(16, {
        producers: Array.from({ length: 16 }, (_, number) => ({
          producerId: 2n ** 62n + BigInt(number),
          epoch: 3,
          sequence,
          records: 1,
          spanBefore: number,
        })),
      })
    await appended(partition, entryFrom(0))
    await appended(partition, entryFrom(1))
    expect(await index.append(partition, entryFrom(1), ZERO)).toMatchObject({ kind: 'refused' })
    expect(await index.append(partition, entryFrom(3), ZERO)).toMatchObject({ kind: 'refused' })
    await appended(partition, entryFrom(2))
    expect(requests()).toEqual({ UpdateItem: 5 })
  })

  test('an append by an older Tidemark leaves a head of a later version as it is', async () => {
    const partition = await madePartition()
    const item = { ...(await storedItem(partition)), v: { N: '99' } }
    await clients.once.send(new PutItemCommand({ TableName: table.table, Item: item }))
    await expect(index.append(partition, objectEntry(1), ZERO)).rejects.toThrow('version 99 is not known')
    await expect(index.moveStart(partition, ZERO)).rejects.toThrow('version 99 is not known')
    await expect(index.readHead(partition)).rejects.toThrow('version 99 is not known')
    expect(await storedItem(partition)).toEqual(item)
  })

  test('topics are listed across pages of 1 MB', async () => {
    const configs = { 'retention.ms': 'x'.repeat(60 * KiB) }
    const prefix = freshId()
    const names = Array.from({ length: 40 }, (_, number) => `${prefix}-${String(number).padStart(2, '0')}`)
    for (const name of names) {
      const item = { name, topicId: freshId(), partitions: 1, configs, createdMs: 0, version: freshId() }
      await topics.put({ ...item, state: 'live' }, undefined)
    }
    meter.reset()
    const listed: string[] = []
    for await (const { name } of topics.list()) if (name.startsWith(prefix)) listed.push(name)
    expect(listed).toEqual(names)
    expect(requests().Query).toBeGreaterThanOrEqual(3)
  })
})
