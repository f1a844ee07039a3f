/** What a step of the wall clock costs a group. */
import { beforeEach, describe, expect, test } from 'vitest'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { CLOCK_SKEW_MS_MAX, SESSION_TIMEOUT_DEFAULT_MS } from '../../../src/core/limits.ts'
import { Harness } from '../harness.ts'
import { GROUP, Member, settle } from './harness.ts'

const HOUR_MS = 3_600_000
const STEPS_MS = [50_000, HOUR_MS, 25 * HOUR_MS].flatMap(stepMs => [-stepMs, stepMs])
const INTERVAL_MS = 3_000

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 6 }))
})

function member(memberId: string, by = broker, settings = {}): Member {
  return new Member(harness, by, memberId, settings)
}

/** Lets the living say so for as long as a session lasts, and tells when one of them owns everything. */
async function ownsAllAfter(one: Member, limitMs: number): Promise<number> {
  for (let passedMs = 0; passedMs <= limitMs; passedMs += INTERVAL_MS) {
    if ((await one.beat()).length === 6 && one.isSettled) return passedMs
    await harness.pass(INTERVAL_MS)
  }
  return Number.POSITIVE_INFINITY
}

describe.each(STEPS_MS)('a step of %d ms', stepMs => {
  test('costs nobody a partition who lives', async () => {
    const [one, two] = [member('one'), member('two')]
    await settle([one, two])
    const before = [one, two].map(each => each.assigned.map(({ generation }) => generation))
    harness.clock.stepWall(stepMs)
    for (let round = 0; round < 20; round += 1) {
      await one.beat()
      await harness.pass(INTERVAL_MS / 2)
      await two.beat()
      await harness.pass(INTERVAL_MS / 2)
    }
    expect([one, two].map(each => each.assigned.map(({ generation }) => generation))).toEqual(before)
  })

  test('costs nobody anything by a broker that never looked at the others, but knew the time', async () => {
    const other = harness.open()
    const [one, two] = [member('one'), member('two', other)]
    await settle([one, two])
    const before = one.assigned
    // The first broker has renewed the lease, and nobody else has seen it since. It is the other one that looks.
    await one.beat()
    harness.clock.stepWall(stepMs)
    await two.beat()
    expect(await one.beat()).toEqual(before.map(({ partition }) => partition))
    expect(one.assigned.map(({ generation }) => generation)).toEqual(
      before.map(({ generation }) => generation),
    )
  })

  test('of one machine alone costs nobody a partition, however long it stays wrong', async () => {
    const { clock } = harness
    let aheadMs = 0
    const wrong = { nowMs: () => clock.nowMs() + aheadMs, monotonicMs: () => clock.monotonicMs() }
    const ports = {
      ...harness.ports,
      clock: { ...wrong, sleep: clock.sleep.bind(clock), turn: clock.turn.bind(clock) },
    }
    const other = new LogBroker(ports, { lingerMs: 0, reportError: error => harness.errors.push(error) })
    const [one, two] = [member('one'), member('two', other)]
    await settle([one, two])
    const before = [one, two].map(each => each.assigned.map(({ generation }) => generation))
    aheadMs = stepMs
    for (let round = 0; round < 40; round += 1) {
      for (const each of [one, two]) await each.beat()
      await harness.pass(INTERVAL_MS)
    }
    expect([one, two].map(each => each.assigned.map(({ generation }) => generation))).toEqual(before)
    const diedMs = clock.monotonicMs()
    await ownsAllAfter(one, HOUR_MS)
    expect(clock.monotonicMs() - diedMs).toBeLessThanOrEqual(
      SESSION_TIMEOUT_DEFAULT_MS + CLOCK_SKEW_MS_MAX + 2 * INTERVAL_MS,
    )
  })

  test('keeps no dead member for longer than its session', async () => {
    const [one, dead] = [member('one'), member('dead')]
    await settle([one, dead])
    harness.clock.stepWall(stepMs)
    const afterMs = await ownsAllAfter(one, HOUR_MS)
    expect(afterMs).toBeLessThanOrEqual(SESSION_TIMEOUT_DEFAULT_MS + CLOCK_SKEW_MS_MAX + 2 * INTERVAL_MS)
  })

  test('nor for longer than one session more, by a broker that was started since', async () => {
    const [one, dead] = [member('one'), member('dead')]
    await settle([one, dead])
    harness.clock.stepWall(stepMs)
    const back = member('one', harness.open(), { memberEpoch: one.request.memberEpoch })
    back.assigned = one.assigned
    const afterMs = await ownsAllAfter(back, HOUR_MS)
    expect(afterMs).toBeLessThanOrEqual(SESSION_TIMEOUT_DEFAULT_MS + CLOCK_SKEW_MS_MAX + 2 * INTERVAL_MS)
  })

  test('nor by processes that each look once, as functions may', async () => {
    const [one, dead] = [member('one'), member('dead')]
    await settle([one, dead])
    harness.clock.stepWall(stepMs)
    const ownsAll = async () => {
      for (let passedMs = 0; passedMs < HOUR_MS; passedMs += INTERVAL_MS) {
        const next = member('one', harness.open(), { ...one.request, memberEpoch: one.request.memberEpoch })
        next.assigned = one.assigned
        next.toRelease = one.toRelease
        // A step ahead takes the living for dead, too: it joins again.
        const owned = await next.beat().catch(() => {
          one.request.memberEpoch = 0
          delete one.request.settledEpoch
          return []
        })
        if (owned.length === 6) return passedMs
        if (owned.length > 0) {
          one.assigned = next.assigned
          one.request.memberEpoch = next.request.memberEpoch
        }
        await harness.pass(INTERVAL_MS)
      }
      return Number.POSITIVE_INFINITY
    }
    expect(await ownsAll()).toBeLessThanOrEqual(
      SESSION_TIMEOUT_DEFAULT_MS + CLOCK_SKEW_MS_MAX + 2 * INTERVAL_MS,
    )
  })

  test('holds up nobody who resets or deletes a group of dead members for longer than their session', async () => {
    await settle([member('one'), member('two')])
    harness.clock.stepWall(stepMs)
    const fresh = harness.open()
    const reset = async (by: LogBroker) => {
      const offsets = [{ topic: 'orders', partition: 0, offset: 5 as never }]
      const [committed] = await harness.run(by.commitOffsets({ groupId: GROUP, offsets }))
      return committed!.error?.kafkaName ?? null
    }
    // Commands: each is a process of its own.
    await reset(fresh)
    await harness.run(harness.open().deleteGroup(GROUP)).catch(() => {})
    await harness.pass(SESSION_TIMEOUT_DEFAULT_MS + CLOCK_SKEW_MS_MAX + 1)
    expect(await reset(harness.open())).toBeNull()
    await harness.run(harness.open().deleteGroup(GROUP))
  })

  test('gives a group that is made anew higher generations than it had', async () => {
    const zombie = member('one', broker, { instanceId: 'left' })
    await zombie.beat()
    const last = Math.max(...zombie.assigned.map(({ generation }) => generation))
    await harness.pass(SESSION_TIMEOUT_DEFAULT_MS + 1)
    await harness.run(broker.deleteGroup(GROUP))
    harness.clock.stepWall(stepMs)
    const back = member('two', broker, { instanceId: 'left' })
    await back.beat()
    expect(back.assigned.map(({ generation }) => generation)).toEqual(Array(6).fill(last + 1))
    expect(await zombie.commit(0, 9)).toBe('FENCED_MEMBER_EPOCH')
    expect(await back.commit(0, 5)).toBe(null)
  })

  test('makes no partition old that is added afterwards', async () => {
    const one = member('one')
    await one.beat()
    await harness.pass(1_000)
    harness.clock.stepWall(stepMs)
    await harness.run(harness.open().alterTopic({ topic: 'orders', partitions: 7 }))
    await harness.pass(INTERVAL_MS)
    await one.beat()
    const added = one.assigned.find(({ partition }) => partition === 6)
    expect(added).toMatchObject({ isNew: true })
  })

  test('lets a later commit count, and only that', async () => {
    const one = member('one')
    await one.beat()
    for (const offset of [3, 5, 4]) {
      harness.clock.stepWall(stepMs)
      expect(await one.commit(0, offset)).toBeNull()
    }
    const [topic] = await harness.run(broker.fetchOffsets({ groupId: GROUP }))
    expect(topic?.offset).toBe(5)
  })
})

test('a broker that has seen nothing of a group goes by the clock', async () => {
  const crowd = Array.from({ length: 3 }, (_, number) => member(`m${number}`))
  await settle(crowd)
  await harness.pass(SESSION_TIMEOUT_DEFAULT_MS + 1)
  const fresh = member('fresh', harness.open())
  await fresh.beat()
  expect(fresh.partitions).toHaveLength(6)
})
