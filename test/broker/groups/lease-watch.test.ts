import { beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { LeaseWatch } from '../../../src/broker/groups/lease-watch.ts'
import type { Member } from '../../../src/core/group/group.ts'
import { CLOCK_SKEW_MS_MAX, LEASE_ITEMS_WATCHED_MAX } from '../../../src/core/limits.ts'

const NEVER_MS = Number.POSITIVE_INFINITY

let clock: VirtualClock
let watch: LeaseWatch

beforeEach(() => {
  clock = new VirtualClock(1_750_000_000_000)
  watch = new LeaseWatch(clock)
})

const pass = (durationMs: number) => clock.runUntilSettled(clock.sleep(durationMs))
const member = (leaseUntilMs: number, memberId = 'm') => ({ memberId, leaseUntilMs }) as Member
const seen = (leaseUntilMs: number, memberId?: string) => {
  const { atLeastMs, atMostMs } = watch.see('g', member(leaseUntilMs, memberId))
  return [atLeastMs, atMostMs]
}

test('a lease that is seen again has stood for that long, and for no longer than since another one was seen', async () => {
  expect(seen(10)).toEqual([0, NEVER_MS])
  await pass(700)
  expect(seen(10)).toEqual([700, NEVER_MS])
  await pass(200)
  expect(seen(20)).toEqual([0, 200])
  await pass(300)
  expect(seen(20)).toEqual([300, 500])
})

test('one that this process has renewed is as old as that, and another group has others', async () => {
  watch.renewed('g', member(10))
  await pass(400)
  expect(seen(10)).toEqual([400, 400])
  expect(watch.see('h', member(10)).atMostMs).toBe(NEVER_MS)
})

test('who was not there when all were seen has joined since', async () => {
  watch.sawAll('g', clock.monotonicMs())
  await pass(400)
  expect(seen(10)).toEqual([0, 400])
  expect(watch.see('h', member(10)).atMostMs).toBe(NEVER_MS)
})

test('what this process has made of it is no word of the member', async () => {
  seen(10)
  await pass(400)
  watch.shortened('g', 'm', 5)
  expect(seen(5)).toEqual([400, NEVER_MS])
  watch.shortened('g', 'nobody', 5)
})

test('that the wall clock was set ahead is noticed, whenever somebody looks; set back, or a little off, it is not', async () => {
  const setAhead = () => watch.see('g', member(10)).clockSetAheadMs
  clock.stepWall(-3_600_000)
  clock.stepWall(CLOCK_SKEW_MS_MAX)
  expect(setAhead()).toBe(NEVER_MS)
  clock.stepWall(CLOCK_SKEW_MS_MAX)
  expect(setAhead()).toBe(NEVER_MS)
  clock.stepWall(CLOCK_SKEW_MS_MAX + 1)
  watch.noteTime()
  await pass(250)
  expect(setAhead()).toBe(250)
})

test('as many are watched as there is room for, the last ones', async () => {
  watch.sawAll('g', clock.monotonicMs())
  for (let number = 0; number <= LEASE_ITEMS_WATCHED_MAX; number += 1) seen(10, `m${number}`)
  await pass(100)
  expect(seen(10, 'm1')).toEqual([100, 100])
  expect(seen(10, 'm0')).toEqual([0, NEVER_MS])
})

test('in a group of more members than are watched, who was forgotten has not joined since', () => {
  const beganMs = clock.monotonicMs()
  for (let number = 0; number <= LEASE_ITEMS_WATCHED_MAX; number += 1) seen(10, `m${number}`)
  watch.sawAll('g', beganMs)
  expect(seen(10, 'm0')).toEqual([0, NEVER_MS])
})
