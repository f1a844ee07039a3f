import { expect, test } from 'vitest'
import { TOPIC_CACHE_MS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { batchOf, Harness } from '../harness.ts'

test.each([
  ['delete', 'done'],
  ['compact,delete', 'done'],
  ['compact', 'POLICY_VIOLATION'],
])('records are deleted below an offset with cleanup.policy %s: %s', async (policy, outcome) => {
  const harness = new Harness()
  const [broker, other] = [harness.open(), harness.open()]
  const altered = async (set: string) =>
    await harness.run(other.alterTopic({ topic: 'tides', set: { 'cleanup.policy': set } }))
  await harness.run(broker.createTopic({ topic: 'tides', configs: { 'cleanup.policy': policy } }))
  const batches = batchOf(['a', 'b', 'c'], { padding: 10 })
  await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  const deletion = () =>
    harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(2) }))
  if (outcome === 'done') expect(await deletion()).toEqual({ startOffset: 2 })
  else {
    await expect(deletion()).rejects.toMatchObject({ kafkaName: outcome, written: 'no', retriable: false })
    expect((await harness.run(broker.describeTopic('tides'))).offsets).toMatchObject([{ startOffset: 0 }])
  }
  // What a broker remembers may be out of date: it is sure before it refuses, and soon hears of what it should refuse.
  await altered('compact,delete')
  expect(await deletion()).toEqual({ startOffset: 2 })
  await altered('compact')
  await harness.pass(TOPIC_CACHE_MS)
  await expect(deletion()).rejects.toMatchObject({ kafkaName: 'POLICY_VIOLATION' })
})

test('what a topic that keeps everything has set of compaction has no effect on this either', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', configs: { 'cleanup.policy': 'compact' } }))
  const item = (await harness.plain.topics.get('tides'))!
  const { expires: _, ...older } = item
  harness.around = async (method, args, call) =>
    method === 'get' && args[0] === 'tides' ? older : await call()
  await harness.pass(TOPIC_CACHE_MS)
  const deletion = broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(0) })
  expect(await harness.run(deletion)).toEqual({ startOffset: 0 })
})
