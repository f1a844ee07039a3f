import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../../../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoLogIndex } from '../../../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { encodeTargetChunk, splitTarget, type TargetChunk } from '../../../src/core/group/target-chunk.ts'
import {
  COMMIT_METADATA_BYTES_MAX,
  SUBSCRIPTION_BYTES_MAX,
  TABLE_SCAN_PAGE_ITEMS,
  TARGET_SHARE_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { targetIdOf } from '../../../src/core/storage-layout.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'
import { sampleMember } from '../../conformance/group-store.ts'
import { freshId, freshPartition } from '../../conformance/samples.ts'

const NOW_MS = 1_750_000_000_000

describeDynamoDbLocal('what groups ask of DynamoDB:', () => {
  const meter = new UsageMeter()
  let clients: ReturnType<typeof makeTableClients>
  let dynamo: DynamoTable
  let groups: GroupStore
  let table: Awaited<ReturnType<typeof createTestTable>>

  beforeAll(async () => {
    table = await createTestTable(dynamoDbLocalEndpoint())
  })
  afterAll(() => table.remove())
  beforeEach(() => {
    // New connections for each test: DynamoDB Local closes those that were idle in a long one.
    clients = makeTableClients({ endpoint: dynamoDbLocalEndpoint(), meter })
    dynamo = new DynamoTable(clients, table.table, PATIENT)
    groups = dynamoGroupStore(dynamo)
    meter.reset()
  })
  afterEach(() => clients.close())

  async function createdGroup(): Promise<string> {
    const groupId = `cost-${freshId()}`
    await groups.createGroup(groupId, 'range')
    meter.reset()
    return groupId
  }

  /** How many requests there were, by operation. */
  function requests(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(meter.usage()).map(([name, { requests: count }]) => [name, count]),
    )
  }

  test('a heartbeat in a steady state is one UpdateItem and one GetItem of a unit each', async () => {
    const groupId = await createdGroup()
    // However large the group is.
    const members = Array.from({ length: 100 }, () => sampleMember({ memberId: `instance-${freshId()}` }))
    await Promise.all(members.map(member => groups.putMember(groupId, member)))
    await groups.setTarget({
      groupId,
      epoch: 1,
      targetId: targetIdOf(1, freshId()),
      targetChunks: 256,
      assignor: 'cooperative-sticky',
      marks: 0,
      marksSeen: 1_000_000,
      topicsDigest: freshId(),
      checkedMs: NOW_MS,
    })
    meter.reset()
    const lease = { leaseUntilMs: NOW_MS + 48_000, settledEpoch: 1 }
    await groups.renewLease(groupId, members[0]!.memberId, lease)
    await groups.readGroup(groupId)
    expect(requests()).toEqual({ UpdateItem: 1, GetItem: 1 })
    expect(meter.usage().UpdateItem).toMatchObject({ writeUnits: 1, readUnits: 0 })
    expect(meter.usage().GetItem).toMatchObject({ writeUnits: 0, readUnits: 1 })
  })

  test('a commit is one UpdateItem of one unit', async () => {
    const groupId = await createdGroup()
    const partition = freshPartition()
    const owner = randomUUID()
    await groups.setOwner(groupId, partition, owner, undefined)
    expect(requests()).toEqual({ UpdateItem: 1 })
    expect(meter.usage().UpdateItem?.writeUnits).toBe(1)
    meter.reset()
    const committed = {
      offset: toOffset(Number.MAX_SAFE_INTEGER),
      leaderEpoch: 0,
      metadata: 'm'.repeat(100),
      committedMs: NOW_MS,
    }
    expect((await groups.commit(groupId, partition, committed, { owner, generation: 1 }, null)).held).toBe(
      true,
    )
    expect(requests()).toEqual({ UpdateItem: 1 })
    expect(meter.usage().UpdateItem?.writeUnits).toBe(1)
  })

  test('a refused change tells what stands without another request', async () => {
    const groupId = await createdGroup()
    const partition = freshPartition()
    await groups.setOwner(groupId, partition, 'one', undefined)
    meter.reset()
    expect(await groups.setOwner(groupId, partition, 'two', undefined)).toMatchObject({
      held: false,
      claim: { owner: 'one' },
    })
    expect(requests()).toEqual({ UpdateItem: 1 })
  })

  test('one more member of a group costs a GetItem, a PutItem and a mark', async () => {
    const groupId = await createdGroup()
    await groups.createGroup(groupId, 'range')
    await groups.putMember(groupId, sampleMember())
    await groups.markGroup(groupId)
    expect(requests()).toEqual({ GetItem: 1, PutItem: 1, UpdateItem: 1 })
  })

  test('members and claims are read, and removed, across pages of 1 MB', async () => {
    const groupId = await createdGroup()
    const topics = Array.from({ length: SUBSCRIPTION_BYTES_MAX / 256 }, (_, number) =>
      `${number}`.padStart(200, 'x'),
    )
    const members = Array.from({ length: 40 }, () => sampleMember({ topics }))
    for (const member of members) await groups.putMember(groupId, member)
    meter.reset()
    const told = new Set<string>()
    for await (const { memberId } of groups.members(groupId)) told.add(memberId)
    expect(told).toEqual(new Set(members.map(({ memberId }) => memberId)))
    expect(requests().Query).toBeGreaterThanOrEqual(2)

    const topicId = randomUUID()
    const committed = {
      offset: toOffset(1),
      leaderEpoch: 0,
      metadata: 'x'.repeat(COMMIT_METADATA_BYTES_MAX),
      committedMs: NOW_MS,
    }
    const partitions = Array.from({ length: 300 }, (_, partition) => partition)
    for (const partition of partitions) {
      await groups.commit(groupId, { topicId, partition }, committed, 'unowned', null)
    }
    meter.reset()
    const claimed: number[] = []
    for await (const { partition } of groups.claims(groupId)) claimed.push(partition)
    expect(claimed.sort((one, other) => one - other)).toEqual(partitions)
    expect(requests().Query).toBeGreaterThanOrEqual(2)

    await groups.removeGroup(groupId)
    for await (const { memberId } of groups.members(groupId)) expect.fail(`${memberId} is left`)
    for await (const { partition } of groups.claims(groupId)) expect.fail(`${partition} is left`)
  })

  test('the largest share of a target fits into an item', async () => {
    const groupId = await createdGroup()
    const shares = Array.from({ length: 18_400 }, () => ({ topicId: randomUUID(), partitions: [0] }))
    const [chunk] = splitTarget(new Map([[randomUUID(), shares]]))
    const bytes = encodeTargetChunk(chunk!).length
    expect(bytes).toBeLessThanOrEqual(TARGET_SHARE_BYTES_MAX)
    expect(bytes).toBeGreaterThan(TARGET_SHARE_BYTES_MAX - 2_000)
    const targetId = targetIdOf(1, freshId())
    await groups.putTargetChunk(groupId, targetId, 0, chunk!)
    expect(await groups.readTargetChunk(groupId, targetId, 0)).toEqual(chunk)
  })

  test('old targets are removed across pages of 1 MB, and the one that stays is not read', async () => {
    const groupId = await createdGroup()
    const chunk: TargetChunk = new Map([
      [randomUUID(), Array.from({ length: 5_000 }, () => ({ topicId: randomUUID(), partitions: [0, 1] }))],
    ])
    const [old, current] = [targetIdOf(1, freshId()), targetIdOf(2, freshId())]
    for (let number = 0; number < 12; number += 1) {
      await groups.putTargetChunk(groupId, old, number, chunk)
      await groups.putTargetChunk(groupId, current, number, chunk)
    }
    meter.reset()
    await groups.removeOlderTargets(groupId, current)
    expect(requests().Query).toBeGreaterThanOrEqual(2)
    for (let number = 0; number < 12; number += 1) {
      expect(await groups.readTargetChunk(groupId, old, number)).toBeUndefined()
      expect(await groups.readTargetChunk(groupId, current, number)).toEqual(chunk)
    }
    meter.reset()
    await groups.removeOlderTargets(groupId, current)
    expect(requests()).toEqual({ Query: 1 })
    expect(meter.usage().Query?.readUnits).toBeLessThanOrEqual(1)
  })

  test('a scan for partitions jumps over what a group holds', async () => {
    const groupId = await createdGroup()
    const partition = freshPartition()
    const index = dynamoLogIndex(dynamo)
    await index.createHead(partition, 0)
    const topicId = randomUUID()
    const claims = Array.from({ length: TABLE_SCAN_PAGE_ITEMS * 6 }, (_, number) => ({
      topicId,
      partition: number,
    }))
    for (let from = 0; from < claims.length; from += 100) {
      const some = claims.slice(from, from + 100)
      await Promise.all(some.map(claim => groups.setOwner(groupId, claim, 'one', undefined)))
    }
    meter.reset()
    const found: string[] = []
    for await (const each of index.partitions()) found.push(each.topicId)
    expect(found).toEqual([partition.topicId])
    const pages = requests().Scan
    await groups.removeGroup(groupId)
    meter.reset()
    for await (const each of index.partitions()) expect(each).toEqual(partition)
    expect(pages).toBeLessThanOrEqual(requests().Scan! + 2)
  })
})
