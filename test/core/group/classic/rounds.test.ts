import { expect, test } from 'vitest'
import { checkCommit, checkHeartbeat } from '../../../../src/core/group/classic/checks.ts'
import { type ClassicGroup, newClassicGroup } from '../../../../src/core/group/classic/classic-group.ts'
import { decideJoin, type JoinDecision, type Joiner } from '../../../../src/core/group/classic/join.ts'
import { isOver, passBarrier, withoutMembers } from '../../../../src/core/group/classic/round.ts'

const refused = (kafkaName: string) => expect.objectContaining({ kafkaName })
const SETTINGS = { initialDelayMs: 3_000 }
const NOW_MS = 1_750_000_000_000
const EMPTY = newClassicGroup('v')

function joiner(memberId: string, others: Partial<Joiner> = {}): Joiner {
  return {
    memberId,
    newMemberId: 'new',
    instanceId: null,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: ['range'],
    metadataId: `${memberId}-metadata`,
    needsMemberId: false,
    canSkipAssignment: true,
    ...others,
  }
}

const join = (group: ClassicGroup, who: Joiner, nowMs = NOW_MS): JoinDecision =>
  decideJoin(group, who, nowMs, SETTINGS)

/** What the group becomes when somebody joins it. */
function after(group: ClassicGroup, who: Joiner, nowMs = NOW_MS): ClassicGroup {
  return join(group, who, nowMs).next ?? group
}

/** One after the other joins, and what they make is stable. */
function stable(...joiners: readonly Joiner[]): ClassicGroup {
  let group = EMPTY
  for (const who of joiners) group = after(group, { ...who, memberId: '', newMemberId: who.memberId })
  return { ...passBarrier(group, NOW_MS + 3_000)!, phase: 'stable', assignmentId: 'a' }
}

const ids = ({ members }: ClassicGroup) => members.map(({ memberId }) => memberId)

test('the first member of an empty group waits for others, and longer with each that comes', () => {
  const one = after(EMPTY, joiner('', { newMemberId: 'a' }))
  expect(one).toMatchObject({ phase: 'joining', generation: 0, leader: 'a', protocolType: 'consumer' })
  expect(passBarrier(one, NOW_MS + 2_999)).toBeUndefined()
  const two = after(one, joiner('', { newMemberId: 'b' }), NOW_MS + 2_000)
  expect(passBarrier(two, NOW_MS + 4_999)).toBeUndefined()
  const round = passBarrier(two, NOW_MS + 5_000)!
  expect(round).toMatchObject({ phase: 'syncing', generation: 1, leader: 'a', protocolName: 'range' })
  expect(ids(round)).toEqual(['a', 'b'])
})

test('an empty group waits no longer than its members let it', () => {
  const patient = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 7_000 }
  let group = after(EMPTY, joiner('', { newMemberId: 'a', ...patient }))
  for (let second = 1; second < 7; second += 1) {
    group = after(group, joiner('', { newMemberId: `b${second}`, ...patient }), NOW_MS + second * 1_000)
  }
  expect(passBarrier(group, NOW_MS + 6_999)).toBeUndefined()
  expect(passBarrier(group, NOW_MS + 7_000)).toMatchObject({ phase: 'syncing', generation: 1 })
})

test('a round ends when all have joined, or without those who have not', () => {
  const group = stable(joiner('a'), joiner('b'))
  const round = after(group, joiner('', { newMemberId: 'c' }))
  expect(round).toMatchObject({ phase: 'joining', generation: 1, assignmentId: null })
  const two = after(round, joiner('a'))
  expect(two.phase).toBe('joining')
  expect(after(two, joiner('b'))).toMatchObject({ phase: 'syncing', generation: 2, leader: 'a' })
  expect(passBarrier(two, NOW_MS + 59_999)).toBeUndefined()
  expect(ids(passBarrier(two, NOW_MS + 60_000)!)).toEqual(['a', 'c'])
})

test('where the leader does not come again, the first who has leads', () => {
  const round = after(stable(joiner('a'), joiner('b'), joiner('c')), joiner('b', { metadataId: 'other' }))
  const both = after(round, joiner('c'))
  expect(passBarrier(both, NOW_MS + 60_000)).toMatchObject({ leader: 'b', generation: 2 })
})

test('static members who have not come again stay, and where nobody has, all are waited for again', () => {
  const round = after(stable(joiner('a', { instanceId: 'A' }), joiner('b')), joiner('b', { metadataId: 'x' }))
  const next = passBarrier(round, NOW_MS + 60_000)!
  expect(ids(next)).toEqual(['a', 'b'])
  expect(next.leader).toBe('b')
  const alone = withoutMembers({ ...next, phase: 'stable' }, new Set(['b']), NOW_MS)!
  expect(alone).toMatchObject({ phase: 'joining', leader: null })
  expect(passBarrier(alone, NOW_MS + 60_000)).toMatchObject({
    phase: 'joining',
    generation: 2,
    barrier: { sinceMs: NOW_MS + 60_000 },
  })
})

test('who leaves has the others join anew, and the last one leaves an empty group of another generation', () => {
  const group = stable(joiner('a'), joiner('b'))
  const one = withoutMembers(group, new Set(['a']), NOW_MS)!
  expect(one).toMatchObject({ phase: 'joining', leader: null, generation: 1 })
  expect(withoutMembers(one, new Set(['b']), NOW_MS)).toEqual({
    ...EMPTY,
    protocolType: 'consumer',
    generation: 2,
  })
  expect(withoutMembers(group, new Set(['z']), NOW_MS)).toBeUndefined()
})

test('who is slow is not waited for once it is out', () => {
  const round = after(
    after(stable(joiner('a'), joiner('b')), joiner('a')),
    joiner('c', { memberId: '', newMemberId: 'c' }),
  )
  expect(round.phase).toBe('joining')
  expect(withoutMembers(round, new Set(['b']), NOW_MS)).toMatchObject({ phase: 'syncing', generation: 2 })
})

test('an id that was given out is waited for until its time is over', () => {
  const needs = { needsMemberId: true }
  const first = join(EMPTY, joiner('', { ...needs, newMemberId: 'a' }))
  expect(first).toMatchObject({ kind: 'needs-member-id', memberId: 'a' })
  expect(first.next).toMatchObject({ phase: 'empty', members: [], pending: [{ memberId: 'a' }] })
  const joined = after(first.next!, joiner('a', needs))
  expect(joined).toMatchObject({ phase: 'joining', pending: [], members: [{ memberId: 'a' }] })
  const group = { ...passBarrier(joined, NOW_MS + 3_000)!, phase: 'stable' as const }
  const pending = join(group, joiner('', { ...needs, newMemberId: 'b' })).next!
  expect(pending.phase).toBe('stable')
  const round = after(pending, joiner('a', { metadataId: 'x' }))
  expect(round.phase).toBe('joining')
  expect(passBarrier(round, NOW_MS + 10_001)).toMatchObject({ phase: 'syncing', generation: 2 })
  expect(withoutMembers(round, new Set(['b']), NOW_MS)).toMatchObject({ phase: 'syncing', pending: [] })
  expect(() => join(group, joiner('z', needs))).toThrow(refused('UNKNOWN_MEMBER_ID'))
})

test('who says nothing new to a stable group is told how it stands, and the leader has all join anew', () => {
  const group = stable(joiner('a'), joiner('b'))
  expect(join(group, joiner('b'))).toEqual({
    kind: 'stands',
    next: undefined,
    memberId: 'b',
    leader: 'a',
    isToldMembers: false,
    skipsAssignment: false,
  })
  expect(join(group, joiner('a')).next).toMatchObject({ phase: 'joining' })
  expect(join({ ...group, phase: 'syncing' }, joiner('a'))).toMatchObject({
    kind: 'stands',
    isToldMembers: true,
  })
  expect(join(group, joiner('b', { metadataId: 'x' })).next).toMatchObject({ phase: 'joining' })
})

test('a static member comes back under another id, and nothing moves', () => {
  const group = stable(joiner('a', { instanceId: 'A' }), joiner('b', { instanceId: 'B' }))
  const follower = join(group, joiner('', { instanceId: 'B' }))
  expect(follower).toMatchObject({ kind: 'stands', memberId: 'new', leader: 'a', skipsAssignment: false })
  expect(follower.next).toMatchObject({ phase: 'stable', generation: 1 })
  expect(follower.next!.members[1]).toMatchObject({ memberId: 'new', assignedAs: 'b' })
  expect(join(group, joiner('', { instanceId: 'A' }))).toMatchObject({
    kind: 'stands',
    leader: 'new',
    isToldMembers: true,
    skipsAssignment: true,
  })
  expect(join(group, joiner('', { instanceId: 'A', canSkipAssignment: false }))).toMatchObject({
    kind: 'stands',
    leader: 'a',
    isToldMembers: false,
    skipsAssignment: false,
  })
  const name = { memberId: 'b', instanceId: 'B', generation: 1 }
  expect(() => checkHeartbeat(follower.next, name)).toThrow(refused('FENCED_INSTANCE_ID'))
  expect(() => join(follower.next!, joiner('b', { instanceId: 'B' }))).toThrow(refused('FENCED_INSTANCE_ID'))
})

test('where a static member comes back with another protocol that decides, all join anew', () => {
  const both = { protocols: ['range', 'sticky'] }
  const group = stable(joiner('a', { ...both }), joiner('b', { ...both, instanceId: 'B' }))
  const back = join(group, joiner('', { instanceId: 'B', protocols: ['sticky'] }))
  expect(back).toMatchObject({ kind: 'waits', memberId: 'new', next: { phase: 'joining', generation: 1 } })
})

test('protocols: the one that most prefer of those that all know', () => {
  const group = stable(
    joiner('a', { protocols: ['x', 'y', 'z'] }),
    joiner('b', { protocols: ['z', 'y'] }),
    joiner('c', { protocols: ['w', 'z', 'y'] }),
  )
  expect(group.protocolName).toBe('z')
  expect(() => join(group, joiner('', { protocols: ['x'] }))).toThrow(refused('INCONSISTENT_GROUP_PROTOCOL'))
  expect(() => join(group, joiner('', { protocols: ['z'], protocolType: 'connect' }))).toThrow(
    refused('INCONSISTENT_GROUP_PROTOCOL'),
  )
  for (const nothing of [{ protocols: [] }, { protocolType: '' }]) {
    expect(() => join(EMPTY, joiner('', nothing))).toThrow(refused('INCONSISTENT_GROUP_PROTOCOL'))
  }
  const alone = stable(joiner('a'))
  expect(join(alone, joiner('a', { protocols: ['sticky'], metadataId: 'x' })).next).toMatchObject({
    phase: 'syncing',
    generation: 2,
    protocolName: 'sticky',
  })
})

test('a heartbeat is told what is wrong with it', () => {
  const group = stable(joiner('a'))
  const heartbeat = (memberId: string, generation: number, of: ClassicGroup | undefined = group) =>
    checkHeartbeat(of, { memberId, generation })
  expect(heartbeat('a', 1).memberId).toBe('a')
  expect(heartbeat('a', 1, { ...group, phase: 'syncing' }).memberId).toBe('a')
  expect(() => heartbeat('b', 1)).toThrow(refused('UNKNOWN_MEMBER_ID'))
  expect(() => checkHeartbeat(undefined, { memberId: 'a', generation: 1 })).toThrow(
    refused('UNKNOWN_MEMBER_ID'),
  )
  expect(() => heartbeat('a', 2)).toThrow(refused('ILLEGAL_GENERATION'))
  expect(() => heartbeat('a', 1, { ...group, phase: 'joining' })).toThrow(refused('REBALANCE_IN_PROGRESS'))
})

test('who may commit', () => {
  const group = stable(joiner('a', { instanceId: 'A' }))
  const commit =
    (memberId: string, generation: number, of = group, instanceId?: string) =>
    () =>
      checkCommit(of, { memberId, generation, instanceId })
  expect(commit('a', 1)).not.toThrow()
  expect(commit('a', 1, group, 'A')).not.toThrow()
  expect(commit('a', 1, { ...group, phase: 'joining' })).not.toThrow()
  expect(commit('', -1, EMPTY)).not.toThrow()
  expect(commit('', -1)).toThrow(refused('UNKNOWN_MEMBER_ID'))
  expect(commit('a', -1)).toThrow(refused('ILLEGAL_GENERATION'))
  expect(commit('a', 0)).toThrow(refused('ILLEGAL_GENERATION'))
  expect(commit('b', 1)).toThrow(refused('UNKNOWN_MEMBER_ID'))
  expect(commit('b', 1, group, 'A')).toThrow(refused('FENCED_INSTANCE_ID'))
  expect(commit('a', 1, { ...group, phase: 'syncing' })).toThrow(refused('REBALANCE_IN_PROGRESS'))
})

test('a barrier that a wrong clock has put far ahead holds nobody up', () => {
  const barrier = { sinceMs: NOW_MS, untilMs: NOW_MS + 3_000, isInitial: false }
  expect(isOver(barrier, NOW_MS)).toBe(false)
  expect(isOver(barrier, NOW_MS - 4_000)).toBe(false)
  expect(isOver(barrier, NOW_MS - 3_600_000)).toBe(true)
  expect(isOver(null, NOW_MS)).toBe(true)
})

test('an id that a wrong clock gave out holds nobody up, and may be joined with all the same', () => {
  const group = stable(joiner('a'))
  const ahead = joiner('', { needsMemberId: true, newMemberId: 'b' })
  const pending = join(group, ahead, NOW_MS + 3_600_000).next!
  const round = after(pending, joiner('a', { metadataId: 'x' }))
  expect(round).toMatchObject({ phase: 'syncing', generation: 2 })
  expect(ids(after(pending, joiner('b')))).toEqual(['a', 'b'])
})
