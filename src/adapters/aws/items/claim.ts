import {
  type Committer,
  closeClaim,
  isClosed,
  nextGeneration,
  type Ownership,
} from '../../../core/group/claim.ts'
import type { Claim, CommittedOffset, PendingOffset } from '../../../core/group/group.ts'
import { CLAIM_ATTRIBUTES, claimKey, groupKey, parseClaimKey } from '../../../core/storage-layout.ts'
import { PENDING_ATTRIBUTES } from '../../../core/storage-transactions.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import {
  fields,
  type Item,
  itemKey,
  number,
  offset,
  orAbsent,
  orNull,
  sortKeyOf,
  string,
  text,
  whole,
} from '../table/attributes.ts'
import { NO_ITEM } from '../table/conditions.ts'
import type { Update } from '../table/dynamo-table.ts'
import { type Expression, equalities, joined, words } from '../table/expression.ts'

const {
  owner: OWNER,
  generation: GENERATION,
  committedMs: COMMITTED_MS,
  sequence: SEQUENCE,
  underGeneration: UNDER_GENERATION,
  lastGeneration: LAST_GENERATION,
} = CLAIM_ATTRIBUTES
const OWNERSHIP = fields<Ownership>(CLAIM_ATTRIBUTES, { owner: orNull(text), generation: whole })
const COMMITTED = fields<CommittedOffset>(CLAIM_ATTRIBUTES, {
  offset,
  leaderEpoch: whole,
  metadata: text,
  committedMs: whole,
  sequence: orAbsent(whole),
  underGeneration: orAbsent(whole),
})

const PENDING_VERSION = PENDING_ATTRIBUTES.version
const PENDING = fields<PendingOffset>(PENDING_ATTRIBUTES, {
  transactionId: text,
  transactionalId: text,
  version: text,
  offset,
  leaderEpoch: whole,
  metadata: text,
})

export function claimItemKey(groupId: string, partition: PartitionId): Item {
  return itemKey(groupKey(groupId), claimKey(partition))
}

/** @throws RangeError when the item is no claim */
export function decodeClaimItem(item: Item): Claim {
  const last = item[LAST_GENERATION]
  return {
    ...parseClaimKey(sortKeyOf(item)),
    ...OWNERSHIP.decode(item),
    committed: item[COMMITTED_MS] ? COMMITTED.decode(item) : null,
    ...(item[PENDING_VERSION] && { pending: PENDING.decode(item) }),
    ...(last && { lastGeneration: whole.read(last, LAST_GENERATION) }),
  }
}

/** {@link closeClaim} in DynamoDB's words; null: the claim is closed; undefined: there is nothing to keep of it. */
export function closeUpdate(claim: Claim): Update | null | undefined {
  const closed = closeClaim(claim)
  if (!closed || isClosed(claim)) return closed && null
  const { generation, lastGeneration, ...gone } = CLAIM_ATTRIBUTES
  return {
    set: equalities({ [generation]: number(0), [lastGeneration]: number(closed.lastGeneration!) }),
    remove: [...Object.values(gone), ...Object.values(PENDING_ATTRIBUTES)].map(name => words`${name}`),
    // Who owned it anew meanwhile has another generation, and the next removal closes that.
    when: equalities({ [generation]: number(claim.generation) }),
  }
}

/** {@link mayRemoveClaim} in DynamoDB's words. */
export function isAsRead({ owner, generation, committed }: Claim): Expression[] {
  const isCommitted = isCommittedAt(committed?.committedMs ?? null)
  return [...isOwnedAs({ owner, generation }), isCommitted, isNot(PENDING_VERSION)]
}

/** {@link applyOwner} in DynamoDB's words. An owner of null is an attribute that is not there. */
export function ownerUpdate(
  owner: string | null,
  expected: Ownership | undefined,
  firstGeneration = 1,
): Update {
  if (expected && expected.generation > 0) {
    return {
      set: equalities(OWNERSHIP.encode({ owner, generation: nextGeneration(expected, firstGeneration) })),
      ...(owner === null && { remove: [words`${OWNER}`] }),
      when: isOwnedAs(expected),
    }
  }
  const last = words`if_not_exists(${LAST_GENERATION}, ${number(firstGeneration - 1)})`
  return {
    set: [
      ...(owner === null ? [] : equalities({ [OWNER]: string(owner) })),
      words`${GENERATION} = ${last} + ${number(1)}`,
    ],
    remove: [words`${LAST_GENERATION}`, ...(owner === null ? [words`${OWNER}`] : [])],
    when: expected ? isOwnedAs(expected) : [words`(${NO_ITEM} OR ${IS_CLOSED})`],
  }
}

/** {@link applyCommit} in DynamoDB's words. What the commit before was counted as goes with it. */
export function commitUpdate(committed: CommittedOffset, by: Committer, seenMs: number | null): Update {
  return {
    set: [...equalities(COMMITTED.encode(committed)), ...making(by)],
    remove: uncounted(committed),
    when: [...isTheirs(by), isCommittedAt(seenMs)],
  }
}

/** {@link applyPending} in DynamoDB's words. */
export function pendingUpdate(
  pending: PendingOffset,
  by: Committer,
  seen: string | null,
  seenMs: number | null,
): Update {
  const isAsSeen = seen === null ? isNot(PENDING_VERSION) : isPending(seen)
  return {
    set: [...equalities(PENDING.encode(pending)), ...making(by)],
    when: [...isTheirs(by), isAsSeen, isCommittedAt(seenMs)],
  }
}

/** {@link applyResolution} in DynamoDB's words. */
export function resolutionUpdate(version: string, committed: CommittedOffset | null): Update {
  const remove = Object.values(PENDING_ATTRIBUTES).map(name => words`${name}`)
  const when = [isPending(version)]
  if (!committed) return { remove, when }
  const isLater = words`${COMMITTED_MS} < ${number(committed.committedMs)}`
  return {
    set: equalities(COMMITTED.encode(committed)),
    remove: [...remove, ...uncounted(committed)],
    when: [...when, words`(${isNot(COMMITTED_MS)} OR ${isLater})`],
  }
}

/** A claim that nobody ever owned is made by its first commit. */
function making(by: Committer): Expression[] {
  return by === 'unowned' ? [words`${GENERATION} = if_not_exists(${GENERATION}, ${number(0)})`] : []
}

function isTheirs(by: Committer): Expression[] {
  return by === 'unowned' ? [isNot(OWNER)] : isOwnedAs(by)
}

/** What leaves with a commit that its owner does not count. */
function uncounted({ sequence }: CommittedOffset): Expression[] {
  return sequence === undefined ? [words`${SEQUENCE}`, words`${UNDER_GENERATION}`] : []
}

/** null: nothing is committed. */
function isCommittedAt(committedMs: number | null): Expression {
  return committedMs === null ? isNot(COMMITTED_MS) : words`${COMMITTED_MS} = ${number(committedMs)}`
}

function isPending(version: string): Expression {
  return words`${PENDING_VERSION} = ${string(version)}`
}

function isOwnedAs({ owner, generation }: Ownership): Expression[] {
  const isOwner = owner === null ? isNot(OWNER) : words`${OWNER} = ${string(owner)}`
  return [isOwner, words`${GENERATION} = ${number(generation)}`]
}

function isNot(attribute: string): Expression {
  return words`attribute_not_exists(${attribute})`
}

/** {@link isClosed} in DynamoDB's words. */
export const IS_CLOSED = joined(
  [isNot(OWNER), words`${GENERATION} = ${number(0)}`, isNot(COMMITTED_MS), isNot(PENDING_VERSION)],
  ' AND ',
)
