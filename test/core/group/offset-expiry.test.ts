import { expect, test } from 'vitest'
import type { Claim, Member } from '../../../src/core/group/group.ts'
import { newGroup } from '../../../src/core/group/group-changes.ts'
import { findUselessClaims, type GroupSeen } from '../../../src/core/group/offset-expiry.ts'
import { OFFSETS_RETENTION_MS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'

const NOW_MS = 1_750_000_000_000
/** Just long enough ago. */
const OLD_MS = NOW_MS - OFFSETS_RETENTION_MS - 1

function claimOf(change: Partial<Claim> = {}, committedMs: number | null = OLD_MS): Claim {
  const committed =
    committedMs === null ? null : { offset: toOffset(5), leaderEpoch: -1, metadata: '', committedMs }
  return { topicId: 'tides', partition: 0, owner: null, generation: 1, committed, ...change }
}

const member = (leaseUntilMs: number): Member => ({
  memberId: 'one',
  incarnation: '',
  instanceId: null,
  clientId: '',
  topics: [],
  topicPattern: null,
  assignor: 'range',
  sessionTimeoutMs: 45_000,
  joinedMs: 0,
  leaseUntilMs,
  settledEpoch: 0,
})

const PENDING = {
  transactionId: '7-0-1',
  transactionalId: 'shop',
  version: '00'.repeat(16),
  offset: toOffset(9),
  leaderEpoch: -1,
  metadata: '',
}

interface Row {
  readonly claim: Claim
  readonly checkedMs?: number | null
  readonly members?: readonly Member[]
  readonly hasTrigger?: boolean
  /** Undefined: it stays. */
  readonly isForGood?: boolean
}

const ROWS: Record<string, Row> = {
  'of an empty group, for long enough': { claim: claimOf(), isForGood: false },
  'for a millisecond less': { claim: claimOf({}, OLD_MS + 1) },
  'of a group that was looked at since': { claim: claimOf(), checkedMs: OLD_MS + 1 },
  'of a group whose last member was heard of since': { claim: claimOf(), members: [member(OLD_MS + 1)] },
  'of a group whose member has been silent for long enough': {
    claim: claimOf({ owner: 'one' }),
    members: [member(OLD_MS)],
    isForGood: false,
  },
  'of a group with a member': { claim: claimOf(), members: [member(NOW_MS)] },
  'of a group that is gone itself': { claim: claimOf(), checkedMs: null, isForGood: false },
  'where nothing is committed': { claim: claimOf({}, null) },
  'with something pending': { claim: claimOf({ pending: PENDING }) },
  'with something pending, of a topic that is gone': {
    claim: claimOf({ topicId: 'ebbs', pending: PENDING }),
  },
  'of a trigger': { claim: claimOf(), hasTrigger: true },
  'of a topic that is gone, however young': { claim: claimOf({ topicId: 'ebbs' }, NOW_MS), isForGood: true },
  'of a topic that is gone, with nothing committed': {
    claim: claimOf({ topicId: 'ebbs' }, null),
    isForGood: true,
  },
  'of a topic that is gone, with a trigger': {
    claim: claimOf({ topicId: 'ebbs' }),
    hasTrigger: true,
    isForGood: true,
  },
  'of a topic that is gone, and the trigger still owns it': {
    claim: claimOf({ topicId: 'ebbs', owner: 'trigger' }),
    hasTrigger: true,
  },
  'of a topic that is gone, and a member still owns it': {
    claim: claimOf({ topicId: 'ebbs', owner: 'one' }),
    members: [member(NOW_MS)],
  },
  'of a topic that is gone, and its owner is, too': {
    claim: claimOf({ topicId: 'ebbs', owner: 'one' }),
    members: [member(NOW_MS - 1)],
    isForGood: true,
  },
}

test.each(Object.entries(ROWS))('a claim %s', (_, row) => {
  const { claim, checkedMs = OLD_MS, members = [], hasTrigger = false, isForGood } = row
  const group = checkedMs === null ? undefined : { ...newGroup('gauges', 'range'), checkedMs }
  const seen: GroupSeen = { group, claims: [claim], members, hasTrigger }
  const found = findUselessClaims(seen, new Set(['tides']), NOW_MS)
  expect(found).toEqual(isForGood === undefined ? [] : [{ claim, isForGood }])
})
