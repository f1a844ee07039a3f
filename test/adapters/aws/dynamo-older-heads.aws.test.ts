import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeHeadItem, headItemKey } from '../../../src/adapters/aws/items/head.ts'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { encodeEntry, type IndexEntry, type ObjectPlace } from '../../../src/core/log/entry.ts'
import { EMPTY_HEAD } from '../../../src/core/log/head.ts'
import { UNSETTLED } from '../../../src/core/log/settled/settled.ts'
import { makeBlock } from '../../../src/core/log/tail.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import type { LogIndex } from '../../../src/ports/log-index.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'
import { freshPartition, NO_CHANGES, NOTHING_MOVED, objectEntry } from '../../conformance/samples.ts'
import { segmentOf } from '../../conformance/settled-log.ts'

const ZERO = toOffset(0)

/** Heads as the version before levels and epochs wrote them, and what they become. */
describeDynamoDbLocal('a head of version 1 in DynamoDB', () => {
  let clients: ReturnType<typeof makeTableClients>
  let index: LogIndex
  let table: Awaited<ReturnType<typeof createTestTable>>

  beforeAll(async () => {
    const endpoint = dynamoDbLocalEndpoint()
    table = await createTestTable(endpoint)
    clients = makeTableClients({ endpoint })
    index = dynamoLogIndex(new DynamoTable(clients, table.table, PATIENT))
  })
  afterAll(async () => {
    clients.close()
    await table.remove()
  })

  const oldEntry = objectEntry(3)

  /** Written with nothing of today's code but the entry's, whose bytes are held elsewhere. */
  async function oldHead(): Promise<PartitionId> {
    const partition = freshPartition()
    const Item = {
      pk: { S: `log#${partition.topicId}#0` },
      sk: { S: 'head' },
      v: { N: '1' },
      startOffset: { N: '1' },
      tailOffset: { N: '0' },
      nextOffset: { N: '3' },
      tail: { L: [{ B: encodeEntry(oldEntry) }] },
      flushedBytes: { N: '0' },
      flushedMaxMs: { N: '-1' },
      producers: { M: {} },
    }
    await clients.once.send(new PutItemCommand({ TableName: table.table, Item }))
    return partition
  }

  async function versionOf(partition: PartitionId): Promise<string | undefined> {
    const Key = headItemKey(partition)
    const { Item } = await clients.once.send(
      new GetItemCommand({ TableName: table.table, Key, ConsistentRead: true }),
    )
    return Item?.v?.N
  }

  const ofEpoch = (epoch: number): IndexEntry => {
    const entry = objectEntry(1)
    return { ...entry, place: { ...(entry.place as ObjectPlace), epoch } }
  }

  test('is read as one of which nothing has settled', async () => {
    const partition = await oldHead()
    expect(await index.readHead(partition)).toEqual({
      startOffset: 1,
      tailOffset: 0,
      nextOffset: 3,
      tail: [oldEntry],
      flushed: { bytes: 0, maxTimestampMs: -1 },
      producers: new Map(),
      flushedProducers: new Map(),
      settled: UNSETTLED,
      appendFloor: 0,
      drained: 0,
    })
  })

  test('is still written for a store without epochs', () => {
    const head = { ...EMPTY_HEAD, appendFloor: 0 }
    expect(encodeHeadItem(freshPartition(), head).v).toEqual({ N: '1' })
    expect(Object.keys(encodeHeadItem(freshPartition(), head))).not.toContain('appendFloor')
    expect(encodeHeadItem(freshPartition(), { ...head, appendFloor: 1, drained: 1 }).v).toEqual({ N: '2' })
  })

  test('stays so while nothing is done to it that the version before does not know', async () => {
    const partition = await oldHead()
    expect(await index.append(partition, ofEpoch(0), ZERO)).toMatchObject({ kind: 'appended' })
    const head = (await index.readHead(partition))!
    const block = makeBlock(head, head.tail.slice(0, 1))
    await index.putBlock(partition, block)
    expect(await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)).toMatchObject({ tailOffset: 3 })
    expect(await index.moveStart(partition, toOffset(2))).toMatchObject({ startOffset: 2 })
    expect(await index.noteDrained(partition, 1)).toBe(false)
    expect(await versionOf(partition)).toBe('1')
  })

  describe('is of version 2 after', () => {
    test.each<[string, (partition: PartitionId) => Promise<unknown>]>([
      ['an entry of an epoch', partition => index.append(partition, ofEpoch(1), ZERO)],
      ['a floor', partition => index.raiseFloor(partition, 1)],
      ['a move', partition => index.rearrange(partition, { kind: 'alter' })],
    ])('%s, and nothing is lost', async (_, change) => {
      const partition = await oldHead()
      await change(partition)
      expect(await versionOf(partition)).toBe('2')
      const head = (await index.readHead(partition))!
      expect(head.startOffset).toBe(1)
      expect(head.tail[0]).toEqual(oldEntry)
      const next = await index.append(partition, ofEpoch(7), ZERO)
      expect(next).toMatchObject({ kind: 'appended' })
    })
  })

  test('is rolled like any other', async () => {
    const partition = await oldHead()
    const head = (await index.readHead(partition))!
    const block = makeBlock(head, head.tail)
    await index.putBlock(partition, block)
    await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)
    const segment = segmentOf(0, 3)
    await index.putSegment(partition, 'rolled', segment)
    const rolled = await index.rearrange(partition, { kind: 'settle', segment, nowMs: 5 })
    expect(rolled).toMatchObject({ moved: true, head: { startOffset: 1, settled: { settledOffset: 3 } } })
  })
})
