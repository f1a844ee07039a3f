import { beforeEach, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { expireOffsets } from '../../../src/broker/settling/expire-offsets.ts'
import { OFFSETS_RETENTION_MS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { joining, sync } from '../groups/classic/classic-member.ts'
import { Harness } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  for (const topic of ['tides', 'ebbs']) await harness.run(broker.createTopic({ topic }))
})

const commit = (groupId: string, topic: string, offset = 0) =>
  harness.run(broker.commitOffsets({ groupId, offsets: [{ topic, partition: 0, offset: toOffset(offset) }] }))

const expire = () =>
  harness.run(expireOffsets(harness.ports, { deadlineMs: harness.clock.monotonicMs() + 60_000 }))

async function committed(groupId: string): Promise<string[]> {
  const names = new Map<string, string>()
  for await (const { topicId, name } of harness.plain.topics.list()) names.set(topicId, name)
  const found: string[] = []
  for await (const claim of harness.plain.groups.claims(groupId)) {
    if (claim.committed) found.push(names.get(claim.topicId) ?? 'gone')
  }
  return found.toSorted()
}

test('what an empty group has committed goes after a week, each partition by its own commit', async () => {
  await commit('gauges', 'tides')
  await harness.pass(1_000)
  await commit('gauges', 'ebbs')
  await harness.pass(OFFSETS_RETENTION_MS - 500)
  expect(await expire()).toBe(1)
  expect(await committed('gauges')).toEqual(['ebbs'])
  await harness.pass(1_000)
  expect(await expire()).toBe(1)
  expect(await committed('gauges')).toEqual([])
  expect(await harness.plain.groups.readGroup('gauges')).not.toBe(undefined)
})

test('what a group with a member has committed stays', async () => {
  const groupId = 'gauges'
  const beat = { groupId, memberId: 'one', memberEpoch: 0, topics: ['tides'], owned: [] }
  await commit(groupId, 'tides')
  await harness.pass(OFFSETS_RETENTION_MS + 1_000)
  await harness.run(broker.heartbeat(beat))
  expect(await expire()).toBe(0)
  await harness.run(broker.leaveGroup({ groupId, memberId: 'one' }))
  expect(await expire()).toBe(0)
  await harness.pass(OFFSETS_RETENTION_MS + 60_000)
  expect(await expire()).toBe(1)
})

test('what a group has committed stays whose members assign among themselves, while they are there', async () => {
  const groupId = 'gauges'
  await commit(groupId, 'tides')
  await harness.pass(OFFSETS_RETENTION_MS + 1_000)
  const joined = await harness.run(broker.joinGroup(joining(groupId)))
  await harness.run(sync(broker, groupId, joined))
  expect(await expire()).toBe(0)
  await harness.run(broker.leaveClassic({ groupId, members: [joined] }))
  expect(await expire()).toBe(0)
  await harness.pass(OFFSETS_RETENTION_MS + 60_000)
  expect(await expire()).toBe(1)
})

test('of a topic that is gone nothing stays, in groups of any age, and nothing of its successor goes', async () => {
  await commit('gauges', 'tides')
  await commit('gauges', 'ebbs')
  await harness.run(broker.deleteTopic('tides'))
  await harness.run(broker.createTopic({ topic: 'tides' }))
  await commit('gauges', 'tides')
  expect(await committed('gauges')).toEqual(['ebbs', 'gone', 'tides'])
  expect(await expire()).toBe(1)
  expect(await committed('gauges')).toEqual(['ebbs', 'tides'])
})

test('a commit that comes between looking and removing stays', async () => {
  await commit('gauges', 'tides')
  await commit('others', 'tides')
  await harness.pass(OFFSETS_RETENTION_MS + 1_000)
  harness.around = async (method, args, call) => {
    if (method === 'removeClaim' && args[0] === 'gauges') {
      harness.around = (_, __, call) => call()
      await broker.commitOffsets({
        groupId: 'gauges',
        offsets: [{ topic: 'tides', partition: 0, offset: toOffset(0) }],
      })
    }
    return await call()
  }
  expect(await expire()).toBe(1)
  expect(await committed('gauges')).toEqual(['tides'])
  expect(await committed('others')).toEqual([])
})

test('a topic that is made between looking and listing loses nothing', async () => {
  await commit('gauges', 'tides')
  await harness.run(broker.deleteTopic('tides'))
  harness.around = async (method, _, call) => {
    const answer = await call()
    if (method !== 'readGroup') return answer
    harness.around = (_, __, call) => call()
    await broker.createTopic({ topic: 'tides' })
    await broker.commitOffsets({
      groupId: 'gauges',
      offsets: [{ topic: 'tides', partition: 0, offset: toOffset(0) }],
    })
    return answer
  }
  expect(await expire()).toBe(1)
  expect(await committed('gauges')).toEqual(['tides'])
})

test('answers that are lost, and refusals that pass, change nothing of that', async () => {
  for (let group = 0; group < 30; group++) await commit(`gauges ${group}`, 'tides')
  await harness.pass(OFFSETS_RETENTION_MS + 1_000)
  let calls = 0
  harness.around = async (_, __, call) => {
    calls += 1
    if (calls % 5 === 0) throw new NotApplied('throttled')
    const answer = await call()
    if (calls % 7 === 0) throw new OutcomeUnknown('the answer was lost')
    return answer
  }
  await expire()
  harness.around = (_, __, call) => call()
  for (let group = 0; group < 30; group++) expect(await committed(`gauges ${group}`)).toEqual([])
})
