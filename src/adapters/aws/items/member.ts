import type { Lease, Member } from '../../../core/group/group.ts'
import { groupKey, MEMBER_ATTRIBUTES, memberKey, parseMemberKey } from '../../../core/storage-layout.ts'
import {
  fields,
  type Item,
  itemKey,
  list,
  number,
  orAbsent,
  orNull,
  sortKeyOf,
  text,
  whole,
} from '../table/attributes.ts'
import { EXISTS } from '../table/conditions.ts'
import type { Update } from '../table/dynamo-table.ts'
import { type Expression, equalities, words } from '../table/expression.ts'
import { assignor } from './group.ts'

const LEASE = { leaseUntilMs: whole, settledEpoch: whole }
const LEASE_FIELDS = fields<Lease>(MEMBER_ATTRIBUTES, LEASE)
const FIELDS = fields<Omit<Member, 'memberId'>>(MEMBER_ATTRIBUTES, {
  incarnation: text,
  instanceId: orNull(text),
  clientId: text,
  topics: list(text),
  topicPattern: orNull(text),
  assignor,
  sessionTimeoutMs: whole,
  joinedMs: whole,
  clientHost: orAbsent(text),
  ...LEASE,
})

export function memberItemKey(groupId: string, memberId: string): Item {
  return itemKey(groupKey(groupId), memberKey(memberId))
}

export function encodeMemberItem(groupId: string, member: Member): Item {
  return { ...memberItemKey(groupId, member.memberId), ...FIELDS.encode(member) }
}

/** @throws RangeError when the item is no member */
export function decodeMemberItem(item: Item): Member {
  return { memberId: parseMemberKey(sortKeyOf(item)), ...FIELDS.decode(item) }
}

export function leaseUpdate(lease: Lease): Update {
  return { set: equalities(LEASE_FIELDS.encode(lease)), when: [EXISTS] }
}

export function shorteningUpdate(expectedMs: number, leaseUntilMs: number): Update {
  const set = equalities({ [MEMBER_ATTRIBUTES.leaseUntilMs]: number(leaseUntilMs) })
  return { set, when: [isLeasedUntil(expectedMs)] }
}

/** That its lease has not been renewed. */
export function isLeasedUntil(leaseUntilMs: number): Expression {
  return words`${MEMBER_ATTRIBUTES.leaseUntilMs} = ${number(leaseUntilMs)}`
}
