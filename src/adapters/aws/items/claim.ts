import { type Committer, nextGeneration, type Ownership } from '../../../core/group/claim.ts'
import type { Claim, CommittedOffset } from '../../../core/group/group.ts'
import { CLAIM_ATTRIBUTES, claimKey, groupKey, parseClaimKey } from '../../../core/storage-layout.ts'
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
import { type Expression, equalities, words } from '../table/expression.ts'

const {
  owner: OWNER,
  generation: GENERATION,
  committedMs: COMMITTED_MS,
  sequence: SEQUENCE,
  underGeneration: UNDER_GENERATION,
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

export function claimItemKey(groupId: string, partition: PartitionId): Item {
  return itemKey(groupKey(groupId), claimKey(partition))
}

/** @throws RangeError when the item is no claim */
export function decodeClaimItem(item: Item): Claim {
  return {
    ...parseClaimKey(sortKeyOf(item)),
    ...OWNERSHIP.decode(item),
    committed: item[COMMITTED_MS] ? COMMITTED.decode(item) : null,
  }
}

/** {@link applyOwner} in DynamoDB's words. An owner of null is an attribute that is not there. */
export function ownerUpdate(
  owner: string | null,
  expected: Ownership | undefined,
  firstGeneration = 1,
): Update {
  return {
    set: equalities(OWNERSHIP.encode({ owner, generation: nextGeneration(expected, firstGeneration) })),
    ...(owner === null && { remove: [words`${OWNER}`] }),
    when: expected ? isOwnedAs(expected) : [NO_ITEM],
  }
}

/** {@link applyCommit} in DynamoDB's words. What the commit before was counted as goes with it. */
export function commitUpdate(committed: CommittedOffset, by: Committer, seenMs: number | null): Update {
  const set = equalities(COMMITTED.encode(committed))
  // A claim that nobody ever owned is made by its first commit.
  if (by === 'unowned') set.push(words`${GENERATION} = if_not_exists(${GENERATION}, ${number(0)})`)
  const isTheirs = by === 'unowned' ? [isNot(OWNER)] : isOwnedAs(by)
  const isNext = seenMs === null ? isNot(COMMITTED_MS) : words`${COMMITTED_MS} = ${number(seenMs)}`
  const remove = committed.sequence === undefined ? [words`${SEQUENCE}`, words`${UNDER_GENERATION}`] : []
  return { set, remove, when: [...isTheirs, isNext] }
}

function isOwnedAs({ owner, generation }: Ownership): Expression[] {
  const isOwner = owner === null ? isNot(OWNER) : words`${OWNER} = ${string(owner)}`
  return [isOwner, words`${GENERATION} = ${number(generation)}`]
}

function isNot(attribute: string): Expression {
  return words`attribute_not_exists(${attribute})`
}
