import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import type { Heartbeat } from '../../../src/contract/groups.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { type Served, serveBroker } from './served-broker.ts'

let served: Served
let broker: HttpBroker

beforeAll(async () => {
  served = await serveBroker()
  broker = new HttpBroker({ url: served.url })
  await broker.createTopic({ topic: 'orders', partitions: 2 })
})

afterAll(() => served.close())

function join(groupId: string, memberId: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return { groupId, memberId, memberEpoch: 0, topics: ['orders'], owned: [], ...more }
}

describe('groups over HTTP', () => {
  test('commits are counted, and name the topic that they mean', async () => {
    const groupId = 'counting'
    const { assigned } = await broker.heartbeat(join(groupId, 'one'))
    const { committedOffset, ...owned } = assigned[0]!
    const commit = async (offset: number, sequence: number, topicId = owned.topicId) => {
      const offsets = [{ ...owned, topicId, offset: toOffset(offset), sequence }]
      const [answer] = await broker.commitOffsets({ groupId, memberId: 'one', offsets })
      return answer!.error
    }
    expect(await commit(5, 1)).toBe(null)
    expect(await commit(3, 2)).toBe(null)
    expect(await commit(4, 1)).toBe(null)
    expect(await broker.fetchOffsets({ groupId })).toMatchObject([{ partition: 0, offset: 3 }])
    expect(await commit(6, 3, 'another')).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_ID' })
    await broker.leaveGroup({ groupId, memberId: 'one' })
    await broker.deleteGroup(groupId)
  })

  // What a path, a query or a key could take for something else.
  test.each(['plain', 'a/b', 'per%2Fcent%', 'hash#?&=+', 'a b', 'ümläut 🌊', '../..', '%2e%2e'])(
    'the whole life of the group %j',
    async groupId => {
      const joined = await broker.heartbeat(join(groupId, 'one'))
      expect(joined.assigned.map(({ partition }) => partition)).toEqual([0, 1])
      const { memberEpoch, assigned } = joined
      const owned = assigned.map(({ committedOffset, ...each }) => each)
      const steady = await broker.heartbeat(
        join(groupId, 'one', { memberEpoch, owned, released: [], settledEpoch: memberEpoch }),
      )
      expect(steady).toMatchObject({ memberEpoch, isSettled: true, toRelease: [] })

      const offsets = owned.map(({ topic, partition, generation }) => ({
        topic,
        partition,
        generation: generation + partition,
        offset: toOffset(5),
        metadata: 'm',
      }))
      const committed = await broker.commitOffsets({ groupId, memberId: 'one', offsets })
      expect(committed[0]).toEqual({ topic: 'orders', partition: 0, error: null })
      expect(committed[1]?.error).toMatchObject({ kafkaName: 'FENCED_MEMBER_EPOCH', retriable: false })
      expect(await broker.fetchOffsets({ groupId })).toMatchObject([
        { topic: 'orders', partition: 0, offset: 5, metadata: 'm' },
      ])
      expect(await broker.fetchOffsets({ groupId, topics: [] })).toEqual([])
      expect(await broker.fetchOffsets({ groupId, topics: ['payments', 'orders'] })).toHaveLength(1)
      expect(await broker.fetchOffsets({ groupId, topics: ['payments'] })).toEqual([])

      expect(await broker.listGroups()).toEqual([{ groupId, state: 'Stable', members: 1 }])
      expect(await broker.describeGroup(groupId)).toMatchObject({
        groupId,
        state: 'Stable',
        memberList: [{ memberId: 'one', owned: [{ partition: 0 }, { partition: 1 }] }],
        partitions: [
          { memberId: 'one', committedOffset: 5 },
          { memberId: 'one', committedOffset: null },
        ],
      })
      await expect(broker.deleteGroup(groupId)).rejects.toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
      await broker.leaveGroup({ groupId, memberId: 'one' })
      await broker.deleteGroup(groupId)
      await expect(broker.describeGroup(groupId)).rejects.toMatchObject({ kafkaName: 'GROUP_ID_NOT_FOUND' })
      await expect(broker.heartbeat(join(groupId, 'one', { memberEpoch }))).rejects.toMatchObject({
        kafkaName: 'UNKNOWN_MEMBER_ID',
      })
    },
  )

  test.each(['', '.', '..', 'a\nb', 'a'.repeat(250)])('no group is called %j', async groupId => {
    const error = { kafkaName: 'INVALID_GROUP_ID' }
    await expect(broker.heartbeat(join(groupId, 'one'))).rejects.toMatchObject(error)
    await expect(broker.describeGroup(groupId)).rejects.toMatchObject(error)
    await expect(broker.deleteGroup(groupId)).rejects.toMatchObject(error)
    await expect(broker.commitOffsets({ groupId, offsets: [] })).rejects.toMatchObject(error)
  })

  test('a static member leaves with its instance id', async () => {
    const one = join('statics', 'one', { instanceId: 'left/right' })
    await broker.heartbeat(one)
    await broker.leaveGroup({ groupId: 'statics', memberId: 'one' })
    expect((await broker.describeGroup('statics')).members).toBe(1)
    await broker.leaveGroup({ groupId: 'statics', memberId: 'one', instanceId: 'left/right' })
    expect((await broker.describeGroup('statics')).members).toBe(0)
  })

  test('a heartbeat that is none says what is wrong', async () => {
    const response = await fetch(`${served.url}/groups/g/heartbeat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ memberId: 'one', memberEpoch: 0, owned: [{ topic: 'orders' }] }),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ kafkaError: 'INVALID_REQUEST', written: 'no' })
  })
})
