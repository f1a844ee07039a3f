import { describe, expect, test } from 'vitest'
import type { Claim, Group, Member } from '../../../src/core/group/group.ts'
import {
  checkClientId,
  checkGroupId,
  checkInstanceId,
  checkMemberId,
  storedMemberId,
} from '../../../src/core/group/identity.ts'
import { checkMetadata } from '../../../src/core/group/offset-metadata.ts'
import {
  canTakeOver,
  isExpired,
  LEASE_ENDED_MS,
  lookUntil,
  needsLook,
  newSinceMs,
  type Silence,
  shortenedLease,
  toHeartbeatInterval,
  toSessionTimeout,
} from '../../../src/core/group/session.ts'
import { CLOCK_SKEW_MS_MAX, GROUP_LOOK_MS_MAX } from '../../../src/core/limits.ts'

const refused = (kafkaName: string) => expect.objectContaining({ kafkaName })

const GROUP: Group = {
  groupId: 'g',
  epoch: 3,
  targetId: 'ab',
  targetChunks: 1,
  assignor: 'range',
  marks: 5,
  marksSeen: 5,
  topicsDigest: '',
  checkedMs: 10_000,
}

const MEMBER: Member = {
  memberId: 'm',
  incarnation: 'm',
  instanceId: null,
  clientId: '',
  topics: ['a'],
  topicPattern: null,
  assignor: 'range',
  sessionTimeoutMs: 6_000,
  joinedMs: 0,
  leaseUntilMs: 20_000,
  settledEpoch: 2,
}

test('a session time-out has bounds, and a member may lose two heartbeats', () => {
  expect(toSessionTimeout(undefined)).toBe(45_000)
  expect(toSessionTimeout(6_000)).toBe(6_000)
  expect(toSessionTimeout(1_800_000)).toBe(1_800_000)
  for (const wrong of [5_999, 1_800_001, 6_000.5, Number.NaN, -1]) {
    expect(() => toSessionTimeout(wrong)).toThrow(refused('INVALID_REQUEST'))
  }
  expect(toHeartbeatInterval(45_000)).toBe(3_000)
  expect(toHeartbeatInterval(6_000)).toBe(2_000)
})

describe('who looks', () => {
  test('one when a mark was not seen, and else one an interval', () => {
    expect(needsLook({ ...GROUP, marks: 6 }, 10_000, 3_000)).toBe('marked')
    expect(needsLook(GROUP, 12_999, 3_000)).toBeNull()
    expect(needsLook(GROUP, 13_000, 3_000)).toBe('interval')
  })

  test('nobody else while somebody is at it, unless that takes too long or was noted by a clock that was wrong', () => {
    const begun: Group = { ...GROUP, marks: 6, checkedMs: lookUntil(10_000) }
    expect(needsLook(begun, 10_000, 3_000)).toBeNull()
    expect(needsLook(begun, 10_000 + GROUP_LOOK_MS_MAX - 1, 3_000)).toBeNull()
    expect(needsLook(begun, 10_000 + GROUP_LOOK_MS_MAX, 3_000)).toBe('marked')
    expect(needsLook(begun, 9_999, 3_000)).toBe('marked')
  })

  test('a clock that is behind waits, but not for one that was wrong', () => {
    expect(needsLook(GROUP, 10_000 - CLOCK_SKEW_MS_MAX, 3_000)).toBeNull()
    expect(needsLook(GROUP, 10_000 - CLOCK_SKEW_MS_MAX - 1, 3_000)).toBe('interval')
  })
})

test('a lease runs out after its last millisecond', () => {
  expect(isExpired(MEMBER, 20_000)).toBe(false)
  expect(isExpired(MEMBER, 20_001)).toBe(true)
})

describe('what a process has seen goes before what clocks say:', () => {
  const seen = (change: Partial<Silence>): Silence => ({
    atLeastMs: 0,
    atMostMs: Number.POSITIVE_INFINITY,
    clockSetAheadMs: Number.POSITIVE_INFINITY,
    ...change,
  })

  test('who was silent before its eyes is, however far ahead the lease lies', () => {
    expect(isExpired(MEMBER, 0, seen({ atLeastMs: 6_000 }))).toBe(false)
    expect(isExpired(MEMBER, 0, seen({ atLeastMs: 6_001 }))).toBe(true)
  })

  test('who was heard within a session is not, however late it is', () => {
    expect(isExpired(MEMBER, 1e12, seen({ atMostMs: 6_000 }))).toBe(false)
    expect(isExpired(MEMBER, 1e12, seen({ atMostMs: 6_001 }))).toBe(true)
  })

  test('for a session after its clock was set ahead it believes no clock', () => {
    expect(isExpired(MEMBER, 1e12, seen({ clockSetAheadMs: 6_000 }))).toBe(false)
    expect(isExpired(MEMBER, 1e12, seen({ clockSetAheadMs: 6_001 }))).toBe(true)
    expect(isExpired(MEMBER, 1e12, seen({ clockSetAheadMs: 1, atLeastMs: 6_001 }))).toBe(true)
  })

  test('who has left is gone at once', () => {
    const left = { ...MEMBER, leaseUntilMs: LEASE_ENDED_MS }
    expect(isExpired(left, -1e12, seen({ atMostMs: 0, clockSetAheadMs: 0 }))).toBe(true)
  })

  test('a partition is taken when the owner was silent for some time more', () => {
    const claim: Claim = { topicId: 't', partition: 0, owner: 'm', generation: 1, committed: null }
    const late = 6_000 + CLOCK_SKEW_MS_MAX
    expect(canTakeOver(claim, MEMBER, 3, 0, seen({ atLeastMs: late }))).toBe(false)
    expect(canTakeOver(claim, MEMBER, 3, 0, seen({ atLeastMs: late + 1 }))).toBe(true)
    expect(canTakeOver(claim, MEMBER, 3, 1e12, seen({ atMostMs: 6_000 }))).toBe(false)
  })
})

test('a lease that no clock of now would write is shortened to one that it would', () => {
  const latest = 20_000 - 6_000 - CLOCK_SKEW_MS_MAX
  expect(shortenedLease(MEMBER, latest)).toBeUndefined()
  expect(shortenedLease(MEMBER, latest - 1)).toBe(latest - 1 + 6_000)
})

test('what is new to a group is what was made since, and all if the group is from the future', () => {
  expect(newSinceMs(GROUP, 0)).toBeUndefined()
  const group = { ...GROUP, sinceMs: 10_000 }
  expect(newSinceMs(group, 10_000 - CLOCK_SKEW_MS_MAX)).toBe(10_000)
  expect(newSinceMs(group, 10_000 - CLOCK_SKEW_MS_MAX - 1)).toBe(0)
})

test('a claim is taken from who is gone, silent by any clock, or was never told of it; and from nobody else', () => {
  const claim: Claim = { topicId: 't', partition: 0, owner: 'm', generation: 1, committed: null }
  expect(canTakeOver({ ...claim, owner: null }, undefined, 3, 0)).toBe(true)
  expect(canTakeOver(claim, undefined, 3, 0)).toBe(true)
  expect(canTakeOver(claim, MEMBER, 3, 20_000 + CLOCK_SKEW_MS_MAX)).toBe(false)
  expect(canTakeOver(claim, MEMBER, 3, 20_001 + CLOCK_SKEW_MS_MAX)).toBe(true)
  expect(canTakeOver(claim, { ...MEMBER, settledEpoch: 3 }, 3, 0)).toBe(true)
  expect(canTakeOver(claim, { ...MEMBER, settledEpoch: 4 }, 3, 0)).toBe(false)
})

describe('ids', () => {
  const fine = ['g', 'a group/with#signs', 'Größe 🌊', '...', 'x'.repeat(249)]
  const wrong = ['', '.', '..', 'a\nb', 'a\u0000', '\u0085', '\ud800', 'x'.repeat(250)]

  test('any text that can be stored and shown', () => {
    for (const id of fine) {
      expect(() => checkGroupId(id)).not.toThrow()
      expect(() => checkMemberId(id)).not.toThrow()
    }
    for (const id of wrong) {
      expect(() => checkGroupId(id)).toThrow(refused('INVALID_GROUP_ID'))
      expect(() => checkMemberId(id)).toThrow(refused('INVALID_REQUEST'))
      expect(() => checkInstanceId(id)).toThrow(refused('INVALID_REQUEST'))
    }
    expect(() => checkClientId('')).not.toThrow()
    expect(() => checkClientId('a\nb')).toThrow(refused('INVALID_REQUEST'))
  })

  test('no member has the stored id of a static one', () => {
    expect(storedMemberId('m', 'left')).toBe('instance-left')
    expect(storedMemberId('m', null)).toBe('m')
    expect(storedMemberId('m', undefined)).toBe('m')
    expect(() => checkMemberId('instance-left')).toThrow(refused('INVALID_REQUEST'))
    expect(() => checkInstanceId('x'.repeat(240))).not.toThrow()
    expect(() => checkInstanceId('x'.repeat(241))).toThrow(refused('INVALID_REQUEST'))
  })
})

test("an offset's metadata is measured in bytes", () => {
  expect(() => checkMetadata('ö'.repeat(2_048))).not.toThrow()
  expect(() => checkMetadata('ö'.repeat(2_049))).toThrow(refused('OFFSET_METADATA_TOO_LARGE'))
})
