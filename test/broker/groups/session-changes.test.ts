/** A member that says with a later heartbeat that it may be silent for longer, or for less, than it said when it joined. */
import { beforeEach, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { Harness } from '../harness.ts'
import { Member, settle } from './harness.ts'

const INTERVAL_MS = 3_000
const MINUTE_MS = 60_000

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 6 }))
})

/** What a member owns after so long a time in which only it said a word. */
async function ownedAfter(one: Member, durationMs: number): Promise<number> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += INTERVAL_MS) {
    await harness.pass(INTERVAL_MS)
    await one.beat()
  }
  return one.partitions.length
}

test('the session time-out that it said last counts', async () => {
  const [silent, one] = [new Member(harness, broker, 'silent'), new Member(harness, broker, 'one')]
  await settle([silent, one])
  await silent.send({ owned: silent.assigned, sessionTimeoutMs: 10 * MINUTE_MS })
  expect(await ownedAfter(one, 5 * MINUTE_MS)).toBe(3)
  await silent.send({ owned: silent.assigned, sessionTimeoutMs: 6_000 })
  expect(await ownedAfter(one, 15_000)).toBe(6)
})

test('the same where a heartbeat does not repeat the topics', async () => {
  const [silent, one] = [new Member(harness, broker, 'silent'), new Member(harness, broker, 'one')]
  await settle([silent, one])
  const { topics: _, ...heartbeat } = { ...silent.request, owned: silent.assigned }
  await harness.run(broker.heartbeat({ ...heartbeat, sessionTimeoutMs: 10 * MINUTE_MS }))
  expect(await ownedAfter(one, 5 * MINUTE_MS)).toBe(3)
})
