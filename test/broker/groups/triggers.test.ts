import { beforeEach, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../../src/broker/triggers/triggers.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { type Trigger, triggerOwner } from '../../../src/core/trigger/trigger.ts'
import { batchOf, Harness, numbered } from '../harness.ts'
import { GROUP, Member, settle } from './harness.ts'

const NAME = { groupId: GROUP, topic: 'orders' }

let harness: Harness
let broker: LogBroker
let triggers: Triggers
let trigger: Trigger
let owner: string

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  triggers = new Triggers(harness.ports, new TopicDirectory(harness.ports.topics, harness.clock))
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 2 }))
  await harness.run(broker.produce({ topic: 'orders', partition: 0, batches: batchOf(numbered(0, 5)) }))
  trigger = await harness.run(triggers.put({ ...NAME, target: 'a function', settings: {} }))
  owner = triggerOwner(trigger.triggerId)
})

/** As whoever delivers does. */
async function deliver(partition: number, offset: number): Promise<void> {
  const id = await harness.partitionId('orders', partition)
  const { claim } = await harness.plain.groups.setOwner(GROUP, id, owner, undefined)
  const committed = { offset: toOffset(offset), leaderEpoch: -1, metadata: '', committedMs: 1 }
  await harness.plain.groups.commit(GROUP, id, committed, { owner, generation: claim!.generation }, null)
}

const reset = async (partition: number, offset: number) => {
  const offsets = [{ topic: 'orders', partition, offset: toOffset(offset) }]
  const [committed] = await harness.run(broker.commitOffsets({ groupId: GROUP, offsets }))
  return committed!.error?.kafkaName ?? null
}

test('an active trigger is shown as the member of its group, with its lag', async () => {
  await deliver(0, 2)
  expect(await harness.run(broker.listGroups())).toEqual([{ groupId: GROUP, state: 'Stable', members: 1 }])
  expect(await harness.run(broker.describeGroup(GROUP))).toMatchObject({
    state: 'Stable',
    members: 1,
    memberList: [
      {
        memberId: owner,
        clientId: 'a function',
        instanceId: null,
        topics: ['orders'],
        owned: [{ topic: 'orders', partition: 0 }],
        leaseUntilMs: null,
      },
    ],
    partitions: [
      { partition: 0, memberId: owner, committedOffset: 2, endOffset: 5, lag: 3 },
      // That nobody has delivered yet is shown, too.
      { partition: 1, memberId: null, committedOffset: null, lag: 0 },
    ],
  })
})

test('a paused one is not, and its partitions are still', async () => {
  await deliver(0, 2)
  await harness.run(triggers.pause(NAME))
  expect(await harness.run(broker.listGroups())).toEqual([{ groupId: GROUP, state: 'Empty', members: 0 }])
  expect(await harness.run(broker.describeGroup(GROUP))).toMatchObject({
    state: 'Empty',
    memberList: [],
    partitions: [
      { partition: 0, memberId: null, lag: 3 },
      { partition: 1, memberId: null },
    ],
  })
})

test.each(['active', 'paused'])('nobody joins the group of an %s one, or deletes it', async state => {
  if (state === 'paused') await harness.run(triggers.pause(NAME))
  const error = await harness.errorOf(new Member(harness, broker, 'one').send())
  expect(error).toMatchObject({ kafkaName: 'INCONSISTENT_GROUP_PROTOCOL', retriable: false })
  expect(error.message).toContain('a function')
  // It was never a member, not even for a moment.
  expect(harness.count('putMember')).toBe(0)
  expect(await harness.errorOf(broker.deleteGroup(GROUP))).toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
  await harness.run(triggers.remove(NAME))
  await harness.run(broker.deleteGroup(GROUP))
})

test("another group's triggers are no concern", async () => {
  const other = new Member(harness, broker, 'one', { groupId: `${GROUP}-2` })
  expect(await other.beat()).toEqual([0, 1])
})

test('what an active one delivers is committed by nobody else; paused, it is, and fences what is under way', async () => {
  await deliver(0, 2)
  expect(await reset(0, 0)).toBe('UNKNOWN_MEMBER_ID')
  await harness.run(triggers.pause(NAME))
  const id = await harness.partitionId('orders')
  const { generation, committed } = (await harness.plain.groups.readClaim(GROUP, id))!
  expect(await reset(0, 1)).toBeNull()
  const late = { ...committed!, offset: toOffset(5) }
  const by = { owner, generation }
  expect((await harness.plain.groups.commit(GROUP, id, late, by, committed!.committedMs)).held).toBe(false)
  expect(await harness.run(broker.fetchOffsets({ groupId: GROUP }))).toMatchObject([{ offset: 1 }])
})

test('what a removed one owned goes to whoever joins, from where it was', async () => {
  await deliver(0, 2)
  await harness.run(triggers.remove(NAME))
  const member = new Member(harness, broker, 'one')
  await settle([member])
  expect(member.partitions).toEqual([0, 1])
  expect(await member.commit(0, 3)).toBeNull()
})

test("no member has an id that could be a trigger's", async () => {
  await harness.run(triggers.remove(NAME))
  const error = await harness.errorOf(new Member(harness, broker, owner).send())
  expect(error).toMatchObject({ kafkaName: 'INVALID_REQUEST' })
})
