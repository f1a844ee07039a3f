import { nextGeneration, type Ownership } from '../../core/group/claim.ts'
import type { CommittedOffset, Group, Member } from '../../core/group/group.ts'
import {
  CLAIM_ATTRIBUTES,
  GROUP_ATTRIBUTES,
  KEY_ATTRIBUTES,
  MEMBER_ATTRIBUTES,
} from '../../core/storage-layout.ts'
import { number } from './dynamo-items.ts'
import type { Update } from './dynamo-table.ts'

/** The changes of groups, members and claims as updates of one item each: what the port says, in DynamoDB's words. */

const EXISTS = `attribute_exists(${KEY_ATTRIBUTES.partition})`
const IS_NEW = `attribute_not_exists(${KEY_ATTRIBUTES.partition})`
const { epoch, targetId, targetChunks, assignor, marks, marksSeen, topicsDigest, checkedMs, unlisted } =
  GROUP_ATTRIBUTES
const { owner: OWNER, generation: GENERATION, committedMs: COMMITTED_MS } = CLAIM_ATTRIBUTES

/** Takes back what marks a group as perhaps not listed; another one of the same id keeps its own. */
export function listedUpdate(mark: string): Update {
  return {
    expression: `REMOVE ${unlisted}`,
    condition: `${unlisted} = :mark`,
    names: {},
    values: { ':mark': { S: mark } },
  }
}

export function markUpdate(): Update {
  return {
    expression: `ADD ${marks} :one`,
    condition: EXISTS,
    names: {},
    values: { ':one': number(1) },
  }
}

export function checkUpdate(expectedMs: number, nowMs: number): Update {
  return {
    expression: `SET ${checkedMs} = :now`,
    condition: `${checkedMs} = :expected`,
    names: {},
    values: { ':now': number(nowMs), ':expected': number(expectedMs) },
  }
}

export function targetUpdate(target: Group): Update {
  const set = [
    `${epoch} = :epoch`,
    `${targetId} = :target`,
    `${targetChunks} = :chunks`,
    `${assignor} = :assignor`,
    `${marksSeen} = :seen`,
    `${topicsDigest} = :digest`,
    `${checkedMs} = :checked`,
  ]
  return {
    expression: `SET ${set.join(', ')}`,
    condition: `${epoch} = :before`,
    names: {},
    values: {
      ':epoch': number(target.epoch),
      ':before': number(target.epoch - 1),
      ':target': { S: target.targetId },
      ':chunks': number(target.targetChunks),
      ':assignor': { S: target.assignor },
      ':seen': number(target.marksSeen),
      ':digest': { S: target.topicsDigest },
      ':checked': number(target.checkedMs),
    },
  }
}

export function leaseUpdate(lease: Pick<Member, 'leaseUntilMs' | 'settledEpoch'>): Update {
  const { leaseUntilMs, settledEpoch } = MEMBER_ATTRIBUTES
  return {
    expression: `SET ${leaseUntilMs} = :until, ${settledEpoch} = :settled`,
    condition: EXISTS,
    names: {},
    values: { ':until': number(lease.leaseUntilMs), ':settled': number(lease.settledEpoch) },
  }
}

/** An owner of null is an attribute that is not there. */
export function ownerUpdate(
  owner: string | null,
  expected: Ownership | undefined,
  firstGeneration = 1,
): Update {
  const next = number(nextGeneration(expected, firstGeneration))
  const expectation = expected ? isOwnedAs(expected) : { condition: IS_NEW, values: {} }
  return {
    expression: `SET ${GENERATION} = :next${owner === null ? ` REMOVE ${OWNER}` : `, ${OWNER} = :owner`}`,
    condition: expectation.condition,
    names: {},
    values: {
      ':next': next,
      ...(owner !== null && { ':owner': { S: owner } }),
      ...expectation.values,
    },
  }
}

export function commitUpdate(
  committed: CommittedOffset,
  by: { readonly owner: string; readonly generation: number } | 'unowned',
  seenMs: number | null,
): Update {
  const set = [
    `${CLAIM_ATTRIBUTES.offset} = :offset`,
    `${CLAIM_ATTRIBUTES.leaderEpoch} = :leader`,
    `${CLAIM_ATTRIBUTES.metadata} = :metadata`,
    `${COMMITTED_MS} = :committed`,
  ]
  // A claim that nobody ever owned is made by its first commit.
  if (by === 'unowned') set.push(`${GENERATION} = if_not_exists(${GENERATION}, :never)`)
  const expectation =
    by === 'unowned'
      ? { condition: `attribute_not_exists(${OWNER})`, values: { ':never': number(0) } }
      : isOwnedAs(by)
  const isNext = seenMs === null ? `attribute_not_exists(${COMMITTED_MS})` : `${COMMITTED_MS} = :seen`
  return {
    expression: `SET ${set.join(', ')}`,
    condition: `${expectation.condition} AND ${isNext}`,
    names: {},
    values: {
      ':offset': number(committed.offset),
      ':leader': number(committed.leaderEpoch),
      ':metadata': { S: committed.metadata },
      ':committed': number(committed.committedMs),
      ...(seenMs !== null && { ':seen': number(seenMs) }),
      ...expectation.values,
    },
  }
}

function isOwnedAs({ owner, generation }: Ownership): Pick<Update, 'condition' | 'values'> {
  const isOwner = owner === null ? `attribute_not_exists(${OWNER})` : `${OWNER} = :expected`
  return {
    condition: `${isOwner} AND ${GENERATION} = :generation`,
    values: {
      ':generation': number(generation),
      ...(owner !== null && { ':expected': { S: owner } }),
    },
  }
}
