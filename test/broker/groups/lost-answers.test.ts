import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { Harness, NOW_MS } from '../harness.ts'
import { GROUP, Member, settle } from './harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 2 }))
})

describe('a claim that its owner was never told of', () => {
  test('is made anew when it is in its share', async () => {
    const one = new Member(harness, broker, 'one')
    await one.send()
    expect(await one.beat()).toEqual([0, 1])
    expect(one.assigned.map(({ generation }) => generation)).toEqual([NOW_MS + 1, NOW_MS + 1])
  })

  test('is free for whom the target names, even if both wait for one of the other', async () => {
    const members = [new Member(harness, broker, 'one'), new Member(harness, broker, 'two')]
    await settle(members)
    // As if each had been given the other's share in an earlier epoch, by an answer that got lost.
    for (const [index, member] of members.entries()) {
      const other = members[1 - index]!.request.memberId
      for (const { topicId, partition, generation } of member.assigned) {
        const expected = { owner: member.request.memberId, generation }
        await harness.plain.groups.setOwner(GROUP, { topicId, partition }, other, expected)
      }
      member.assigned = []
      delete member.request.settledEpoch
    }
    await settle(members)
    expect(members.flatMap(({ partitions }) => partitions).sort()).toEqual([0, 1])
  })

  test('is not told to an earlier incarnation whose own claim had an unknown outcome', async () => {
    const [first, again] = ['one', 'two'].map(id => new Member(harness, broker, id, { instanceId: 'left' }))
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method !== 'setOwner' || !isFirst) return await call()
      isFirst = false
      await broker.heartbeat(again!.request)
      throw new OutcomeUnknown('lost')
    }
    await expect(first!.send()).rejects.toMatchObject({ kafkaName: 'FENCED_INSTANCE_ID' })
  })
})

test('a commit whose try was lost is made, though an earlier one of its owner comes in between', async () => {
  const one = new Member(harness, broker, 'one')
  await one.beat()
  const { topicId, generation } = one.assigned[0]!
  const commit = (sequence: number, offset: number) => {
    const each = { topic: 'orders', topicId, partition: 0, generation, sequence, offset: toOffset(offset) }
    return harness.open().commitOffsets({ groupId: GROUP, memberId: 'one', offsets: [each] })
  }
  let isFirst = true
  harness.around = async (method, _, call) => {
    if (method !== 'commit' || !isFirst) return await call()
    isFirst = false
    // By a broker whose clock is ahead.
    harness.clock.stepWall(1_000)
    await commit(1, 3)
    harness.clock.stepWall(-1_000)
    throw new OutcomeUnknown('the request was lost')
  }
  expect(await harness.run(commit(2, 5))).toMatchObject([{ error: null }])
  expect(await harness.run(broker.fetchOffsets({ groupId: GROUP }))).toMatchObject([{ offset: 5 }])
})
